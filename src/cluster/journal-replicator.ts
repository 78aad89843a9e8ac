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
import { BrokerWatch, type BrokerWatcher } from "./broker-watch.js";
import { ClusterReports } from "./cluster-reports.js";
import { encodeEvents, encodeLoss, type EntryHead } from "./entry.js";
import { JournalFeed } from "./journal-feed.js";
import { describeSelf, JournalNodes } from "./journal-nodes.js";
import { decodeShape, encodeShape } from "./journal-shape.js";
import { epochsOf, type StreamAddress } from "./messages.js";
import { ConflictError, type MessageSpan } from "./outbox.js";
import { Outboxes } from "./outboxes.js";
import type { KnownNode, StreamReplicator } from "./stream-replicator.js";

/** Epochs of this node, besides the present one, whose events wait to be stored. */
const maxEndedEpochs = 4;

/** Entries of one event each are in flight in greater number. */
const eventsInFlight = 256;

/** @internal */
export interface JournalReplicatorOptions {
  readonly port: JournalPort;
  readonly cache: string;
  readonly name: string;
  readonly shape: StreamShape;
  readonly clock: Clock;
  readonly brokerWatchers: Iterable<BrokerWatcher>;
  /** Called when the stream cannot go on: another node has another shape, or this node's name. */
  readonly fail: (error: NebulexError) => void;
}

/** One epoch of this node, and its events that wait to be stored. */
interface OwnEpoch {
  readonly node: string;
  readonly epoch: string;
  readonly startedAt: number;
  readonly outboxes: Outboxes;
}

/**
 * Makes the streams of one cache instance on several nodes one stream: it stores what is written
 * here in the journal, and appends what other nodes have stored to the logs here. It outlives a
 * crash of the stream server, as the logs do.
 *
 * @internal
 */
export class JournalReplicator implements StreamReplicator {
  readonly broker: BrokerWatch;
  /**
   * Called for each new connection before this node's events are stored; what they return is
   * awaited.
   */
  readonly beforeRelease = new Set<() => Promise<void>>();
  readonly #options: JournalReplicatorOptions;
  readonly #address: StreamAddress;
  readonly #reports: ClusterReports;
  readonly #ownEpochs: Set<string>;
  readonly #nodes: JournalNodes;
  readonly #feeds = new Map<number, JournalFeed>();
  /** The oldest first; the last one is the present one. */
  readonly #epochs: OwnEpoch[] = [];
  /** Epochs that ended with events that were not stored. */
  readonly #abandoned: StreamNode[] = [];
  readonly #stopWatching: () => void;
  #logs: readonly PartitionLog[] = [];
  #timer: TimerHandle;
  #beats = 0;
  #isBeating = false;
  /** Whether the journal is known to have this stream's shape. */
  #hasShape = false;
  #shapeChecked: Promise<void> | undefined;
  /** Whether everything has been done that precedes storing over this connection. */
  #isReleased = false;
  /** Those that wait until it has been done, or can't be done. */
  readonly #waiters: (() => void)[] = [];
  /** Counts the connections. */
  #connection = 0;
  #isReporting = false;
  #isLeaving = false;
  #isEnded = false;

