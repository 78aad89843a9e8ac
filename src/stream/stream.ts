import { randomBytes } from "node:crypto";
import type { ActorRef } from "../actor/ref.js";
import type { ActorSystem } from "../actor/types.js";
import type { Instance, InstanceSlot } from "../cache/instance.js";
import { tap } from "../cache/listener.js";
import type { ChangeTap } from "../cache/adapter.js";
import type { StreamPort } from "../cache/stream-port.js";
import type { AnyCache, EventListener } from "../cache/types.js";
import { nodeTimeOf } from "../clock.js";
import { CacheNotStartedError, SupervisorError } from "../errors.js";
import type { GapEvent, GapReason } from "../event/types.js";
import { includesOf } from "../event/event.js";
import { wireVersion } from "../pubsub/frame.js";
import { channels } from "../telemetry/channels.js";
import { report } from "../telemetry/reports.js";
import { removeSource } from "../telemetry/metrics.js";
import { observe } from "../telemetry/open-telemetry.js";
import type { Cursor } from "../log/cursor.js";
import type { GapReader } from "../log/reader-position.js";
import { GapReports } from "./gap-reports.js";
import { Groups } from "../log/groups.js";
import { PartitionLog } from "../log/partition-log.js";
import type { BrokerWatcher } from "../cluster/broker-watch.js";
import { type FeedPositions, JournalReplicator } from "../cluster/journal-replicator.js";
import { type ReplicaWatcher, Replicator } from "../cluster/replicator.js";
import type { StreamReplicator } from "../cluster/stream-replicator.js";
import type { JournalPort } from "../journal/types.js";
import type { Replicas } from "../cluster/replicas.js";
import { defaultHash, type Hash } from "./hash.js";
import { Router } from "./router.js";
import { RunQueue } from "./run-queue.js";
import { busIn, canKeepLogs, journalIn, type ResolvedStreamOptions } from "./stream-options.js";
import { MissedChangeDetector } from "./missed-change-detector.js";
import { StreamMetrics } from "./stream-metrics.js";

/** What a stream calls on its readers. @internal */
export interface StreamReader {
  /** The number of partitions has changed: the reader has to choose its cursors again. */
  partitionsChanged(): void;
  /** The system that the stream ran in has been stopped. */
  systemStopped(): void;
}

/** The streams by their servers. */
const streams = new WeakMap<ActorRef, Stream>();

/** The stream that an actor serves; undefined: it serves none. @internal */
export function streamServedBy(server: ActorRef): Stream | undefined {
  return streams.get(server);
}

/**
 * The stream of one cache instance: its logs and the cursors of its readers. It belongs to the
 * instance's definition, not to an actor, and so outlives its stream servers and the runs of the
 * cache.
 *
 * @internal
 */
export class Stream {
  readonly slot: InstanceSlot;
  readonly groups = new Groups();
  readonly readers = new Set<StreamReader>();
  readonly queue = new RunQueue();
  readonly metrics = new StreamMetrics(this);
  /** One for each partition; one in all without partitions. */
  logs: readonly PartitionLog<Cursor>[] = [];
  options!: ResolvedStreamOptions;
  system!: ActorSystem;
  /** The stream server that runs it, or that ran it last. */
  server: ActorRef | undefined;
  /** Called when the stream fails. */
  onFailure: ((error: Error) => void) | undefined;
  /** Whether there is a stream to read: from the start of a stream server to its orderly stop. */
  open = false;
  /** The run of the cache whose changes it receives. */
  registeredWith: Instance | undefined;
  router!: Router;
  #listener!: EventListener;
  /** Whether the run of the cache whose changes are in the logs has ended. */
  #cacheHasEnded = false;
  /** Whether nothing was, or could be, written in this epoch. */
  #isEmpty = true;
  /** Notified when the broker is lost, and when it is back. */
  readonly brokerWatchers = new Set<BrokerWatcher>();
  /** Notified when another node is first heard. */
  readonly replicaWatchers = new Set<ReplicaWatcher>();
  /** Exchanges events with other nodes; undefined: events stay in the process. */
  replicator: StreamReplicator | undefined;
  /** The replicas that the last replicator knew. */
  #lastReplicas: Replicas | undefined;
  /** How far the last replicator had read its journal. */
  #lastPositions: FeedPositions | undefined;
  /** Why this epoch began. */
  #epochReason: GapReason | null = null;
  /** Stops the wait for the end of its system. */
  #stopWatchingSystem: (() => void) | undefined;
  readonly #missedChanges = new MissedChangeDetector();
  #flushing = false;
  readonly #port: StreamPort;
  readonly #progressWaiters = new Set<() => void>();

  readonly #gapReports: GapReports;

