import type { Milliseconds } from "../options.js";
import type { GroupState } from "./engine.js";
import type { KeptValue } from "./nats-bucket.js";
import { readObject } from "./nats-log.js";

/** A partition of a group, as its key holds it. @internal */
export interface GroupRecord {
  readonly group: string;
  readonly owner: string | null;
  /** For how long the lease counts, from when it was written; 0: there is none. */
  readonly lease: Milliseconds;
  /** Grows when the lease is taken, renewed or given back, and by nothing else. */
  readonly renewals: number;
  /** Null: it is made of the revision of this very value. */
  readonly fence: number | null;
  readonly position: number;
  readonly generation: string;
  readonly seeks: number;
  readonly paused: boolean;
  readonly deadLetters: number;
  readonly retries: number;
}

/** A record with what belongs to it. @internal */
export interface KeptRecord extends GroupRecord {
  readonly revision: number;
  readonly fence: number;
}

/** @throws where something foreign has written the key @internal */
export function readRecord(kept: KeptValue, fenceBase: number): KeptRecord {
  const record = (readObject(kept.value) ?? {}) as Partial<GroupRecord>;
  const { group, owner, lease, renewals, fence, position, generation, seeks, paused } = record;
  const { deadLetters, retries } = record;
  const numbers = [lease, renewals, position, seeks, deadLetters, retries];
  const isRecord =
    typeof group === "string" &&
    (owner === null || typeof owner === "string") &&
    (fence === null || Number.isSafeInteger(fence)) &&
    typeof generation === "string" &&
    typeof paused === "boolean" &&
    numbers.every((number) => Number.isFinite(number) && (number as number) >= 0);
  if (!isRecord) throw new Error(`the key ${kept.key} does not hold a partition of a group`);
  const { revision } = kept;
  return { ...(record as GroupRecord), revision, fence: fence ?? fenceBase + revision };
}

/** @internal */
export function recordText(record: GroupRecord): string {
  const { group, owner, lease, renewals, fence, position, generation, seeks, paused } = record;
  const { deadLetters, retries } = record;
  return JSON.stringify({
    group,
    owner,
    lease,
    renewals,
    fence,
    position,
    generation,
    seeks,
    paused,
    deadLetters,
    retries,
  });
}

/** Milliseconds that are left of the lease. @internal */
export function remainingOf(record: GroupRecord, writtenAt: Milliseconds, now: Milliseconds) {
  return record.owner === null ? 0 : Math.max(0, writtenAt + record.lease - now);
}

/** @internal */
export function stateOf(
  partition: number,
  record: KeptRecord,
  remaining: Milliseconds,
): GroupState {
  const { owner, fence, position, generation, seeks, paused, deadLetters, retries } = record;
  return {
    partition,
    owner: remaining > 0 ? owner : null,
    remaining,
    fence,
    position,
    generation,
    seeks,
    paused,
    deadLetters,
    retries,
  };
}
