import { type Clock, nodeTimeOf, type TimerHandle, withTimeout } from "../clock.js";
import type { NebulexError, StreamShape } from "../errors.js";
import { frame, RejectedMessageError, unframe } from "../pubsub/frame.js";
import type { Milliseconds } from "../options.js";
import type { PubSubStatus } from "../pubsub/transport.js";
import type { Bus, Listening } from "../pubsub/types.js";
import { warnOfError } from "../telemetry/channels.js";
import type { PartitionLog } from "../log/partition-log.js";
import { InboundLimiter, type InboundMessage } from "./inbound-limiter.js";
import { columnsOf, maxBatch } from "./batch.js";
import { BrokerWatch, type BrokerWatcher } from "./broker-watch.js";
import { malformed } from "./wire-checks.js";
import { type ChannelNames, channelNames } from "./channel-names.js";
import { Handshake } from "./handshake.js";
import { Inbox } from "./inbox.js";
import {
  isOwn,
  packData,
  packState,
  readMessage,
  type StateMessage,
  type StreamAddress,
} from "./messages.js";
import { Replicas } from "./replicas.js";
import { OutageTimer } from "./outage-timer.js";
import { Outboxes } from "./outboxes.js";
import { RejoinBarrier } from "./rejoin-barrier.js";
import { ClusterReports } from "./cluster-reports.js";
import { clashWith, epochsOf, ToldClashes } from "./peer-check.js";
import { queueMicrotask } from "../timers.js";

/** How long it is waited for other nodes' word when a stream begins. */
const handshakeTimeout = ({ heartbeat }: Bus): Milliseconds => Math.min(heartbeat, 250);

/** What a link connects. @internal */
export interface ReplicatorOptions {
  readonly bus: Bus;
  readonly cache: string;
  readonly name: string;
  readonly shape: StreamShape;
  readonly clock: Clock;
  /** Events that a log keeps at the most. */
  readonly capacity: number;
  /** The books of the link before this one, for readers that have been there since then. */
  readonly predecessor?: Replicas | undefined;
  readonly brokerWatchers: Iterable<BrokerWatcher>;
  /** The stream can't go on: another node has another shape, or this node's name. */
  readonly fail: (error: NebulexError) => void;
}

/**
 * What makes the streams of one cache instance on several nodes one stream: it sends what is
 * written here, puts what comes from others into the logs here, and tells of what did not come. It
 * outlives the stream server's crash, as the logs do.
 *
 * @internal
 */
