import { type Clock, nodeTimeOf, type TimerHandle, withTimeout } from "../clock.js";
import { type NebulexError, PubSubError, type StreamShape } from "../errors.js";
import { frame, RejectedMessageError, unframe } from "../pubsub/frame.js";
import type { Milliseconds } from "../options.js";
import type { PubSubStatus } from "../pubsub/transport.js";
import type { Bus, Listening } from "../pubsub/types.js";
import { warnOfError } from "../telemetry/channels.js";
import type { PartitionLog } from "../log/partition-log.js";
import { InboundLimiter, type InboundMessage } from "./inbound-limiter.js";
import { columnsOf, maxBatch } from "./batch.js";
import { BrokerWatch, type BrokerWatcher, OutageTimer } from "./broker-watch.js";
import { malformed } from "./wire-checks.js";
import { conflictWith, Handshake, RejoinBarrier } from "./handshake.js";
import { Inbox } from "./inbox.js";
import {
  type ChannelNames,
  channelNames,
  epochsOf,
  isOwn,
  packData,
  packState,
  readMessage,
  type StateMessage,
  type StreamAddress,
} from "./messages.js";
import { Replicas } from "./replicas.js";
import { Outboxes } from "./outboxes.js";
import { ClusterReports } from "./cluster-reports.js";
import type { KnownNode, StreamReplicator } from "./stream-replicator.js";
import { queueMicrotask } from "../timers.js";

/** How long a stream that begins waits for an answer of another node. */
const handshakeTimeout = ({ heartbeat }: Bus): Milliseconds => Math.min(heartbeat, 250);

/**
 * Called when another node is heard of a partition for the first time and had sent events of it
 * before: one that was lost since this node's subscription is not reported. It may not throw.
 *
 * @internal
 */
export interface ReplicaWatcher {
  replicaFound(partition: number): void;
}

/** @internal */
export interface ReplicatorOptions {
  readonly bus: Bus;
  readonly cache: string;
  readonly name: string;
  readonly shape: StreamShape;
  readonly clock: Clock;
  /** Events that a log keeps at most. */
  readonly capacity: number;
  /** The account of the replicator before this one, for readers that were there all the time. */
  readonly predecessor?: Replicas | undefined;
  readonly brokerWatchers: Iterable<BrokerWatcher>;
  readonly replicaWatchers: Iterable<ReplicaWatcher>;
  /** Called when the stream cannot go on: another node has another shape, or this node's name. */
  readonly fail: (error: NebulexError) => void;
}

/**
 * Makes the streams of one cache instance on several nodes one stream: it sends what is written
 * here, appends what other nodes send to the logs here, and reports what is missing. It outlives a
 * crash of the stream server, as the logs do.
 *
 * @internal
 */
export class Replicator implements StreamReplicator {
  readonly replicas: Replicas;
  readonly #options: ReplicatorOptions;
  readonly #address: StreamAddress;
  readonly #reports: ClusterReports;
  readonly #names: ChannelNames;
  readonly #nodeTime: () => number;
  readonly #inbox: Inbox;
  readonly #handshake: Handshake;
  readonly #ends: (() => void)[] = [];
  readonly #control: readonly Listening[];
  readonly #ownEpochs: Set<string>;
  #logs: readonly PartitionLog[] = [];
  readonly outboxes: Outboxes;
  readonly broker: BrokerWatch;
  readonly #limiter: InboundLimiter;
  readonly #rejoin: RejoinBarrier;
  #beat: TimerHandle;
  readonly #outage: OutageTimer;
  #asking = false;
  #ended = false;

