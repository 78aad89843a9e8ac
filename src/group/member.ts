import type { TimerHandle } from "../clock.js";
import { JournalReplicator } from "../cluster/journal-replicator.js";
import { GroupBusyError } from "../errors.js";
import type {
  AcquiredState,
  GroupName,
  GroupState,
  GroupView,
  JournalEngine,
} from "../journal/engine.js";
import type { JournalPort } from "../journal/types.js";
import type { Milliseconds } from "../options.js";
import type { Stream } from "../stream/stream.js";
import { channels, warnOfError } from "../telemetry/channels.js";
import { report } from "../telemetry/reports.js";
import { removeSource } from "../telemetry/metrics.js";
import { observe } from "../telemetry/open-telemetry.js";
import { type GroupMetrics, metricsOf } from "./group-metrics.js";
import type { GroupContext, LeasedPartition, Release } from "./group-context.js";
import { OwnedPartition } from "./owned-partition.js";
import type { LostPositions } from "./reading.js";
import { shareOf, soonFree } from "./spread.js";
import { TailAhead } from "./tail-ahead.js";

/** How a pool takes part in a cluster group. @internal */
export interface MemberOptions {
  readonly stream: Stream;
  readonly port: JournalPort;
  readonly group: string;
  /** The types of event that it handles. */
  readonly mask: number;
  /** Where the group begins if it is new. */
  readonly from: "latest" | "earliest";
  readonly leaseTime: Milliseconds;
  readonly workers: {
    /** Whether the handler of a partition takes gaps. */
    handlesGaps(index: number): boolean;
    /** Starts the worker of a partition, which waits for `start` or `end`, unless one runs. */
    prepare(index: number): void;
    /** Lets the worker of a partition begin, which is started unless it runs. */
    start(index: number): void;
    /** Settles when the worker has ended, or the pool is ending. */
    end(index: number): Promise<void>;
  };
}

/** The members that live, by stream and group. */
const members = new WeakMap<Stream, Map<string, GroupMember>>();

/** What was known of a partition last. */
interface Seen {
  readonly generation: string;
  /** The first position that is not handled. */
  readonly position: number;
  /** The position behind the last one that is known to have been written. */
  readonly known: number;
}

/** An owner that is no live member. */
const nobody = "";

/**
 * This node's part in a cluster group: it announces itself, takes its share of the partitions, and
 * gives back what is beyond it. Each pool has one.
 *
 * @internal
 */
export class GroupMember {
  readonly #options: MemberOptions;
  readonly #context: GroupContext;
  readonly #name: GroupName;
  readonly #metrics: GroupMetrics;
  readonly #owned = new Map<number, OwnedPartition>();
  /** Partitions whose lease has been asked for. */
  readonly #acquiring = new Set<number>();
  /** What has been seen of each partition last. */
  readonly #seen = new Map<number, Seen>();
  /** Of partitions that are free, or will be soon, and then are this member's. */
  readonly #ahead = new Map<number, TailAhead>();
  readonly #ends: (() => void)[] = [];
  #watched: JournalEngine | undefined;
  #unwatch: (() => void) | undefined;
  /** Whether the group has been seen to exist. */
  #isCreated = false;
  #isEnding = false;
  #polling: Promise<void> | undefined;
  #pollAgain = false;
  #timer: TimerHandle;

