import type { Clock } from "../clock.js";
import type { Milliseconds } from "../options.js";
import type { GroupName, GroupPartition, GroupState, GroupView } from "./engine.js";
import type { JetStreamSession } from "./jetstream-session.js";
import type { KeptValue } from "./nats-bucket.js";
import {
  type GroupRecord,
  type KeptRecord,
  readRecord,
  recordText,
  remainingOf,
  stateOf,
} from "./nats-group-state.js";
import type { NatsMembers } from "./nats-members.js";
import { keys } from "./nats-names.js";
import { Sightings } from "./sightings.js";

/** What records of groups are read with. @internal */
export interface RecordSettings {
  readonly clock: Clock;
  readonly members: NatsMembers;
  /** @throws when there is no connection */
  session(): JetStreamSession;
}

/**
 * The partitions of cluster groups as their keys hold them, and what this node knows of them: it
 * reads, changes and watches the keys.
 *
 * @internal
 */
export class NatsGroupRecords {
  readonly #settings: RecordSettings;
  /** When leases were written, or first seen. */
  readonly #leases = new Sightings();
  /** What was last read, written or heard of, by key. */
  readonly #known = new Map<string, KeptRecord>();
  /**
   * By key of a group, the session in which all of it is known: it was read, and a watch has said
   * since what has changed.
   */
  readonly #complete = new Map<string, JetStreamSession>();
  /** The same of watches that have begun. */
  readonly #watched = new Map<string, JetStreamSession>();

  constructor(settings: RecordSettings) {
    this.#settings = settings;
  }

  /** What is known of the partition of a key. It may be old. */
  known(key: string): KeptRecord | undefined {
    return this.#known.get(key);
  }

  /** Reads the partition from the server. */
  async find(of: GroupPartition): Promise<KeptRecord | undefined> {
    const key = keys.groupPartition(of);
    const before = this.#known.get(key);
    const kept = await this.#session.state.get(key);
    if (kept !== undefined) return this.#read(kept, before);
    this.#known.delete(key);
    return undefined;
  }

  #read(kept: KeptValue, before: KeptRecord | undefined): KeptRecord {
    const record = readRecord(kept, this.#session.state.fenceBase);
    this.#learn(kept.key, record, before, this.#now());
    return record;
  }

  /** Undefined: something foreign has written the key, which its owner will be told. */
  readable(kept: KeptValue, before?: KeptRecord): KeptRecord | undefined {
    try {
      return this.#read(kept, before);
    } catch {
      this.#known.delete(kept.key);
      return undefined;
    }
  }