  constructor(options: JournalReplicatorOptions) {
    const { port, cache, name, shape, clock } = options;
    this.#options = options;
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
    this.broker = new BrokerWatch(clock, port.heartbeat, options.brokerWatchers);
    this.#stopWatching = port.onStatus((status) => {
      this.#isReleased = false;
      this.#connection++;
      if (status !== "connected") this.#settleWaiters();
      if (status === "connected") void this.#connected();
      else for (const { outboxes } of this.#epochs) outboxes.hold();
    });
    this.#scheduleBeat();
  }

  get begun(): boolean {
    return this.#logs.length > 0;
  }

  begin(logs: readonly PartitionLog[]): void {
    if (this.begun) this.#endEpoch();
    this.#logs = logs;
    const { node, epoch, startedAt } = (logs[0] as PartitionLog).source;
    this.#ownEpochs.add(epoch);
    const outboxes = this.#makeOutboxes({ node, epoch, startedAt });
    this.#epochs.push({ node, epoch, startedAt, outboxes });
    outboxes.begin(logs);
    for (const log of logs) {
      log.onInterest = () => this.#listen(log);
      this.#listen(log);
    }
    if (this.#isReleased) void this.#store();
    else if (this.#epochs.length === 1) void this.#connected();
  }

  async shakeHands(): Promise<void> {
    const { port, clock } = this.#options;
    if (port.status !== "connected") return;
    await withTimeout(clock, port.heartbeat, this.#checkShape(), () => {});
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
    if (!this.#isReleased) return;
    for (const { outboxes } of this.#epochs) await outboxes.drain();
    if (this.#abandoned.length > 0 || !this.#epochs.every(({ outboxes }) => outboxes.isDone))
      return;
    this.#isLeaving = true;
    const { node, epoch } = this.#epochs.at(-1) as OwnEpoch;
    try {
      await port.engine().leave(this.#address, node, epoch);
    } catch {
      // It expires, and is taken for dead: a gap that may hide nothing.
    }
  }

  end(): void {
    if (this.#isEnded) return;
    if (this.begun) this.#endEpoch();
    this.#isEnded = true;
    this.#settleWaiters();
    const lost = this.#epochs.reduce((sum, { outboxes }) => sum + outboxes.unconfirmed, 0);
    if (lost > 0)
      warnOfError(
        `stream ${this.#options.name} on node ${this.#options.port.nodeName}`,
        `it has ended, and its journal may lack the last ${lost} events`,
      );
    this.#options.clock.clearTimeout(this.#timer);
    this.#stopWatching();
    for (const feed of this.#feeds.values()) feed.close();
    for (const { outboxes } of this.#epochs) outboxes.stop();
    this.broker.close();
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
    const last = this.#epochs.at(-1) as OwnEpoch;
    last.outboxes.flush();
    if (this.#epochs.length <= maxEndedEpochs) return;
    const [oldest] = this.#epochs.splice(0, 1) as [OwnEpoch];
    oldest.outboxes.stop();
    const { node, epoch, startedAt } = oldest;
    this.#abandoned.push({ node, epoch, startedAt, info: "" });
  }

  #makeOutboxes(own: Omit<EntryHead, "partition">): Outboxes {
    const { port, clock } = this.#options;
    const { codec } = port;
    const address = this.#address;
    return new Outboxes(
      {
        clock,
        get maxInFlight() {
          return port.maxEvents < eventsInFlight / 16 ? eventsInFlight : 16;
        },
        isConnected: () => port.status === "connected" && !this.#isEnded,
        maxSize: () => port.maxMessageSize,
        maxEvents: () => port.maxEvents,
        encode: (partition, rows, _after, to) =>
          encodeEvents(codec, address, { ...own, partition }, rows, to),
        encodeLoss: (partition, from, to) =>
          encodeLoss(codec, address, { ...own, partition }, from, to, "overrun"),
        publish: (partition, payload, span) => this.#append(own, partition, payload, span),
        unsendable: (partition, offset, failure) =>
          this.#reports.unsendable((this.#logs[partition] as PartitionLog).at(offset), failure),
        isRefusal: () => this.#isReleased && port.status === "connected",
        refused: (error) => this.#reports.refusal(error),
      },
      true,
    );
  }

  async #append(
    own: Omit<EntryHead, "partition">,
    partition: number,
    payload: Uint8Array,
    { after, to, count }: MessageSpan,
  ): Promise<void> {
    const entry = { ...own, after, to, count, payload };
    const result = await this.#options.port.engine().append(this.#partition(partition), entry);
    if (result.status === "superseded") {
      this.#failNameTaken();
      throw this.#nameTaken();
    }
    if (result.status === "conflict") throw new ConflictError(result.last);
    this.#feeds.get(partition)?.written(result.position + count, result.generation);
  }

  #listen(log: PartitionLog): void {
    const { index } = log;
    const known = this.#feeds.get(index);
    if (!log.hasReaders) {
      known?.close();
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
    try {
      await this.#checkShape();
    } catch (error) {
      if (error instanceof ShapeMismatchError && !this.#isEnded) this.#options.fail(error);
      return;
    }
    for (const feed of this.#feeds.values()) void feed.check();
    await this.#beat();
    await this.#release(connection);
  }

  async #release(connection: number): Promise<void> {
    if (this.#isReleased || !this.#nodes.isClaimed || !this.#hasShape) return;
    try {
      for (const node of this.#abandoned.slice()) {
        await this.#markLost(node);
        this.#abandoned.splice(this.#abandoned.indexOf(node), 1);
      }
      for (const prepare of this.beforeRelease) await prepare();
    } catch {
      // It is tried again at the next beat.
      return;
    }
    if (connection !== this.#connection || this.#isReleased || this.#isEnded) return;
    this.#isReleased = true;
    this.#settleWaiters();
    await this.#store();
  }

  /** Stores what waits, the oldest epoch first. */
  async #store(): Promise<void> {
    const connection = this.#connection;
    while (this.#isReleased && connection === this.#connection) {
      const [oldest] = this.#epochs as [OwnEpoch];
      oldest.outboxes.release();
      if (this.#epochs.length === 1) return;
      await oldest.outboxes.drain();
      if (!oldest.outboxes.isDone || this.#epochs[0] !== oldest) return;
      oldest.outboxes.stop();
      this.#epochs.shift();
    }
  }

  #checkShape(): Promise<void> {
    if (this.#hasShape) return Promise.resolve();
    this.#shapeChecked ??= this.#compareShape().finally(() => (this.#shapeChecked = undefined));
    return this.#shapeChecked;
  }

  async #compareShape(): Promise<void> {
    const { port, name, shape } = this.#options;
    const own = encodeShape(shape, port.nodeName);
    const stored = await port.engine().shape(this.#address, own);
    const { shape: other, node } = decodeShape(stored);
    const isSame =
      other.partitions === shape.partitions &&
      other.hash === shape.hash &&
      other.version === shape.version;
    if (!isSame) throw new ShapeMismatchError(name, shape, node, other);
    this.#hasShape = true;
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
    if (this.#beats % 3 === 0) this.#trim();
  }

  async #beat(): Promise<void> {
    const { port, clock } = this.#options;
    if (this.#isBeating || this.#isLeaving || this.#isEnded || !this.begun) return;
    this.#isBeating = true;
    const sentAt = clock.now();
    const { node, epoch, startedAt, outboxes } = this.#epochs.at(-1) as OwnEpoch;
    const info = describeSelf(this.#beats++, outboxes.waiting);
    try {
      await this.#nodes.beat({ node, epoch, startedAt, info }, port.heartbeat);
      this.broker.seen(sentAt);
    } catch {
      // It is tried again.
    } finally {
      this.#isBeating = false;
    }
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
    const { port } = this.#options;
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

  #failNameTaken(): void {
    if (this.#isReporting || this.#isEnded) return;
    this.#isReporting = true;
    this.#options.fail(this.#nameTaken());
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
