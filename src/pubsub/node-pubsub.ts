import type { ActorContext } from "../actor/types.js";
import { ActorRef } from "../actor/ref.js";
import { callSafely } from "../callbacks.js";
import { type PubSubFailure, PubSubError, SupervisorError, show } from "../errors.js";
import { withTimeout } from "../clock.js";
import { callable, plainName } from "../options.js";
import type { ChildSpec } from "../supervisor/child-spec.js";
import { actor } from "../supervisor/specs.js";
import { channels, reportCallbackError } from "../telemetry/channels.js";
import { type MetricSource, removeSource } from "../telemetry/metrics.js";
import { observe } from "../telemetry/open-telemetry.js";
import { Connection } from "./connection.js";
import { RefusedError } from "./broker-session.js";
import { type BusPort, busPrefix, NodeBus } from "./node-bus.js";
import { codecOf, decodeTopicMessage, encodeTopicMessage, RejectedMessageError } from "./frame.js";
import { checkTopic, type ResolvedPubSubOptions } from "./pubsub-options.js";
import { checkSubscriber, Topics } from "./topics.js";
import type { PubSubStatus, Transport } from "./transport.js";
import {
  type Bus,
  busOf,
  type Listening,
  type PubSubWithBus,
  type TopicSubscriber,
} from "./types.js";
import { WireChannels } from "./wire-channels.js";
import { copyKey, thisCopy } from "../package-copy.js";

/**
 * A node's pubsub over any transport: its topics, their local subscribers, and the connection of
 * the current incarnation of its actor.
 *
 * @internal
 */
export class NodePubSub implements PubSubWithBus {
  readonly nodeName: string;
  readonly [busOf]: Bus;
  readonly #options: ResolvedPubSubOptions;
  readonly #makeTransport: (random: () => number) => Transport;
  /** No other node can ever receive from it: nothing is encoded or sent. */
  readonly #localOnly: boolean;
  readonly #wire: WireChannels;
  readonly #topics: Topics;
  readonly #watchers = new Set<(status: PubSubStatus) => void>();
  #owner: ActorRef | undefined;
  #connection: Connection | undefined;
  #status: PubSubStatus = "closed";

  constructor(
    options: ResolvedPubSubOptions,
    makeTransport: (random: () => number) => Transport,
    localOnly: boolean,
  ) {
    this.nodeName = options.nodeName;
    this.#options = options;
    this.#makeTransport = makeTransport;
    this.#localOnly = localOnly;
    this.#wire = new WireChannels(options.nodeName);
    this.#topics = new Topics(options.nodeName, (topic) =>
      this.#listen(this.#topicChannel(topic), topic),
    );
    this.#listen(this.#nodeChannel(this.nodeName), undefined);
    this[busOf] = new NodeBus(options, this.#wire, this.#busPort());
  }

  /** @internal */
  get [copyKey](): object {
    return thisCopy;
  }

  get status(): PubSubStatus {
    return this.#status;
  }

  childSpec(): ChildSpec {
    return actor<Connection>({
      id: `pubsub:${this.nodeName}`,
      init: (ctx) => this.#start(ctx),
      receive: () => {},
      terminate: (_reason, connection) => connection.close(),
    });
  }

  subscribe(topic: string, subscriber: TopicSubscriber): void {
    this.#topics.subscribe(checkTopic(topic), subscriber);
  }

  unsubscribe(topic: string, subscriber: TopicSubscriber): void {
    this.#topics.unsubscribe(checkTopic(topic), subscriber);
  }

  async broadcast(topic: string, message: unknown): Promise<void> {
    this.#topics.dispatch(checkTopic(topic), message);
    await this.#send(this.#topicChannel(topic), topic, message);
  }

  async broadcastFrom(from: TopicSubscriber, topic: string, message: unknown): Promise<void> {
    checkSubscriber("from", from);
    this.#topics.dispatch(checkTopic(topic), message, from);
    await this.#send(this.#topicChannel(topic), topic, message);
  }

  localBroadcast(topic: string, message: unknown): void {
    this.#topics.dispatch(checkTopic(topic), message);
  }

  async directBroadcast(nodeName: string, topic: string, message: unknown): Promise<void> {
    plainName("nodeName", nodeName);
    checkTopic(topic);
    if (nodeName === this.nodeName) this.#topics.dispatch(topic, message);
    else await this.#send(this.#nodeChannel(nodeName), topic, message);
  }

  onStatus(fn: (status: PubSubStatus) => void): () => void {
    callable("fn", fn);
    // The same function given twice is called twice.
    const watcher = (status: PubSubStatus): void => fn(status);
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  async #start(ctx: ActorContext): Promise<Connection> {
    if (this.#owner?.alive === true) {
      throw new SupervisorError("already_started", `pubsub already started: ${this.nodeName}`, {
        ref: this.#owner,
      });
    }
    this.#owner = ctx.self as ActorRef;
    const connection = new Connection(this.#open(ctx.system.random), {
      nodeName: this.nodeName,
      channels: this.#wire,
      clock: ctx.system.clock,
      random: ctx.system.random,
      busPrefix: busPrefix(this.#options.namespace),
      onStatus: () => {
        if (this.#connection === connection) this.#setStatus(connection.status);
      },
    });
    this.#connection = connection;
    this.#setStatus(connection.status);
    const metrics: MetricSource = {
      measure: (into) => {
        for (const status of ["connected", "reconnecting"] as const)
          into.add("nebulex.pubsub.status", connection.status === status ? 1 : 0, {
            node: this.nodeName,
            status,
          });
      },
    };
    observe(metrics);
    ActorRef.targetOf(ctx.self).onDeath(() => {
      removeSource(metrics);
      void connection.close();
    });
    await this.#opened(connection, ctx);
    return connection;
  }

  /**
   * Settles when the connection has been tried. A broker that says nothing at all doesn't hold up
   * the start for ever.
   */
  async #opened(connection: Connection, ctx: ActorContext): Promise<void> {
    await connection.load();
    const opening = connection.open();
    const stopLate = (): void => void opening.catch((error: unknown) => ctx.stop(error));
    const { heartbeat } = this.#options;
    await withTimeout(ctx.system.clock, heartbeat, opening, stopLate, ctx.signal);
  }

