import type { Clock } from "../clock.js";
import type { Milliseconds } from "../options.js";
import type {
  CommitResult,
  GroupCommit,
  GroupName,
  GroupPartition,
  GroupState,
  GroupView,
  KeptDeadLetter,
  PartitionName,
  StreamName,
} from "./engine.js";
import type { JetStreamSession } from "./jetstream-session.js";
import type { KeptValue } from "./nats-bucket.js";
import { NatsDeadLetters, type WrittenLetters } from "./nats-dead-letters.js";
import {
  type GroupRecord,
  type KeptRecord,
  readRecord,
  recordText,
  remainingOf,
  stateOf,
} from "./nats-group-state.js";
import type { LogGroups, NatsLog } from "./nats-log.js";
import type { NatsMembers } from "./nats-members.js";
import { keys } from "./nats-names.js";
import { Sightings } from "./sightings.js";

/** What groups are made of. @internal */
export interface GroupSettings {
  readonly clock: Clock;
  readonly members: NatsMembers;
  log(partition: PartitionName): NatsLog;
  /** @throws when there is no connection */
  session(): JetStreamSession;
}

type At = "earliest" | "latest";

/**
 * The cluster groups: each partition of each is one key, which is only changed from the revision
 * that was read. So whoever has lost the lease can't change it any more.
 *
 * @internal
 */
export class NatsGroups implements LogGroups {
  readonly #settings: GroupSettings;
  readonly #letters: NatsDeadLetters;
  /** When leases were written, or first seen. */
  readonly #leases = new Sightings();
  /** What was last read or written, by key. */
  readonly #known = new Map<string, KeptRecord>();

  constructor(settings: GroupSettings) {
    this.#settings = settings;
    this.#letters = new NatsDeadLetters(() => settings.session());
  }

