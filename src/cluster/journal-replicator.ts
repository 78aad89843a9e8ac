import { type Clock, type TimerHandle, withTimeout } from "../clock.js";
import {
  JournalError,
  type NebulexError,
  ShapeMismatchError,
  type StreamShape,
} from "../errors.js";
import type { PartitionName, StreamNode } from "../journal/engine.js";
import type { JournalPort } from "../journal/types.js";
import type { PartitionLog } from "../log/partition-log.js";
import { warnOfError } from "../telemetry/channels.js";
import { type Measurements, type MetricSource, removeSource } from "../telemetry/metrics.js";
import { isRecording, observe, recordAppend } from "../telemetry/open-telemetry.js";
import { BrokerWatch, type BrokerWatcher } from "./broker-watch.js";
import { ClusterReports } from "./cluster-reports.js";
import { encodeLoss } from "./entry.js";
import { type FeedPosition, JournalFeed } from "./journal-feed.js";
import { describeSelf, JournalNodes } from "./journal-nodes.js";
import { decodeShape, encodeShape } from "./journal-shape.js";
import { epochsOf, type StreamAddress } from "./messages.js";
import { ConflictError, type MessageSpan } from "./outbox.js";
import { type EpochHead, OwnEpochs } from "./own-epochs.js";
import type { KnownNode, StreamReplicator } from "./stream-replicator.js";

/** How far the partitions of a journal have been read. @internal */
export type FeedPositions = ReadonlyMap<number, FeedPosition>;

/** @internal */
export interface JournalReplicatorOptions {
  readonly port: JournalPort;
  readonly cache: string;
  readonly name: string;
  readonly shape: StreamShape;
  readonly clock: Clock;
  /**
   * Whether the cache's store writes to the journal itself: all events, those of this node too, are
   * read from it.
   */
  readonly isShared?: boolean;
  /** With `isShared`: where to begin, by partition. Default: at the journal's end. */
  readonly from?: FeedPositions | undefined;
  readonly brokerWatchers: Iterable<BrokerWatcher>;
  /** Called when the stream cannot go on: another node has another shape, or this node's name. */
  readonly fail: (error: NebulexError) => void;
}

/**
 * Makes the streams of one cache instance on several nodes one stream: it stores what is written
 * here in the journal, and appends what other nodes have stored to the logs here. It outlives a
 * crash of the stream server, as the logs do.
 *
 * @internal
 */
export class JournalReplicator implements StreamReplicator, MetricSource {
  readonly broker: BrokerWatch;
  /**
   * Called for each new connection before this node's events are stored; what they return is
   * awaited.
   */
  readonly beforeRelease = new Set<() => Promise<void>>();
  readonly caughtUp: (() => Promise<void>) | undefined;
  readonly #options: JournalReplicatorOptions;
  readonly #address: StreamAddress;
  readonly #reports: ClusterReports;
  readonly #ownEpochs: Set<string>;
  readonly #nodes: JournalNodes;
  readonly #feeds = new Map<number, JournalFeed>();
  readonly #epochs: OwnEpochs;
  readonly #stopWatching: () => void;
  /** Events that have been stored, and events that feeds which have ended saw dropped. */
  #appended = 0;
  #trimmed = 0;
  #logs: readonly PartitionLog[] = [];
  #timer: TimerHandle;
  #beats = 0;
  #isBeating = false;
  /** Whether the journal was known to have this stream's shape over the present connection. */
  #hasShape = false;
  #shapeChecked: Promise<void> | undefined;
  /** Whether everything has been done that precedes storing over this connection. */
  #isReleased = false;
  /** Those that wait until it has been done, or can't be done. */
  readonly #waiters: (() => void)[] = [];
  /** Counts the connections. */
  #connection = 0;
  /** Another node has this node's name. */
  #conflict: JournalError | undefined;
  #isLeaving = false;
  #isEnded = false;