  constructor(slot: InstanceSlot, makePort: (stream: Stream) => StreamPort) {
    this.slot = slot;
    this.#gapReports = new GapReports(slot.name);
    this.#port = makePort(this);
    slot.watch({ ended: () => this.#cacheEnded() });
  }

  get registered(): boolean {
    return this.registeredWith !== undefined;
  }

  get epoch(): string {
    return (this.logs[0] as PartitionLog).source.epoch;
  }

  /** The number of partitions; null: not partitioned. */
  get partitions(): number | null {
    return this.options.partitions;
  }

  /** The node name of its pubsub; null: none. */
  get pubsub(): string | null {
    return this.options.pubsub?.nodeName ?? null;
  }

  /** What it uses of its journal; null: there is none. */
  get journal(): JournalPort | null {
    return journalIn(this.options);
  }

  /** Whether it may have events of other nodes. */
  get hasOtherNodes(): boolean {
    return this.options.pubsub !== null || this.options.journal !== null;
  }

  /**
   * A stream server starts. It takes over the logs of the last one, if that was not stopped in
   * order and had the same options.
   */
  start(server: ActorRef, system: ActorSystem, options: ResolvedStreamOptions): void {
    if (this.server?.alive === true) {
      throw new SupervisorError(
        "already_started",
        `stream server already started: ${this.slot.name}`,
        { ref: this.server },
      );
    }
    const before = this.system as ActorSystem | undefined;
    if (before !== system) {
      if (before?.ending === true) this.#systemStopped();
      this.#stopWatchingSystem?.();
      this.#stopWatchingSystem = undefined;
    }
    this.#stopWatchingSystem ??= system.onStopped(() => this.#systemStopped());
    const same =
      this.logs.length > 0 && this.system === system && canKeepLogs(this.options, options);
    this.server = server;
    streams.set(server, this);
    this.system = system;
    this.options = options;
    if (!same) this.#disconnect();
    this.#connect();
    if (!same || !(this.open || this.#isEmpty)) {
      this.#unregister();
      this.#beginEpoch(this.#isEmpty ? null : this.#lossReason);
    }
    if (this.replicator?.begun === false) this.replicator.begin(this.logs);
    if (this.slot.running !== undefined) this.#missedChanges.countFrom(this.slot.running);
    this.open = true;
    this.slot.stream = this.#port;
    observe(this.metrics);
  }

  /**
   * Registers with the cache that runs now; again, if it is registered already.
   *
   * @throws when there is none, or it refuses
   */
  register(cache: AnyCache): void {
    const instance = this.slot.running;
    if (instance === undefined) throw new CacheNotStartedError(this.slot.name, this.slot.hasRun);
    if (this.#cacheHasEnded) this.#beginEpoch("cache_restarted");
    // A shared store's events come from its journal.
    if (this.options.isShared !== true)
      cache.registerEventListener(this.#listener, { id: this.listenerId });
    if (this.#mayHaveMissed(instance)) this.#reportMissedChanges();
    this.registeredWith = instance;
    this.#isEmpty = false;
    report(channels.listenerRegistered, () => this.#describe());
  }

  #mayHaveMissed(instance: Instance): boolean {
    if (this.options.isShared === true || this.registeredWith !== undefined) return false;
    return this.#missedChanges.hasChanged(instance);
  }

  get listenerId(): string {
    return `${this.slot.name}:stream`;
  }

  /**
   * The stream server has crashed or was killed. A cache that runs goes on writing to the logs for
   * the next server.
   */
  serverLost(server: ActorRef): void {
    if (this.server === server && this.slot.running === undefined) this.close();
  }

  /**
   * The stream server was stopped in order: the logs are dropped, and the remaining readers are
   * given gaps. If its system is ending, the logs can be read until the system has stopped.
   */
  close(): void {
    if (!this.open) return;
    this.open = false;
    this.slot.stream = undefined;
    removeSource(this.metrics);
    this.#disconnect();
    this.#unregister();
    if (!this.system.ending) this.#beginEpoch(this.#isEmpty ? null : this.#lossReason);
    this.#releaseSystem();
  }

  /** A reader ends. */
  readerEnds(reader: StreamReader): void {
    this.readers.delete(reader);
    this.#releaseSystem();
  }

  /** Wakes the readers at once. */
  flush(): void {
    for (const log of this.logs) log.flush();
  }

  /** A reader has handled messages. */
  notifyProgress(): void {
    for (const waiter of this.#progressWaiters) waiter();
  }

  /** Calls `fn` whenever a reader has handled messages. @returns a function that ends it */
  onProgress(fn: () => void): () => void {
    this.#progressWaiters.add(fn);
    return () => void this.#progressWaiters.delete(fn);
  }

  /** Reports events that a reader is not given. */
  readonly reportGap = (gap: GapEvent, reader: GapReader, isLoss: boolean): void =>
    this.#gapReports.add(gap, reader, isLoss);

  /** Why the epoch before this one ended. */
  get lastEpochEndReason(): GapReason {
    return this.#epochReason ?? "stream_restarted";
  }

  get #lossReason(): GapReason {
    return this.#cacheHasEnded ? "cache_restarted" : "stream_restarted";
  }

  /** Functions and iterators read the rest of the logs, and end; other readers are given gaps. */
  #systemStopped(): void {
    this.close();
    for (const reader of this.readers) reader.systemStopped();
    if (!this.#isEmpty) this.#beginEpoch(this.#lossReason);
    this.#releaseSystem();
  }

  /** A system that goes on does not keep a stream in memory that has ended and has no readers. */
  #releaseSystem(): void {
    if (this.open || !this.#isEmpty || this.readers.size > 0) return;
    this.#stopWatchingSystem?.();
    this.#stopWatchingSystem = undefined;
  }

  #cacheEnded(): void {
    this.registeredWith = undefined;
    // What a shared store does not write any more here is written elsewhere.
    this.#cacheHasEnded = (this.options as ResolvedStreamOptions | undefined)?.isShared !== true;
    if (this.open && this.server?.alive !== true) this.close();
  }

  /**
   * What was written while the stream was open and not registered is in no log: readers are given a
   * gap without an end.
   */
  #reportMissedChanges(): void {
    for (const { cursors } of this.logs)
      for (const cursor of cursors)
        cursor.reportUnknownLoss(this.#epochReason ?? "stream_restarted");
  }

  #connect(): void {
    if (this.replicator !== undefined) return;
    const { options, slot, system } = this;
    const { partitions, hash } = options;
    const common = {
      cache: slot.cacheName,
      name: slot.name,
      shape: { partitions, hash: hashName(hash), version: wireVersion },
      clock: system.clock,
      brokerWatchers: this.brokerWatchers,
      fail: (error: Error) => this.onFailure?.(error),
    };
    const port = this.journal;
    const bus = busIn(options);
    const { isShared = false } = options;
    // Readers that are still there are given what was written meanwhile.
    const from = isShared && this.readers.size > 0 ? this.#lastPositions : undefined;
    if (port !== null) this.replicator = new JournalReplicator({ ...common, port, isShared, from });
    else if (bus?.localOnly === false)
      this.replicator = new Replicator({
        ...common,
        bus,
        capacity: options.capacity,
        predecessor: this.#lastReplicas,
        replicaWatchers: this.replicaWatchers,
      });
  }

  #disconnect(): void {
    if (this.replicator === undefined) return;
    if (this.replicator instanceof JournalReplicator)
      this.#lastPositions = this.replicator.positions;
    this.replicator.end();
    if (this.replicator instanceof Replicator) this.#lastReplicas = this.replicator.replicas;
    this.replicator = undefined;
  }

  #unregister(): void {
    const instance = this.registeredWith;
    if (instance === undefined) return;
    this.registeredWith = undefined;
    instance.emitter.unregister(this.listenerId);
    report(channels.listenerUnregistered, () => this.#describe());
  }

  #beginEpoch(reason: GapReason | null): void {
    this.flush();
    this.metrics.epochEnds();
    this.#epochReason = reason ?? this.#epochReason;
    const { options, slot, system } = this;
    const source = {
      cache: slot.cacheName,
      name: slot.name,
      partitions: options.partitions,
      node: this.pubsub ?? this.journal?.nodeName ?? system.nodeName,
      epoch: randomBytes(8).toString("hex"),
      startedAt: this.#nextStart(system),
    };
    const includes = includesOf(options.include);
    const makeLog = (index: number): PartitionLog<Cursor> =>
      new PartitionLog(
        { ...source, partition: options.partitions === null ? null : index },
        index,
        options,
        includes,
        this.#onDirty,
        this.journal !== null || busIn(options)?.localOnly === false,
      );
    const old = this.logs;
    this.logs = Array.from({ length: options.partitions ?? 1 }, (_, index) => makeLog(index));
    this.router = new Router(this.logs, options, system.clock);
    this.#listener = Object.assign(() => {}, {
      [tap]: this.router satisfies ChangeTap<unknown, unknown>,
    });
    this.#cacheHasEnded = false;
    this.#isEmpty = true;
    for (const { index, cursors } of old) {
      // The readers of a partition that is gone get an empty log, which nothing is written to.
      const log = this.logs[index] ?? makeLog(index);
      for (const cursor of cursors) if (!cursor.keepsLog) cursor.replaceLog(log, reason);
    }
    if (old.length > 0 && old[0]?.source.partitions !== options.partitions)
      for (const reader of this.readers) reader.partitionsChanged();
    this.replicator?.begin(this.logs);
    // Waits for dropped events to be handled can end.
    this.notifyProgress();
  }

  /** When an epoch begins: no two of a stream begin in the same millisecond. */
  #nextStart({ clock }: ActorSystem): number {
    const last = this.logs[0]?.source.startedAt ?? -Infinity;
    return Math.max(Math.round(nodeTimeOf(clock)()), last + 1);
  }

  readonly #onDirty = (): void => {
    if (this.#flushing) return;
    this.#flushing = true;
    this.queue.schedule(this.#flushTurn);
  };

  readonly #flushTurn = {
    takeTurn: (): boolean => {
      this.#flushing = false;
      this.flush();
      return false;
    },
  };

  #describe(): object {
    return {
      cache: this.slot.cacheName,
      name: this.slot.name,
      pubsub: this.pubsub,
      partitions: this.options.partitions,
    };
  }
}

/**
 * What nodes compare. A bundler may rename functions; the default is the same all the same.
 *
 * @internal
 */
export function hashName(hash: Hash): string {
  if (hash === defaultHash) return "defaultHash";
  return hash.name === "" ? "anonymous" : hash.name;
}