export class Replicator {
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
  readonly #toldClashes = new ToldClashes();
  #logs: readonly PartitionLog[] = [];
  readonly outboxes: Outboxes;
  readonly broker: BrokerWatch;
  readonly #admission: InboundLimiter;
  readonly #reunion: RejoinBarrier;
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
      // It is known when the pubsub has been started.
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
        node: (replica, status) => this.#reports.node(replica, status),
      },
    });
    this.#admission = new InboundLimiter({
      limit: Math.max(maxBatch, options.capacity / 8),
      admit: (arrival) => this.#receive(arrival),
      refuse: ({ channel, payload }) => bus.reject(channel, "overload", payload.length),
    });
    this.outboxes = new Outboxes({
      bus,
      clock,
      channelOf: (partition) => this.#names.data(partition),
      encode: (partition, rows, after, to) => {
        const head = { ...this.#self(), partition, after, to };
        return frame(bus.codec, packData(this.#address, head, columnsOf(rows, to)));
      },
      refused: (partition, place, failure) =>
        this.#reports.unsendable((this.#logs[partition] as PartitionLog).at(place), failure),
      failed: (error) => this.#reports.refusal(error),
    });
    this.#reunion = new RejoinBarrier(clock, bus.heartbeat, () => this.outboxes.release());
    this.#outage = new OutageTimer(bus.heartbeat);
    this.broker = new BrokerWatch(clock, bus.heartbeat, options.brokerWatchers);
    if (bus.status !== "connected") this.#outage.lost(clock.now());
    this.#handshake = new Handshake(clock, handshakeTimeout(bus));
    this.#control = [this.#names.nodes, this.#names.node(bus.nodeName)].map((channel) =>
      bus.listen(channel, (payload) =>
        this.#admission.receive({ channel, payload, partition: undefined }),
      ),
    );
    this.#ends.push(bus.onStatus((status) => this.#statusChanged(status)));
    this.#scheduleBeat();
  }

  /** Whether there are logs that it serves. */
  get begun(): boolean {
    return this.#logs.length > 0;
  }

  /** An epoch begins, with new logs. */
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
    this.#ask();
  }

  /**
   * Settles when another node has said that it has the same shape, or none has answered. Where the
   * broker is away, or says nothing, it is left for later.
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
      this.#ask();
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
    this.#ask();
    if (this.#handshake.pending && !this.#ended)
      this.#handshake.outcome().catch(this.#options.fail);
  }

  /**
   * Settles when the broker has the subscriptions to all that is read here; at once, if there is
   * none, and after a heartbeat at the latest.
   */
  async listening(): Promise<void> {
    const { bus, clock } = this.#options;
    if (bus.status === "connected") await this.#inbox.ready(clock, bus.heartbeat);
  }

  /** Settles when the broker has all that was written before, or can't be reached. */
  drain(): Promise<void> {
    return this.outboxes.drain();
  }

  /** The stream ends, in order. */
  end(): void {
    if (this.#ended) return;
    if (this.begun) this.#endEpoch();
    this.#ended = true;
    this.#options.clock.clearTimeout(this.#beat);
    for (const end of this.#ends) end();
    for (const listening of this.#control) listening.close();
    this.#inbox.close();
    this.#options.bus.abandon(this.#names.prefix);
    this.#admission.close();
    this.#reunion.cancel();
    this.broker.close();
  }

  #endEpoch(): void {
    this.outboxes.flush();
    this.#say("bye", "last");
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
        this.#admission.receive({ channel, payload, partition: index }),
      ),
    );
    if (added === undefined) return;
    const began = clock.now();
    this.replicas.want(index, false);
    added.ready.then(
      () => {
        // Nobody waits longer for it (`listening`).
        if (clock.now() - began > bus.heartbeat) this.#inbox.missed(index);
        this.replicas.want(index);
        this.#ask();
      },
      () => {},
    );
  }

  /** Asks everybody how far they are; several reasons in one turn are one question. */
  #ask(): void {
    if (this.#asking || this.#ended) return;
    this.#asking = true;
    queueMicrotask(() => {
      this.#asking = false;
      this.#say("hello", "arrived");
    });
  }

  #statusChanged(status: PubSubStatus): void {
    if (status !== "connected") {
      this.#outage.lost(this.#options.clock.now());
      this.#reunion.cancel();
      this.outboxes.hold();
      return;
    }
    this.#outage.over();
    this.broker.seen();
    // Others may have come, written and gone meanwhile, of whom nobody tells.
    this.#inbox.missedAll();
    this.#shakeHandsLate();
    this.#reunion.begin(Array.from(this.replicas.all(), ({ node }) => node));
  }

  #scheduleBeat(): void {
    const { clock, bus } = this.#options;
    this.#beat = clock.setTimeout(() => {
      this.#say("beat", "arrived");
      this.replicas.tick();
      if (this.#outage.isToBeTold(clock.now())) this.#inbox.missedAll();
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

  /** Says to all nodes how far this one is. */
  #say(kind: StateMessage["kind"], of: "arrived" | "last"): void {
    if (!this.#ended && this.begun) this.#publish(this.#names.nodes, this.#state(kind, of));
  }

  /** Says something that is said again, or asked for, when it does not arrive. */
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
      else if (message.kind !== "data") this.#hear(message);
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

  #hear(message: StateMessage): void {
    const { bus, name, shape } = this.#options;
    if (message.kind === "hello") this.#answer(message.node);
    const clash = clashWith(message, { node: bus.nodeName, name, shape });
    if (clash === undefined) {
      this.replicas.state(message);
      this.#reunion.heard(message.node);
      if (message.kind === "reply") this.#handshake.agreed();
    } else if (message.kind !== "bye") this.#clash(message, clash);
  }

  #answer(node: string): void {
    if (this.begun) this.#publish(this.#names.node(node), this.#state("reply", "sent"));
  }

  /** Whoever is about to start fails; whoever has been there says what it sees. */
  #clash(message: StateMessage, error: NebulexError): void {
    if (this.#handshake.refused(error)) return;
    if (message.kind === "reply" && this.#isYoungerThan(message)) this.#options.fail(error);
    else if (this.#toldClashes.add(message)) this.#reports.clash(message, error);
  }

  /**
   * Of two nodes of one name, which others take for one that begins again and again, one has to go.
   */
  #isYoungerThan({ node, startedAt, epoch }: StateMessage): boolean {
    const own = this.#self();
    if (node !== own.node) return false;
    return startedAt === own.startedAt ? epoch < own.epoch : startedAt < own.startedAt;
  }
}
