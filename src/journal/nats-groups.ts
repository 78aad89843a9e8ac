import type { Milliseconds } from "../options.js";
import type {
  AcquiredState,
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
import { NatsDeadLetters, type WrittenLetters } from "./nats-dead-letters.js";
import { NatsGroupRecords, type RecordSettings } from "./nats-group-records.js";
import { type GroupRecord, type KeptRecord, recordText } from "./nats-group-state.js";
import type { LogGroups, NatsLog } from "./nats-log.js";
import { keys } from "./nats-names.js";

/** What groups are made of. @internal */
export interface GroupSettings extends RecordSettings {
  log(partition: PartitionName): NatsLog;
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
  readonly #records: NatsGroupRecords;
  readonly #letters: NatsDeadLetters;

  constructor(settings: GroupSettings) {
    this.#settings = settings;
    this.#records = new NatsGroupRecords(settings);
    this.#letters = new NatsDeadLetters(() => settings.session());
  }

  async names(stream: StreamName): Promise<string[]> {
    const kept = await this.#session.state.values(keys.groupPartitions(stream, "*"));
    return [...new Set(kept.flatMap((value) => this.#records.readable(value)?.group ?? []))].sort();
  }

  async create(group: GroupName, partitions: number, at: At): Promise<void> {
    const all = Array.from({ length: partitions }, (_, partition) => ({ ...group, partition }));
    await Promise.all(
      all.map(async (of) => (await this.#records.find(of)) ?? (await this.#create(of, at))),
    );
  }

  view(group: GroupName): Promise<GroupView> {
    return this.#records.view(group);
  }

  async acquire(
    of: GroupPartition,
    owner: string,
    leaseTime: Milliseconds,
    at: At,
  ): Promise<AcquiredState | undefined> {
    const key = keys.groupPartition(of);
    // What is known may be old: then the server takes no change of it.
    for (let known = this.#records.known(key); ; known = undefined) {
      const isFree = known !== undefined && this.#records.remaining(key, known) === 0;
      const record = isFree
        ? known
        : ((await this.#records.find(of)) ?? (await this.#create(of, at)));
      if (record === undefined || this.#records.remaining(key, record) > 0) return undefined;
      const begun = this.#settings.clock.now();
      const lease = { owner, lease: leaseTime, renewals: record.renewals + 1, fence: null };
      // Each is a round trip. What the last two find is written behind, where it differs.
      const [taken, { generation, first }, counts] = await Promise.all([
        this.#records.replace(of, record, { ...record, ...lease }, begun),
        this.#settings.log(of).bounds(),
        this.#letters.count(of),
      ]);
      if (taken === undefined) continue;
      const state = await this.#correct(of, taken, begun, (it) => {
        return { ...inGeneration(it, generation), ...counts };
      });
      return state && { ...this.#records.stateOf(of.partition, key, state), first };
    }
  }

  /** Changes a partition that has just been taken. Undefined: it has another owner by now. */
  async #correct(
    of: GroupPartition,
    taken: KeptRecord,
    begun: Milliseconds,
    change: (record: KeptRecord) => GroupRecord,
  ): Promise<KeptRecord | undefined> {
    let record: KeptRecord | undefined = taken;
    while (record?.fence === taken.fence) {
      const right = change(record);
      if (recordText(right) === recordText(record)) return record;
      const written: KeptRecord | undefined = await this.#records.replace(of, record, right, begun);
      if (written !== undefined) return written;
      record = await this.#records.find(of);
    }
    return undefined;
  }

  async commit(of: GroupPartition, commit: GroupCommit): Promise<CommitResult> {
    const key = keys.groupPartition(of);
    const begun = this.#settings.clock.now();
    let written: WrittenLetters | undefined;
    let known = this.#records.known(key);
    // What is known may be old: what is refused, is refused by what the server has.
    let isFresh = false;
    for (;;) {
      if (known === undefined || !this.#mayCommit(key, known, commit)) {
        if (isFresh || (known = await this.#records.find(of)) === undefined) {
          await written?.undo();
          const state = known && this.#records.stateOf(of.partition, key, known);
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
      const record = await this.#records.replace(of, known, next, begun);
      if (record === undefined) {
        known = await this.#records.find(of);
        isFresh = true;
        continue;
      }
      await (isMoved ? written?.undo() : written?.finish());
      const state = this.#records.stateOf(of.partition, key, record);
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
      const record = await this.#records.find(of);
      if (record === undefined) return undefined;
      if (this.#records.remaining(key, record) > 0) return record.owner ?? undefined;
      if (!(await this.#session.state.remove(key, record.revision))) continue;
      this.#records.forget(key);
      await this.#letters.removeAll(of);
      return undefined;
    }
  }

  /** See {@link NatsGroupRecords.watch}. */
  watch(
    session: JetStreamSession,
    group: GroupName,
    changed: (view?: GroupView) => void,
    ended: () => void,
  ): Promise<() => void> {
    return this.#records.watch(session, group, changed, ended);
  }

  async neededFrom(partition: PartitionName, generation: string): Promise<number> {
    const filter = keys.groupPartitions(partition, partition.partition);
    const kept = await this.#session.state.values(filter);
    const needed = kept.map((value) => {
      const record = this.#records.readable(value);
      return record?.generation === generation ? record.position : 0;
    });
    return Math.min(Infinity, ...needed);
  }

  async enter(partition: PartitionName): Promise<void> {
    const log = this.#settings.log(partition);
    const filter = keys.groupPartitions(partition, partition.partition);
    const kept = await this.#session.state.values(filter);
    const groups = new Set(kept.flatMap((value) => this.#records.readable(value)?.group ?? []));
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

  #mayCommit(key: string, record: KeptRecord, { fence }: GroupCommit): boolean {
    return record.fence === fence && this.#records.remaining(key, record) > 0;
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
      const found = await this.#records.find(of);
      if (found !== undefined) return found;
      // Created and deleted meanwhile.
      if (made !== undefined) throw new Error(`group ${of.group} has been deleted`);
    }
  }

  /** Changes a partition, if it is there, without a change of its lease. */
  async #change(of: GroupPartition, change: (record: KeptRecord) => GroupRecord): Promise<void> {
    for (;;) {
      const record = await this.#records.find(of);
      if (record === undefined) return;
      if (
        (await this.#records.replace(of, record, change(record), this.#settings.clock.now())) !==
        undefined
      )
        return;
    }
  }
}

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