  constructor(options: JournalReplicatorOptions) {
    const { port, cache, name, shape, clock } = options;
    this.#options = options;
    if (options.isShared === true)
      this.caughtUp = async () => {
        await Promise.all(Array.from(this.#feeds.values(), (feed) => feed.caughtUp()));
      };
    this.#reports = new ClusterReports({ cache, name, pubsub: port.nodeName, shape });
    this.#address = { namespace: port.namespace, cache, name };
    this.#ownEpochs = epochsOf(port);
    this.#nodes = new JournalNodes({
      port,
      stream: { cache, name },
      now: () => clock.now(),
      isOwn: (node, epoch) => this.#isOwn(node, epoch),
      markLost: (node) => this.#markLost(node),
      status: (node, status) => this.#reports.node(node, status),
      taken: () => this.#failNameTaken(),
    });
    const isReleased = (): boolean => this.#isReleased && !this.#isEnded;
    this.#epochs = new OwnEpochs({
      port,
      address: this.#address,
      clock,
      reports: this.#reports,
      get isReleased() {
        return isReleased();
      },
      append: (...event) => this.#append(...event),
    });
    this.broker = new BrokerWatch(clock, port.heartbeat, options.brokerWatchers);
    this.#stopWatching = port.onStatus((status) => {
      this.#isReleased = false;
      this.#hasShape = false;
      this.#connection++;
      this.#nodes.reconnected();
      if (status !== "connected") this.#settleWaiters();
      if (status === "connected") void this.#connected();
      else this.#epochs.hold();
    });
    this.#scheduleBeat();
    observe(this);
  }

  measure(into: Measurements): void {
    const { cache, name } = this.#options;
    let trimmed = this.#trimmed;
    for (const feed of this.#feeds.values()) trimmed += feed.trimmed;
    into.add("nebulex.journal.appended", this.#appended, { cache, name });
    into.add("nebulex.journal.waiting", this.#epochs.waiting, { cache, name });
    into.add("nebulex.journal.trimmed", trimmed, { cache, name });
  }

  get begun(): boolean {
    return this.#logs.length > 0;
  }

  begin(logs: readonly PartitionLog[]): void {
    if (this.begun) this.#endEpoch();
    this.#logs = logs;
    this.#ownEpochs.add((logs[0] as PartitionLog).source.epoch);
    if (this.#options.isShared !== true) this.#epochs.begin(logs);
    for (const log of logs) {
      log.onInterest = () => this.#listen(log);
      this.#listen(log);
    }
    if (this.#isReleased) void this.#store();
    else void this.#connected();
  }

  async shakeHands(): Promise<void> {
    const { port, clock } = this.#options;
    if (port.status !== "connected") return;
    await withTimeout(clock, port.heartbeat, this.#checkShape(), () => {});
    if (this.#conflict !== undefined) throw this.#conflict;
  }

  async listening(): Promise<void> {
    const { port, clock } = this.#options;
    if (port.status !== "connected") return;
    const begun = Promise.all(Array.from(this.#feeds.values(), (feed) => feed.begun));
    await withTimeout<unknown>(clock, port.heartbeat, begun, () => {});
  }

  async drain(): Promise<void> {
    const { port, clock } = this.#options;
    await withTimeout(clock, port.heartbeat, this.#released(), () => {});
    await this.#epochs.drain();
    const own = this.#head;
    if (!this.#isReleased || !this.#epochs.isDone || own === undefined) return;
    this.#isLeaving = true;
    try {
      await port.engine().leave(this.#address, own.node, own.epoch);
    } catch {
      // It expires, and is taken for dead: a gap that may hide nothing.
    }
  }

  end(): void {
    if (this.#isEnded) return;
    if (this.begun) this.#endEpoch();
    this.#isEnded = true;
    removeSource(this);
    this.#settleWaiters();
    this.#options.clock.clearTimeout(this.#timer);
    this.#stopWatching();
    for (const feed of this.#feeds.values()) feed.close();
    this.#epochs.leave();
    this.broker.close();
  }

  /** How far it has read. */
  get positions(): FeedPositions {
    const known = new Map<number, FeedPosition>();
    for (const [partition, { position }] of this.#feeds)
      if (position !== undefined) known.set(partition, position);
    return known;
  }

  get waiting(): number {
    return this.#epochs.waiting;
  }

  nodes(): Iterable<KnownNode> {
    return this.#nodes.all();
  }

  find(node: string): KnownNode | undefined {
    return this.#nodes.find(node);
  }

  /** Settles when events are stored, or can't be for now. */
  #released(): Promise<void> {
    const { port } = this.#options;
    if (this.#isReleased || this.#isEnded || port.status !== "connected") return Promise.resolve();
    return new Promise((resolve) => void this.#waiters.push(resolve));
  }

  #settleWaiters(): void {
    for (const resolve of this.#waiters.splice(0)) resolve();
  }

  #endEpoch(): void {
    for (const log of this.#logs) log.onInterest = undefined;
    this.#epochs.flush();
  }

  async #append(
    own: EpochHead,
    partition: number,
    payload: Uint8Array,
    { after, to, count }: MessageSpan,
  ): Promise<void> {
    const entry = { ...own, after, to, count, payload };
    const { port, clock, cache, name } = this.#options;
    const sentAt = clock.now();
    const result = await port.engine().append(this.#partition(partition), entry);
    if (result.status === "superseded") throw this.#failNameTaken();
    if (result.status === "conflict") throw new ConflictError(result.last);
    this.#appended += count;
    if (isRecording()) recordAppend((clock.now() - sentAt) / 1000, { cache, name });
    this.#feeds.get(partition)?.written(result.position + count, result.generation);
  }

  #listen(log: PartitionLog): void {
    const { index } = log;
    const known = this.#feeds.get(index);
    if (!log.hasReaders && this.#options.isShared !== true) {
      known?.close();
      this.#trimmed += known?.trimmed ?? 0;
      this.#feeds.delete(index);
      return;
    }
    if (known !== undefined) {
      known.log = log;
      return;
    }
    const { port } = this.#options;
    const feed = new JournalFeed({
      port,
      address: this.#address,
      log,
      from: this.#options.from?.get(index),
      isOwn: (node, epoch) => this.#isOwn(node, epoch),
      rejected: (error) =>
        warnOfError(`stream ${this.#options.name}: an entry of its journal`, error),
    });
    this.#feeds.set(index, feed);
    if (this.#hasShape) void feed.check();
  }

  /** Does all that precedes storing, and then stores. */
  async #connected(): Promise<void> {
    const connection = this.#connection;
    const { port } = this.#options;
    if (this.#isEnded || !this.begun || port.status !== "connected") return;
    if (!(await this.#agrees(this.#checkShape()))) return;
    for (const feed of this.#feeds.values()) void feed.check();
    await this.#beat();
    await this.#release(connection);
  }

  async #release(connection: number): Promise<void> {
    if (this.#isReleased || !this.#nodes.isClaimed || !this.#hasShape) return;
    try {
      const { abandoned } = this.#epochs;
      for (const epoch of abandoned.slice()) {
        await this.#markLost({ ...epoch, info: "" });
        abandoned.splice(abandoned.indexOf(epoch), 1);
      }
      for (const prepare of this.beforeRelease) await prepare();
    } catch {
      // It is tried again at the next beat.
      return;
    }
    if (connection !== this.#connection || this.#isReleased || this.#isEnded) return;
    this.#isReleased = true;
    this.#conflict = undefined;
    this.#settleWaiters();
    await this.#store();
  }

  /** Stores what waits; each epoch is announced before its events are stored. */
  async #store(): Promise<void> {
    if (this.#options.isShared === true) return;
    await this.#epochs.store(() => void this.#beat());
  }

  /** Whether the journal has this stream's shape. The stream fails where it has another. */
  async #agrees(check: Promise<void>): Promise<boolean> {
    try {
      await check;
    } catch (error) {
      if (error instanceof ShapeMismatchError && !this.#isEnded) this.#options.fail(error);
    }
    return this.#hasShape;
  }

  #checkShape(): Promise<void> {
    if (this.#hasShape) return Promise.resolve();
    this.#shapeChecked ??= this.#compareShape().finally(() => (this.#shapeChecked = undefined));
    return this.#shapeChecked;
  }

  async #compareShape(): Promise<void> {
    const { port, name, shape } = this.#options;
    const connection = this.#connection;
    const own = encodeShape(shape, port.nodeName);
    const stored = await port.engine().shape(this.#address, own);
    const { shape: other, node } = decodeShape(stored);
    const isSame =
      other.partitions === shape.partitions &&
      other.hash === shape.hash &&
      other.version === shape.version;
    if (!isSame) throw new ShapeMismatchError(name, shape, node, other);
    if (connection === this.#connection) this.#hasShape = true;
  }

  #scheduleBeat(): void {
    const { clock, port } = this.#options;
    this.#timer = clock.setTimeout(() => {
      void this.#tick();
      this.#scheduleBeat();
    }, port.heartbeat / 3);
  }

  async #tick(): Promise<void> {
    const { port } = this.#options;
    if (!this.begun || this.#isEnded || port.status !== "connected") return;
    if (!this.#hasShape) {
      await this.#connected();
      return;
    }
    await this.#beat();
    if (!this.#isReleased) await this.#release(this.#connection);
    for (const feed of this.#feeds.values()) void feed.check();
    if (this.#beats % 3 !== 0) return;
    this.#trim();
    // An engine that has lost its data has lost the shape, too: it is declared again.
    await this.#agrees(this.#compareShape());
  }

  async #beat(): Promise<void> {
    const { port, clock } = this.#options;
    if (this.#isBeating || this.#isLeaving || this.#isEnded || !this.begun) return;
    this.#isBeating = true;
    const sentAt = clock.now();
    const { node, epoch, startedAt } = this.#head as EpochHead;
    const info = describeSelf(this.#beats++, this.#epochs.waiting);
    try {
      await this.#nodes.beat({ node, epoch, startedAt, info }, port.heartbeat);
      this.broker.seen(sentAt);
    } catch {
      // It is tried again.
    } finally {
      this.#isBeating = false;
    }
  }

  /**
   * The epoch that this node announces: the one whose events are stored, which a younger one would
   * end.
   */
  get #head(): EpochHead | undefined {
    return this.#options.isShared === true ? this.#logs[0]?.source : this.#epochs.first;
  }

  #trim(): void {
    const { port } = this.#options;
    try {
      const engine = port.engine();
      for (const { index } of this.#logs) engine.trim(this.#partition(index)).catch(() => {});
    } catch {
      // The connection has just been lost.
    }
  }

  /** Says in each partition that the last events of an epoch may be missing. */
  async #markLost(node: StreamNode): Promise<void> {
    const { port, isShared } = this.#options;
    // What is in a shared store is in its journal.
    if (isShared === true) return;
    const { node: writer, epoch, startedAt } = node;
    const engine = port.engine();
    const mark = async (partition: number): Promise<void> => {
      const name = this.#partition(partition);
      const last = await engine.lastSequence(name, writer, epoch);
      const head = { node: writer, epoch, startedAt, partition };
      const marker = encodeLoss(port.codec, this.#address, head, last + 1, last, "transport");
      await engine.markLost(name, node, marker);
    };
    await Promise.all(this.#logs.map(({ index }) => mark(index)));
  }

  #partition(partition: number): PartitionName {
    const { cache, name } = this.#address;
    return { cache, name, partition };
  }

  #isOwn(node: string, epoch: string): boolean {
    return node === this.#options.port.nodeName && this.#ownEpochs.has(epoch);
  }

  /** Nothing is stored before the name is free. */
  #failNameTaken(): JournalError {
    if (this.#conflict !== undefined || this.#isEnded) return this.#conflict ?? this.#nameTaken();
    this.#conflict = this.#nameTaken();
    this.#options.fail(this.#conflict);
    return this.#conflict;
  }

  #nameTaken(): JournalError {
    const { port, name } = this.#options;
    return new JournalError(
      "node_name_taken",
      port.nodeName,
      `the stream ${name} is running already on another node that is named ${port.nodeName}: node names must differ`,
    );
  }
}
