import type { StreamAddress } from "../cluster/messages.js";
import type { GroupState, JournalEngine, KeptDeadLetter } from "../journal/engine.js";
import type { Milliseconds } from "../options.js";
import { type DeadLetter, decodeDeadLetter } from "./dead-letter.js";

/** One partition of a cluster group. */
export interface ClusterGroupStatus {
  /** From 0; 0 on a stream without partitions. */
  readonly partition: number;
  /** The node that handles it; null: none does now. */
  readonly owner: string | null;
  /** Grows with every change of owner: never the same for two. */
  readonly fence: number;
  /** The first position that is not handled. */
  readonly position: number;
  /** Events of any type that the journal has from there on. */
  readonly lag: number;
  /**
   * How long the oldest of them has been in the journal, in milliseconds, by this node's and the
   * engine's wall clock; null: there is none.
   */
  readonly oldestAge: Milliseconds | null;
  /** Whether nothing more of it is handled until `resume`. */
  readonly paused: boolean;
  /** How many dead letters it has, without those that are being retried. */
  readonly deadLetters: number;
}

/** Where a cluster group is kept. @internal */
export interface GroupPlace {
  readonly engine: JournalEngine;
  readonly address: StreamAddress;
  readonly group: string;
  /** Of the stream; null: it has none. */
  readonly partitions: number | null;
  /** By the wall clock, in milliseconds since 1970. */
  readonly now: () => Milliseconds;
}

/** @internal */
export async function statusOf(
  { engine, address: { cache, name }, now }: GroupPlace,
  state: GroupState,
): Promise<ClusterGroupStatus> {
  const { partition, owner, fence, paused, deadLetters } = state;
  const journal = { cache, name, partition };
  const { generation, first, next } = await engine.bounds(journal);
  // In a new generation the group begins at 0, though nobody has taken it yet.
  const position = state.generation === generation ? state.position : 0;
  const from = Math.max(position, first);
  const oldest = from < next ? await engine.entryAt(journal, from) : undefined;
  return {
    partition,
    owner,
    fence,
    position,
    lag: Math.max(0, next - from),
    oldestAge: oldest === undefined ? null : Math.max(0, now() - oldest.time),
    paused,
    deadLetters,
  };
}

/**
 * The dead letters that rest, by partition and the oldest first.
 *
 * @param limit how many at most
 * @param unreadable called with each that can't be read, which is left out
 * @internal
 */
export async function restingLetters(
  { engine, address, group, partitions: count }: GroupPlace,
  { partition, limit }: { readonly partition: number | undefined; readonly limit: number },
  unreadable: (letter: KeptDeadLetter, error: unknown) => void,
): Promise<DeadLetter[]> {
  const { cache, name } = address;
  const { partitions } = await engine.viewGroup({ cache, name, group });
  const letters: DeadLetter[] = [];
  let left = limit;
  for (const { partition: index, deadLetters } of partitions) {
    if (left === 0) break;
    if (deadLetters === 0 || (partition ?? index) !== index) continue;
    const kept = await engine.deadLetters(
      { cache, name, group, partition: index },
      "resting",
      left,
    );
    left -= kept.length;
    for (const letter of kept) {
      const { id, partition: of, position } = letter;
      try {
        letters.push({ id, partition: of, position, ...decodeDeadLetter(address, letter, count) });
      } catch (error) {
        unreadable(letter, error);
      }
    }
  }
  return letters;
}