  #open(random: () => number): Transport {
    try {
      return this.#makeTransport(random);
    } catch (cause) {
      throw this.#error("connect_failed", `could not be started: ${show(cause)}`, cause);
    }
  }

  #setStatus(status: PubSubStatus): void {
    if (status === this.#status) return;
    this.#status = status;
    for (const watcher of this.#watchers)
      callSafely(watcher, status, (error) =>
        reportCallbackError(
          channels.topicSubscriberError,
          `a watcher of the status of pubsub ${this.nodeName} failed`,
          error,
          { pubsub: this.nodeName, topic: null },
        ),
      );
  }

  async #send(channel: string, topic: string, message: unknown): Promise<void> {
    if (this.#localOnly) {
      this.#requireConnection();
      return;
    }
    let payload: Uint8Array;
    try {
      const { namespace } = this.#options;
      payload = encodeTopicMessage(codecOf(this.#options.codec), {
        namespace,
        topic,
        from: this.nodeName,
        message,
      });
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw this.#error("not_encodable", `can't send on topic ${show(topic)}: ${why}`, cause);
    }
    await this.#publish(channel, payload, this.#requireConnection());
  }

  async #publish(channel: string, payload: Uint8Array, connection: Connection): Promise<void> {
    const max = this.#maxMessageSize;
    if (payload.length > max)
      throw this.#error("too_large", `has a message of ${payload.length} bytes, more than ${max}`);
    if (this.#localOnly) return;
    try {
      await connection.transport.publish(channel, payload);
    } catch (cause) {
      if (cause instanceof RefusedError)
        throw channel.startsWith(busPrefix(this.#options.namespace))
          ? connection.refused(channel, cause)
          : this.#error("refused", `may not publish on ${channel}: ${cause.message}`, cause);
      if (connection.isUp)
        throw this.#error("publish_failed", `could not publish: ${show(cause)}`, cause);
      const reason = connection.status === "closed" ? "closed" : "not_connected";
      throw this.#error(reason, "has lost its connection", cause);
    }
  }

  /** @param forStreams also fails while the broker refuses a stream's channel */
  #requireConnection(forStreams = false): Connection {
    const connection = this.#connection;
    if (
      connection !== undefined &&
      (forStreams ? connection.status === "connected" : connection.isUp)
    )
      return connection;
    throw this.#status === "closed"
      ? this.#error("closed", "is not started, or stopped")
      : this.#error("not_connected", "has no connection");
  }

  #receive(channel: string, payload: Uint8Array, topic: string | undefined): void {
    try {
      const message = decodeTopicMessage(payload, this.#options.maxMessageSize);
      if (
        message.namespace !== this.#options.namespace ||
        (topic ?? message.topic) !== message.topic
      )
        throw new RejectedMessageError("malformed", "a message of another channel");
      if (message.from !== this.nodeName) this.#topics.dispatch(message.topic, message.message);
    } catch (error) {
      if (!(error instanceof RejectedMessageError)) throw error;
      this[busOf].reject(channel, error.reason, payload.length);
    }
  }

  /** @param topic the topic of the channel; undefined: any */
  #listen(channel: string, topic: string | undefined): Listening {
    return this.#wire.listen(channel, (payload) => this.#receive(channel, payload, topic));
  }

  get #maxMessageSize(): number {
    return Math.min(
      this.#options.maxMessageSize,
      this.#connection?.transport.maxPayload ?? Infinity,
    );
  }

  #topicChannel(topic: string): string {
    return `${this.#options.namespace}:topic:${topic}`;
  }

  #nodeChannel(nodeName: string): string {
    return `${this.#options.namespace}:node:${nodeName}`;
  }

  #busPort(): BusPort {
    const status = (): PubSubStatus => this.#status;
    const ordered = (): boolean => this.#connection?.transport.ordered ?? false;
    const noPeersNow = (): boolean => this.#localOnly || this.#connection?.transport.alone === true;
    const maxMessageSize = (): number => this.#maxMessageSize;
    const trouble = (): unknown => this.#connection?.trouble;
    return {
      localOnly: this.#localOnly,
      get noPeersNow() {
        return noPeersNow();
      },
      get status() {
        return status();
      },
      get ordered() {
        return ordered();
      },
      get maxMessageSize() {
        return maxMessageSize();
      },
      get trouble() {
        return trouble();
      },
      refusalOf: (prefix) => this.#connection?.refusalOf(prefix),
      abandon: (prefix) => this.#connection?.abandon(prefix),
      publish: async (channel, payload) =>
        this.#publish(channel, payload, this.#requireConnection(true)),
      onStatus: (fn) => this.onStatus(fn),
    };
  }

  #error(reason: PubSubFailure, what: string, cause?: unknown): PubSubError {
    return new PubSubError(
      reason,
      this.nodeName,
      `pubsub ${this.nodeName} ${what}`,
      cause === undefined ? undefined : { cause },
    );
  }
}