  /** @throws GroupBusyError when this node has a live member of the group */
  constructor(options: MemberOptions) {
    const { stream, port, group, mask, leaseTime, workers } = options;
    this.#options = options;
    const { cacheName: cache, name } = stream.slot;
    this.#name = { cache, name, group };
    const all = members.get(stream) ?? new Map<string, GroupMember>();
    members.set(stream, all);
    if (all.has(group)) throw new GroupBusyError(group, null);
    all.set(group, this);
    this.#metrics = metricsOf(stream, group);
    this.#metrics.member = this;
    observe(this.#metrics);
    this.#context = {
      stream,
      port,
      address: { namespace: port.namespace, cache, name },
      group,
      mask,
      leaseTime,
      clock: stream.system.clock,
      handlesGaps: (index) => workers.handlesGaps(index),
      startWorker: (index) => workers.start(index),
      endWorker: (index) => workers.end(index),
      released: (partition, how) => this.#released(partition, how),
      readingEnds: (index, cursor) => this.#metrics.ended(index, cursor),
      answered: ({ index, fence }, status, position) => {
        this.#metrics.commits++;
        if (status !== "fenced") return;
        this.#metrics.fencedCommits++;
        report(channels.fencedCommit, () => ({ ...this.#describe(index), fence, position }));
      },
    };
  }

  /** The partition, if this node owns it. */
  find(index: number): OwnedPartition | undefined {
    return this.#owned.get(index);
  }

  owned(): Iterable<OwnedPartition> {
    return this.#owned.values();
  }

  /** How many events of a partition have been handled here. */
  handledIn(index: number): number {
    return this.#metrics.handledIn(index);
  }

  /** Settles when the group exists, or there is no connection. */
  async begin(): Promise<void> {
    const { port } = this.#options;
    this.#ends.push(
      port.onStatus((status) => {
        if (status === "connected") this.#connected();
      }),
    );
    const { replicator } = this.#options.stream;
    // A group that begins with the next event begins before what this node has held back.
    if (replicator instanceof JournalReplicator) {
      const create = (): Promise<void> => this.create();
      replicator.beforeRelease.add(create);
      this.#ends.push(() => void replicator.beforeRelease.delete(create));
    }
    await this.create();
    this.#connected();
  }

  /** Creates the group, if that is possible now and has not been done. Never rejects. */
  async create(): Promise<void> {
    const { port, stream, from } = this.#options;
    if (this.#isCreated || port.status !== "connected") return;
    try {
      await port.engine().createGroup(this.#name, stream.partitions ?? 1, from);
      this.#isCreated = true;
    } catch (error) {
      this.#warn("could not be created", error);
    }
  }

  /** Gives everything back, and leaves the group. Never rejects. */
  async leave(): Promise<void> {
    const polling = this.#polling;
    this.#end();
    const giving = Array.from(this.#owned.values(), (partition) => partition.giveBack());
    // The others know at once that all this will be theirs, and take what is free.
    await this.#unjoin();
    if (polling !== undefined) {
      await polling;
      // It may have announced this member again, and taken a partition.
      await this.#unjoin();
      giving.push(...Array.from(this.#owned.values(), (partition) => partition.giveBack()));
    }
    await Promise.all(giving);
  }

  async #unjoin(): Promise<void> {
    try {
      await this.#options.port.engine().leaveGroup(this.#name, this.#me);
    } catch {
      // Its time expires.
    }
  }

  /** Ends without an order: what it owns is lost. */
  abandon(): void {
    this.#end();
    for (const partition of this.#owned.values()) partition.abandon();
  }

  get #me(): string {
    return this.#options.port.nodeName;
  }

  #end(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    const { stream, group } = this.#options;
    members.get(stream)?.delete(group);
    this.#context.clock.clearTimeout(this.#timer);
    for (const end of this.#ends) end();
    this.#unwatch?.();
    for (const index of this.#ahead.keys()) this.#closeAhead(index);
    for (const index of this.#acquiring) void this.#options.workers.end(index);
    removeSource(this.#metrics);
  }

  #connected(): void {
    for (const partition of this.#owned.values()) partition.reconnected();
    this.#poll();
  }

  /** Announces this member and looks at the group; again if asked for meanwhile. */
  #poll(): void {
    if (this.#isEnding) return;
    if (this.#polling !== undefined) {
      this.#pollAgain = true;
      return;
    }
    this.#polling = this.#look().then(() => {
      this.#polling = undefined;
      if (!this.#pollAgain) return;
      this.#pollAgain = false;
      this.#poll();
    });
  }

  /** Never rejects. */
  async #look(): Promise<void> {
    const { port, leaseTime } = this.#options;
    const { clock } = this.#context;
    clock.clearTimeout(this.#timer);
    let next = leaseTime / 6;
    if (port.status === "connected") {
      try {
        await this.create();
        const engine = port.engine();
        this.#watch(engine);
        if (this.#isEnding) return;
        // It is gone before its leases are: others know by then what their share is.
        const view = await engine.joinGroup(this.#name, this.#me, leaseTime / 2);
        if (!this.#isEnding) next = Math.min(next, await this.#act(view));
      } catch (error) {
        this.#warn("could not be joined", error);
      }
    }
    if (!this.#isEnding) this.#timer = clock.setTimeout(() => this.#poll(), next);
  }

  #watch(engine: JournalEngine): void {
    if (this.#watched === engine) return;
    this.#unwatch?.();
    this.#watched = engine;
    this.#unwatch = engine.watchGroup(this.#name, (view) => this.#changed(view));
  }

  /** Something has changed in the group. Acts at once where it is known what. */
  #changed(view: GroupView | undefined): void {
    if (this.#isEnding) return;
    const count = this.#options.stream.partitions ?? 1;
    if (view === undefined || view.partitions.length < count || !view.members.includes(this.#me))
      this.#poll();
    else void this.#act(view);
  }

  /** Returns when to look again, in milliseconds. */
  async #act({ members: live, partitions }: GroupView): Promise<Milliseconds> {
    const { stream, from } = this.#options;
    const count = stream.partitions ?? 1;
    if (partitions.length < count) {
      // The journal has been lost, or the group was deleted: a new life begins at 0.
      const at = this.#isCreated ? "earliest" : from;
      await this.#options.port.engine().createGroup(this.#name, count, at);
      return 0;
    }
    for (const state of partitions) this.#see(state);
    const owners = partitions.slice(0, count).map((state) => this.#ownerOf(state));
    // What is not free yet is dealt, too: who gets what does not depend on when it is given back.
    const { giveBack, take } = shareOf(this.#me, live, soonFree(owners, live));
    for (const index of giveBack) void this.#owned.get(index)?.giveBack();
    this.#readAhead(partitions, take);
    const free = take.filter((index) => owners[index] === null);
    await Promise.all(free.map((index) => this.#acquire(index)));
    // A lease that nobody renews ends at a known time.
    const expiries = partitions
      .filter(({ owner, partition }) => owner !== null && !this.#owned.has(partition))
      .filter(({ owner }) => owner === this.#me || !live.includes(owner as string))
      .map(({ remaining }) => remaining + 1);
    return Math.min(...expiries, Infinity);
  }

  /** The owner that counts: a lease of an earlier incarnation has to expire. */
  #ownerOf({ partition, owner }: GroupState): string | null {
    const own = this.#owned.get(partition);
    if (own !== undefined) return own.isEnding ? nobody : this.#me;
    if (this.#acquiring.has(partition)) return this.#me;
    return owner === this.#me ? nobody : owner;
  }

  #see(state: GroupState): void {
    const { partition, generation, position, owner } = state;
    const own = this.#owned.get(partition);
    if (own !== undefined) {
      own.see(state);
      return;
    }
    const before = this.#seen.get(partition);
    const isSame = before?.generation === generation;
    // Who takes it in a new generation reports what was lost with the old one.
    if (before !== undefined && !isSame && owner === null) return;
    const known = Math.max(position, isSame ? before.known : 0);
    this.#seen.set(partition, { generation, position, known });
  }

  /** Opens tails of what this member will have, so that it reads as soon as it may. */
  #readAhead(partitions: readonly GroupState[], indexes: readonly number[]): void {
    const { port } = this.#options;
    for (const index of this.#ahead.keys())
      if (!indexes.includes(index) && !this.#acquiring.has(index)) this.#closeAhead(index);
    if (port.status !== "connected") return;
    const engine = port.engine();
    const { cache, name } = this.#name;
    for (const index of indexes) {
      const state = partitions[index] as GroupState;
      if (this.#owned.has(index) || this.#ahead.get(index)?.covers(engine, state) === true)
        continue;
      this.#closeAhead(index);
      this.#ahead.set(index, new TailAhead(engine, { cache, name, partition: index }, state));
    }
  }

  #closeAhead(index: number): void {
    this.#ahead.get(index)?.close();
    this.#ahead.delete(index);
  }

  async #acquire(index: number): Promise<void> {
    if (this.#owned.has(index) || this.#acquiring.has(index)) return;
    const { port, leaseTime, from, workers } = this.#options;
    this.#acquiring.add(index);
    // A start takes turns of the event loop: the worker is there when the answer is.
    workers.prepare(index);
    try {
      const sentAt = this.#context.clock.now();
      const at = this.#isCreated ? "earliest" : from;
      const partition = { ...this.#name, partition: index };
      const state = await port.engine().acquire(partition, this.#me, leaseTime, at);
      if (state !== undefined) this.#own(new OwnedPartition(this.#context, state, sentAt), state);
    } catch (error) {
      this.#warn(`could not take partition ${index}`, error);
    } finally {
      this.#acquiring.delete(index);
      this.#closeAhead(index);
      if (!this.#isEnding && !this.#owned.has(index)) void workers.end(index);
    }
  }

  #own(partition: OwnedPartition, { generation, first }: AcquiredState): void {
    const { index, fence } = partition;
    this.#owned.set(index, partition);
    this.#metrics.ownerChanges++;
    this.#publish(index, fence, this.#me, null);
    const before = this.#seen.get(index);
    const lost: LostPositions[] = [];
    if (before !== undefined && before.generation !== generation) {
      const { position: from, known } = before;
      lost.push({ from, to: known - 1, reason: "journal_lost", generation: before.generation });
    }
    partition.begin(lost, first, this.#ahead.get(index));
    this.#ahead.delete(index);
    if (this.#isEnding) void partition.giveBack();
  }

  #released(partition: LeasedPartition, how: Release): void {
    const { index, fence, position, generation, known } = partition;
    if (this.#owned.get(index) !== partition) return;
    this.#owned.delete(index);
    this.#seen.set(index, { generation, position, known });
    this.#publish(index, fence, null, how);
    this.#poll();
  }

  #publish(index: number, fence: number, owner: string | null, reason: Release | null): void {
    const change = (): object => ({ ...this.#describe(index), owner, fence, reason });
    if (report(channels.ownerChange, change)) return;
    if (reason === "expired" || reason === "fenced")
      this.#warn(
        `has lost partition ${index} on node ${this.#me}`,
        reason === "expired" ? "no commit was answered in time" : "its lease was over",
      );
  }

  #describe(index: number): object {
    const partition = this.#options.stream.partitions === null ? null : index;
    return { ...this.#name, partition, node: this.#me };
  }

  #warn(what: string, error: unknown): void {
    if (this.#options.port.status !== "connected") return;
    const { group, name } = this.#name;
    warnOfError(`group ${group} on stream ${name} ${what}`, error);
  }
}