  /**
   * A partition was read or written.
   *
   * @param before what was known when that was asked for. It is replaced, be it younger: the bucket
   *   may be another one. What has been heard of since is not, unless it is older.
   */
  #learn(key: string, record: KeptRecord, before: KeptRecord | undefined, at: Milliseconds): void {
    const known = this.#known.get(key);
    if (known !== undefined && known !== before && known.revision > record.revision) return;
    this.#leases.see(key, leaseOf(record), at);
    this.#known.set(key, record);
  }

  remaining(key: string, record: KeptRecord): Milliseconds {
    const now = this.#now();
    return remainingOf(record, this.#leases.see(key, leaseOf(record), now), now);
  }

  stateOf(partition: number, key: string, record: KeptRecord): GroupState {
    return stateOf(partition, record, this.remaining(key, record));
  }

  /** Undefined: it has been changed meanwhile. */
  async replace(
    of: GroupPartition,
    { revision }: KeptRecord,
    record: GroupRecord,
    begun: Milliseconds,
  ): Promise<KeptRecord | undefined> {
    const key = keys.groupPartition(of);
    const before = this.#known.get(key);
    const { state } = this.#session;
    const written = await state.replace(key, recordText(record), revision);
    if (written === undefined) return undefined;
    const fence = record.fence ?? state.fenceBase + written;
    const kept = { ...record, fence, revision: written };
    this.#learn(key, kept, before, begun);
    return kept;
  }

  /** The key is not there any more. */
  forget(key: string): void {
    this.#known.delete(key);
    this.#leases.forget(key);
  }

  /** Reads all partitions of a group, and its members. */
  async view(group: GroupName): Promise<GroupView> {
    const session = this.#session;
    const { members } = this.#settings;
    const { all, member, partition } = keysOf(group);
    const isWatched = this.#watched.get(all) === session;
    const before = new Map(this.#known);
    const membersBefore = members.all();
    const kept = await session.state.values(all);
    const found = new Set(kept.map(({ key }) => key));
    for (const value of kept)
      if (value.key.startsWith(member)) members.learn(value, membersBefore.get(value.key));
      else if (value.key.startsWith(partition)) this.readable(value, before.get(value.key));
    // Keys are removed without a trace; what has been heard of since is there.
    members.keepOnly(member, found, membersBefore);
    for (const [key, record] of before)
      if (key.startsWith(partition) && !found.has(key) && this.#known.get(key) === record)
        this.#known.delete(key);
    if (isWatched && this.#watched.get(all) === session) this.#complete.set(all, session);
    return this.#viewOf(group, session);
  }

  /** The group as this node knows it. */
  #viewOf(group: GroupName, session: JetStreamSession): GroupView {
    const { member, partition: prefix } = keysOf(group);
    const partitions: GroupState[] = [];
    for (const [key, record] of this.#known) {
      if (!key.startsWith(prefix)) continue;
      const partition = Number(key.slice(prefix.length));
      if (Number.isSafeInteger(partition)) partitions.push(this.stateOf(partition, key, record));
    }
    return {
      members: this.#settings.members.living(member, session.state),
      partitions: partitions.sort((a, b) => a.partition - b.partition),
    };
  }

  /**
   * Calls `changed` for what others may want to know, until the returned function is called: with
   * the group, once all of it is known.
   */
  async watch(
    session: JetStreamSession,
    group: GroupName,
    changed: (view?: GroupView) => void,
    ended: () => void,
  ): Promise<() => void> {
    const { all, member, partition } = keysOf(group);
    const shown = new Map<string, string>();
    const tell = (): void => {
      changed(this.#complete.get(all) === session ? this.#viewOf(group, session) : undefined);
    };
    const heard = (kept: KeptValue): void => {
      if (kept.key.startsWith(member)) {
        if (this.#settings.members.learn(kept)) tell();
        return;
      }
      if (!kept.key.startsWith(partition)) return;
      this.readable(kept);
      const record = this.#known.get(kept.key);
      if (record !== undefined) {
        const { owner, fence, generation, seeks, paused, retries } = record;
        // Not the position, which moves all the time.
        const text = JSON.stringify([owner, fence, generation, seeks, paused, retries]);
        if (shown.get(kept.key) === text) return;
        shown.set(kept.key, text);
      }
      tell();
    };
    const forget = (): void => {
      if (this.#watched.get(all) !== session) return;
      this.#complete.delete(all);
      this.#watched.delete(all);
    };
    const stop = await session.state.watch(all, heard, () => {
      forget();
      ended();
    });
    this.#watched.set(all, session);
    return () => {
      forget();
      stop();
    };
  }

  get #session(): JetStreamSession {
    return this.#settings.session();
  }

  #now(): Milliseconds {
    return this.#settings.clock.now();
  }
}

/** What tells one lease, and one renewal of it, from the others. */
const leaseOf = ({ fence, renewals }: KeptRecord): string => `${fence}:${renewals}`;

/** What matches all keys of a group, and how those of its members and of its partitions begin. */
function keysOf(group: GroupName): { all: string; member: string; partition: string } {
  return {
    all: keys.group(group),
    member: keys.member(group, ""),
    partition: keys.groupPartition({ ...group, partition: 0 }).slice(0, -1),
  };
}