  constructor(options: ReplicatorOptions) {
    const { bus, cache, name, shape, clock } = options;
    this.#options = options;
    this.#reports = new ClusterReports({ cache, name, pubsub: bus.nodeName, shape });
    this.#address = { namespace: bus.namespace, cache, name };
    this.#names = channelNames(cache, name, shape);
    this.#ownEpochs = epochsOf(bus);
    this.#nodeTime = nodeTimeOf(clock);
    this.#inbox = new Inbox((partition) => this.#logs[partition]);
    this.replicas = new Replicas({
      // It is known only once the pubsub has been started.
      get ordered() {
        return bus.ordered;
      },
      heartbeat: bus.heartbeat,
      now: () => clock.now(),
      nodeTime: this.#nodeTime,
      describe: (index) => {
        const { partitions } = shape;
        return { cache, name, partition: partitions === null ? null : index, partitions };
      },
      listener: {
        events: (...batch) => this.#inbox.events(...batch),
        gap: (...gap) => this.#inbox.gap(...gap),
        found: (partition) => {
          for (const watcher of options.replicaWatchers) watcher.replicaFound(partition);
        },
        node: (replica, status) => this.#reports.node(replica, status),
      },
    });
    this.#limiter = new InboundLimiter({
      limit: Math.max(maxBatch, options.capacity / 8),
      accept: (message) => this.#receive(message),
      refuse: ({ channel, payload }) => bus.reject(channel, "overload", payload.length),
    });
    this.outboxes = new Outboxes({
      clock,
      maxInFlight: () => 16,
      enoughEvents: () => 1,
      isConnected: () => bus.status === "connected",
      maxSize: () => bus.maxMessageSize,
      maxEvents: () => maxBatch,
      publish: (partition, payload) => bus.publish(this.#names.data(partition), payload),
      encode: (partition, rows, after, to) => {
        const head = { ...this.#self(), partition, after, to };
        return frame(bus.codec, packData(this.#address, head, columnsOf(rows, to)));
      },
      unsendable: (partition, offset, failure) =>
        this.#reports.unsendable((this.#logs[partition] as PartitionLog).at(offset), failure),
      // That there is no connection shows in the pubsub's status.
      isRefusal: (error) => error instanceof PubSubError && error.reason === "publish_failed",
      refused: (error) => this.#reports.refusal(error),
    });
    this.#rejoin = new RejoinBarrier(clock, bus.heartbeat, () => this.outboxes.release());
    this.#outage = new OutageTimer(bus.heartbeat);
    this.broker = new BrokerWatch(clock, bus.heartbeat, options.brokerWatchers);
    if (bus.status !== "connected") this.#outage.begin(clock.now());
    this.#handshake = new Handshake(clock, handshakeTimeout(bus));
    this.#control = [this.#names.nodes, this.#names.node(bus.nodeName)].map((channel) =>
      bus.listen(channel, (payload) =>
        this.#limiter.receive({ channel, payload, partition: undefined }),
      ),
    );
    this.#ends.push(bus.onStatus((status) => this.#statusChanged(status)));
    this.#scheduleBeat();
  }

  /** Whether it has logs. */
  get begun(): boolean {
    return this.#logs.length > 0;
  }

  /** Begins an epoch, with new logs. */
  begin(logs: readonly PartitionLog[]): void {
    const { predecessor } = this.#options;
    if (this.begun) this.#endEpoch();
    else if (predecessor !== undefined) this.replicas.takeOver(predecessor, logs);
    this.#logs = logs;
    this.#ownEpochs.add(this.#self().epoch);
    this.outboxes.begin(logs);
    for (const log of logs) {
      log.onInterest = () => this.#listen(log);
      this.#listen(log);
    }
    this.#askAll();
  }

  /**
   * Settles when another node has answered that it has the same shape, or when none has answered.
   * While the broker cannot be reached, or does not answer, the handshake is left for later.
   *
   * @throws (as a rejection) ShapeMismatchError, PubSubError (`refused`, `node_name_taken`)
   */
  async shakeHands(): Promise<void> {
    const { bus } = this.#options;
    if (bus.status !== "connected") return;
    if (bus.noPeersNow) return void (this.#handshake.pending = false);
    const all = Promise.all(this.#control.map((it) => it.ready.catch(() => {})));
    const ready = all.then(() => true);
    const { clock } = this.#options;
    // A refusal that comes after this could only be reported, so the broker has a whole heartbeat.
    const stands = await withTimeout(
      clock,
      bus.heartbeat,
      this.#connectedUntil(ready),
      () => false,
    );
    this.#checkPermitted();
    if (stands) {
      this.#askAll();
      await this.#handshake.outcome();
      this.#checkPermitted();
    } else void ready.then(() => this.#shakeHandsLate());
  }

  /** Settles as `ready` does, or with false when the bus is no longer connected. */
  async #connectedUntil(ready: Promise<boolean>): Promise<boolean> {
    let stop = (): void => {};
    const lost = new Promise<boolean>((resolve) => {
      stop = this.#options.bus.onStatus((status) => status !== "connected" && resolve(false));
    });
    return await Promise.race([ready, lost]).finally(stop);
  }

  #checkPermitted(): void {
    const refusal = this.#options.bus.refusalOf(this.#names.prefix);
    if (refusal !== undefined) throw refusal;
  }

  #shakeHandsLate(): void {
    this.#askAll();
    if (this.#handshake.pending && !this.#ended)
      this.#handshake.outcome().catch(this.#options.fail);
  }

  /**
   * Settles when the broker has the subscriptions to all partitions that are read here; at once
   * without a connection, and after a heartbeat at the latest.
   */
  async listening(): Promise<void> {
    const { bus, clock } = this.#options;
    if (bus.status === "connected") await this.#inbox.ready(clock, bus.heartbeat);
  }

  /** Settles when the broker has all that was written before, or cannot be reached. */
  drain(): Promise<void> {
    return this.outboxes.drain();
  }

  get waiting(): number {
    return this.outboxes.waiting;
  }

  nodes(): Iterable<KnownNode> {
    return this.replicas.all();
  }

  find(node: string): KnownNode | undefined {
    return this.replicas.find(node);
  }

  /** Ends the stream in order. */
  end(): void {
    if (this.#ended) return;
    if (this.begun) this.#endEpoch();
    this.#ended = true;
    this.#options.clock.clearTimeout(this.#beat);
    for (const end of this.#ends) end();
    for (const listening of this.#control) listening.close();
    this.#inbox.close();
    this.#options.bus.abandon(this.#names.prefix);
    this.#limiter.close();
    this.#rejoin.cancel();
    this.broker.close();
  }

  #endEpoch(): void {
    this.outboxes.flush();
    this.#publishState("bye", "last");
    this.outboxes.stop();
    for (const log of this.#logs) log.onInterest = undefined;
  }

  #listen(log: PartitionLog): void {
    const { index } = log;
    const { bus, clock } = this.#options;
    const channel = this.#names.data(index);
    if (!log.hasReaders) {
      if (this.#inbox.ignore(index)) this.replicas.unwant(index);
      return;
    }
    const added = this.#inbox.listen(index, () =>
      bus.listen(channel, (payload) =>
        this.#limiter.receive({ channel, payload, partition: index }),
      ),
    );
    if (added === undefined) return;
    const began = clock.now();
    this.replicas.want(index, false);
    added.ready.then(
      () => {
        // `listening` does not wait longer: readers may have begun before the subscription.
        if (clock.now() - began > bus.heartbeat) this.#inbox.missed(index);
        this.replicas.want(index);
        this.#askAll();
      },
      () => {},
    );
  }

  /** Asks all nodes for their state; once in a turn of the event loop. */
  #askAll(): void {
    if (this.#asking || this.#ended) return;
    this.#asking = true;
    queueMicrotask(() => {
      this.#asking = false;
      this.#publishState("hello", "arrived");
    });
  }

  #statusChanged(status: PubSubStatus): void {
    if (status !== "connected") {
      this.#outage.begin(this.#options.clock.now());
      this.#rejoin.cancel();
      this.outboxes.hold();
      return;
    }
    this.#outage.end();
    this.broker.seen();
    // Nodes that are not known may have started, written and ended meanwhile.
    this.#inbox.missedAll();
    this.#shakeHandsLate();
    this.#rejoin.begin(Array.from(this.replicas.all(), ({ node }) => node));
  }

  #scheduleBeat(): void {
    const { clock, bus } = this.#options;
    this.#beat = clock.setTimeout(() => {
      this.#publishState("beat", "arrived");
      this.replicas.tick();
      if (this.#outage.isDue(clock.now())) this.#inbox.missedAll();
      this.#scheduleBeat();
    }, bus.heartbeat / 3);
  }

  #state(kind: StateMessage["kind"], of: "sent" | "arrived" | "last"): StateMessage {
    const { waiting } = this.outboxes;
    const { shape } = this.#options;
    const coverage = this.outboxes.coverage(of);
    const sent = of === "arrived" ? this.outboxes.coverage("sent") : coverage;
    return { kind, ...this.#self(), shape, coverage, sent, waiting };
  }

  #self(): { node: string; epoch: string; startedAt: number; sentAt: number } {
    const { node, epoch, startedAt } = (this.#logs[0] as PartitionLog).source;
    return { node, epoch, startedAt, sentAt: Math.round(this.#nodeTime()) };
  }

  /** Publishes the state of this node to all nodes. */
  #publishState(kind: StateMessage["kind"], of: "arrived" | "last"): void {
    if (!this.#ended && this.begun) this.#publish(this.#names.nodes, this.#state(kind, of));
  }

  /** A state that is lost is published again, or asked for. */
  #publish(channel: string, state: StateMessage): void {
    const { bus } = this.#options;
    if (bus.status !== "connected") return;
    this.broker.watch(bus.publish(channel, frame(bus.codec, packState(this.#address, state))));
  }

  /** Returns how many events it brought. */
  #receive({ channel, payload, partition }: InboundMessage): number {
    const { bus } = this.#options;
    if (this.#ended) return 0;
    try {
      const value = unframe(payload, bus.maxMessageSize);
      if (isOwn(value, bus.nodeName, this.#ownEpochs)) return 0;
      const message = readMessage(value, this.#address);
      if ((message.kind === "data" ? message.partition : undefined) !== partition)
        throw malformed("channel");
      if (message.kind === "ask") this.#answer(message.answerTo);
      else if (message.kind !== "data") this.#receiveState(message);
      else if (message.node !== bus.nodeName) {
        this.replicas.receive(message);
        return message.batch.types.length;
      }
    } catch (error) {
      if (error instanceof RejectedMessageError) bus.reject(channel, error.reason, payload.length);
      else warnOfError(`stream ${this.#options.name}: what came on ${channel}`, error);
    }
    return 0;
  }

  #receiveState(message: StateMessage): void {
    const { bus, name, shape } = this.#options;
    if (message.kind === "hello") this.#answer(message.node);
    const conflict = conflictWith(message, { node: bus.nodeName, name, shape });
    if (conflict === undefined) {
      this.replicas.state(message);
      this.#rejoin.heard(message.node);
      if (message.kind === "reply") this.#handshake.agreed();
    } else if (message.kind !== "bye") this.#reject(message, conflict);
  }

  #answer(node: string): void {
    if (this.begun) this.#publish(this.#names.node(node), this.#state("reply", "sent"));
  }

  /** A node that starts fails; one that was there before reports the conflict. */
  #reject(message: StateMessage, error: NebulexError): void {
    if (this.#handshake.refused(error)) return;
    if (message.kind === "reply" && this.#isYoungerThan(message)) this.#options.fail(error);
    else this.#reports.conflict(message, error);
  }

  /** Of two nodes of one name, the younger one has to end. */
  #isYoungerThan({ node, startedAt, epoch }: StateMessage): boolean {
    const own = this.#self();
    if (node !== own.node) return false;
    return startedAt === own.startedAt ? epoch < own.epoch : startedAt < own.startedAt;
  }
}