  async names(stream: StreamName): Promise<string[]> {
    const kept = await this.#session.state.values(keys.groupPartitions(stream, "*"));
    return [...new Set(kept.flatMap((value) => this.#readable(value)?.group ?? []))].sort();
  }

  async create(group: GroupName, partitions: number, at: At): Promise<void> {
    const all = Array.from({ length: partitions }, (_, partition) => ({ ...group, partition }));
    await Promise.all(
      all.map(async (of) => (await this.#find(of)) ?? (await this.#create(of, at))),
    );
  }

  async view(group: GroupName): Promise<GroupView> {
    const session = this.#session;
    const kept = await session.state.values(keys.group(group));
    const memberPrefix = keys.member(group, "");
    const members = kept.filter(({ key }) => key.startsWith(memberPrefix));
    const partitionPrefix = keys.groupPartition({ ...group, partition: -1 }).slice(0, -2);
    const partitions = kept.flatMap((value) => {
      const partition = Number(value.key.slice(partitionPrefix.length));
      const isOne = value.key.startsWith(partitionPrefix) && Number.isSafeInteger(partition);
      const record = isOne ? this.#readable(value) : undefined;
      return record === undefined ? [] : [this.#stateOf(partition, value.key, record)];
    });
    return {
      members: this.#settings.members.living(members, session.state),
      partitions: partitions.sort((a, b) => a.partition - b.partition),
    };
  }

  async acquire(
    of: GroupPartition,
    owner: string,
    leaseTime: Milliseconds,
    at: At,
  ): Promise<GroupState | undefined> {
    const key = keys.groupPartition(of);
    for (;;) {
      const record = (await this.#find(of)) ?? (await this.#create(of, at));
      if (this.#remaining(key, record) > 0) return undefined;
      const log = this.#settings.log(of);
      const [{ generation }, counts] = await Promise.all([log.bounds(), this.#letters.count(of)]);
      const begun = this.#now();
      const taken = await this.#replace(
        of,
        record,
        {
          ...inGeneration(record, generation),
          ...counts,
          owner,
          lease: leaseTime,
          renewals: record.renewals + 1,
          fence: null,
        },
        begun,
      );
      if (taken !== undefined) return this.#stateOf(of.partition, key, taken);
    }
  }

  async commit(of: GroupPartition, commit: GroupCommit): Promise<CommitResult> {
    const key = keys.groupPartition(of);
    const begun = this.#now();
    let written: WrittenLetters | undefined;
    let known = this.#known.get(key);
    // What is known may be old: what is refused, is refused by what the server has.
    let isFresh = false;
    for (;;) {
      if (known === undefined || !this.#mayCommit(key, known, commit)) {
        if (isFresh || (known = await this.#find(of)) === undefined) {
          await written?.undo();
          const state = known && this.#stateOf(of.partition, key, known);
          return { status: "fenced", state: state ?? noState(of, commit.generation) };
        }
        isFresh = true;
        continue;
      }
      const renewed = {
        ...known,
        owner: commit.leaseTime > 0 ? known.owner : null,
        lease: commit.leaseTime,
        renewals: known.renewals + 1,
      };
      const isMoved = renewed.generation !== commit.generation || renewed.seeks !== commit.seeks;
      const { dead, retried } = commit;
      if (!isMoved && written === undefined && dead.length + retried.length > 0)
        written = await this.#letters.write(of, commit.generation, dead, retried);
      const next = isMoved
        ? renewed
        : {
            ...renewed,
            position: commit.position,
            deadLetters: renewed.deadLetters + (written?.added ?? 0),
            retries: Math.max(0, renewed.retries - (written?.retried ?? 0)),
          };
      const record = await this.#replace(of, known, next, begun);
      if (record === undefined) {
        known = await this.#find(of);
        isFresh = true;
        continue;
      }
      await (isMoved ? written?.undo() : written?.finish());
      const state = this.#stateOf(of.partition, key, record);
      return { status: isMoved ? "moved" : "committed", state };
    }
  }

  async setPaused(of: GroupPartition, paused: boolean): Promise<void> {
    await this.#change(of, (record) => ({ ...record, paused }));
  }

  async seek(of: GroupPartition, to: At | number): Promise<number> {
    const { generation, first, next } = await this.#settings.log(of).bounds();
    const position =
      to === "earliest" ? first : to === "latest" ? next : Math.min(Math.max(to, first), next);
    await this.#change(of, (record) => {
      return { ...record, generation, position, seeks: record.seeks + 1 };
    });
    return position;
  }

  deadLetters(
    of: GroupPartition,
    which: "resting" | "retrying",
    limit: number,
  ): Promise<KeptDeadLetter[]> {
    return this.#letters.list(of, which, limit);
  }

  async retry(of: GroupPartition, ids: readonly string[] | "all"): Promise<number> {
    const retried = await this.#letters.retry(of, ids);
    if (retried > 0)
      await this.#change(of, (record) => ({
        ...record,
        deadLetters: Math.max(0, record.deadLetters - retried),
        retries: record.retries + retried,
      }));
    return retried;
  }

  async drop(of: GroupPartition, ids: readonly string[] | "all"): Promise<number> {
    const dropped = await this.#letters.drop(of, ids);
    if (dropped > 0)
      await this.#change(of, (record) => ({
        ...record,
        deadLetters: Math.max(0, record.deadLetters - dropped),
      }));
    return dropped;
  }

  async delete(of: GroupPartition): Promise<string | undefined> {
    const key = keys.groupPartition(of);
    for (;;) {
      const record = await this.#find(of);
      if (record === undefined) return undefined;
      if (this.#remaining(key, record) > 0) return record.owner ?? undefined;
      if (!(await this.#session.state.remove(key, record.revision))) continue;
      this.#known.delete(key);
      this.#leases.forget(key);
      await this.#letters.removeAll(of);
      return undefined;
    }
  }

  /** Calls `changed` for what others may want to know, until the returned function is called. */
  watch(session: JetStreamSession, group: GroupName, changed: () => void, ended: () => void) {
    const memberPrefix = keys.member(group, "");
    const partitionPrefix = keys.groupPartition({ ...group, partition: -1 }).slice(0, -2);
    const shown = new Map<string, string>();
    const heard = (kept: KeptValue): void => {
      if (kept.key.startsWith(memberPrefix)) {
        if (this.#settings.members.heard(kept)) changed();
        return;
      }
      const record = kept.key.startsWith(partitionPrefix) ? this.#heard(kept) : undefined;
      if (record !== undefined) {
        const { owner, fence, generation, seeks, paused, retries } = record;
        // Not the position, which moves all the time.
        const text = JSON.stringify([owner, fence, generation, seeks, paused, retries]);
        if (shown.get(kept.key) === text) return;
        shown.set(kept.key, text);
      }
      changed();
    };
    return session.state.watch(keys.group(group), heard, ended);
  }

  async neededFrom(partition: PartitionName, generation: string): Promise<number> {
    const filter = keys.groupPartitions(partition, partition.partition);
    const kept = await this.#session.state.values(filter);
    const needed = kept.map((value) => {
      const record = this.#readable(value);
      return record?.generation === generation ? record.position : 0;
    });
    return Math.min(Infinity, ...needed);
  }

  async enter(partition: PartitionName): Promise<void> {
    const log = this.#settings.log(partition);
    const filter = keys.groupPartitions(partition, partition.partition);
    const kept = await this.#session.state.values(filter);
    const groups = new Set(kept.flatMap((value) => this.#readable(value)?.group ?? []));
    for (let entered: string | undefined; ;) {
      const generation = await log.presentGeneration();
      // Another one may begin meanwhile: the last one counts.
      if (generation === undefined || generation === entered) return;
      entered = generation;
      for (const group of groups)
        await this.#change({ ...partition, group }, (record) => inGeneration(record, generation));
    }
  }

  get #session(): JetStreamSession {
    return this.#settings.session();
  }

  #now(): Milliseconds {
    return this.#settings.clock.now();
  }

  #mayCommit(key: string, record: KeptRecord, { fence }: GroupCommit): boolean {
    return record.fence === fence && this.#remaining(key, record) > 0;
  }

  /** Reads the partition from the server. */
  async #find(of: GroupPartition): Promise<KeptRecord | undefined> {
    const key = keys.groupPartition(of);
    const kept = await this.#session.state.get(key);
    if (kept !== undefined) return this.#read(kept);
    this.#known.delete(key);
    return undefined;
  }

  #read(kept: KeptValue): KeptRecord {
    const record = readRecord(kept, this.#session.state.fenceBase);
    this.#learn(kept.key, record, this.#now());
    return record;
  }

  /** Undefined: something foreign has written the key, which its owner will be told. */
  #readable(kept: KeptValue): KeptRecord | undefined {
    try {
      return this.#read(kept);
    } catch {
      return undefined;
    }
  }

  /** What a watch says may be older than what is known. */
  #heard(kept: KeptValue): KeptRecord | undefined {
    const known = this.#known.get(kept.key);
    const record = this.#readable(kept);
    if (known !== undefined && known.revision > kept.revision) this.#known.set(kept.key, known);
    return record;
  }

  #learn(key: string, record: KeptRecord, at: Milliseconds): void {
    this.#leases.see(key, leaseOf(record), at);
    this.#known.set(key, record);
  }

  #remaining(key: string, record: KeptRecord): Milliseconds {
    const now = this.#now();
    return remainingOf(record, this.#leases.see(key, leaseOf(record), now), now);
  }

  #stateOf(partition: number, key: string, record: KeptRecord): GroupState {
    return stateOf(partition, record, this.#remaining(key, record));
  }

  async #create(of: GroupPartition, at: At): Promise<KeptRecord> {
    const { generation, first, next } = await this.#settings.log(of).bounds();
    const record: GroupRecord = {
      group: of.group,
      owner: null,
      lease: 0,
      renewals: 0,
      fence: null,
      position: at === "earliest" ? first : next,
      generation,
      seeks: 0,
      paused: false,
      deadLetters: 0,
      retries: 0,
    };
    const key = keys.groupPartition(of);
    for (;;) {
      const made = await this.#session.state.replace(key, recordText(record), 0);
      const found = await this.#find(of);
      if (found !== undefined) return found;
      // Created and deleted meanwhile.
      if (made !== undefined) throw new Error(`group ${of.group} has been deleted`);
    }
  }

  /** Changes a partition, if it is there, without a change of its lease. */
  async #change(of: GroupPartition, change: (record: KeptRecord) => GroupRecord): Promise<void> {
    for (;;) {
      const record = await this.#find(of);
      if (record === undefined) return;
      if ((await this.#replace(of, record, change(record), this.#now())) !== undefined) return;
    }
  }

  /** Undefined: it has been changed meanwhile. */
  async #replace(
    of: GroupPartition,
    { revision }: KeptRecord,
    record: GroupRecord,
    begun: Milliseconds,
  ): Promise<KeptRecord | undefined> {
    const key = keys.groupPartition(of);
    const { state } = this.#session;
    const written = await state.replace(key, recordText(record), revision);
    if (written === undefined) return undefined;
    const fence = record.fence ?? state.fenceBase + written;
    const kept = { ...record, fence, revision: written };
    this.#learn(key, kept, begun);
    return kept;
  }
}

/** What tells one lease, and one renewal of it, from the others. */
const leaseOf = ({ fence, renewals }: KeptRecord): string => `${fence}:${renewals}`;

/** In a new generation, a group begins at 0. */
function inGeneration<R extends GroupRecord>(record: R, generation: string): R {
  return record.generation === generation ? record : { ...record, generation, position: 0 };
}

/** Of a partition that is not there. */
function noState({ partition }: GroupPartition, generation: string): GroupState {
  return {
    partition,
    owner: null,
    remaining: 0,
    fence: 0,
    position: 0,
    generation,
    seeks: 0,
    paused: false,
    deadLetters: 0,
    retries: 0,
  };
}
