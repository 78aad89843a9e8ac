import { ActorRef } from "../actor/ref.js";
import type { ActorContext } from "../actor/types.js";
import { callSafely } from "../callbacks.js";
import { withTimeout } from "../clock.js";
import { type PubSubFailure, PubSubError, SupervisorError, show } from "../errors.js";
import { callable, type Milliseconds } from "../options.js";
import { channels, reportCallbackError } from "../telemetry/channels.js";
import { type MetricSource, removeSource } from "../telemetry/metrics.js";
import { observe } from "../telemetry/open-telemetry.js";
import { RefusedError } from "./broker-session.js";
import { Connection } from "./connection.js";
import type { Codec } from "./encodable.js";
import { codecOf } from "./frame.js";
import type { ResolvedPubSubOptions } from "./pubsub-options.js";
import type { PubSubStatus, Transport } from "./transport.js";
import type { Bus, Listening } from "./types.js";
import { WireChannels } from "./wire-channels.js";

/**
 * A node's channels, over the connection of the current incarnation of its pubsub's actor. `listen`
 * and `publish` are for streams, whose channels are apart from those of the topics.
 *
 * @internal
 */
export class NodeBus implements Bus {
  readonly nodeName: string;
  readonly namespace: string;
  readonly heartbeat: Milliseconds;
  readonly codec: Codec;
  readonly localOnly: boolean;
  readonly #sizeLimit: number;
  readonly #makeTransport: (random: () => number) => Transport;
  /** The prefix of the streams' channels. */
  readonly #prefix: string;
  readonly #wire: WireChannels;
  readonly #watchers = new Set<(status: PubSubStatus) => void>();
  #owner: ActorRef | undefined;
  #connection: Connection | undefined;
  #status: PubSubStatus = "closed";
  #rejected = 0;

  constructor(
    options: ResolvedPubSubOptions,
    makeTransport: (random: () => number) => Transport,
    localOnly: boolean,
  ) {
    this.nodeName = options.nodeName;
    this.namespace = options.namespace;
    this.heartbeat = options.heartbeat;
    this.codec = codecOf(options.codec);
    this.localOnly = localOnly;
    this.#sizeLimit = options.maxMessageSize;
    this.#makeTransport = makeTransport;
    this.#prefix = `${options.namespace}:bus:`;
    this.#wire = new WireChannels(options.nodeName);
  }

  get ordered(): boolean {
    return this.#connection?.transport.ordered ?? false;
  }

  get noPeersNow(): boolean {
    return this.localOnly || this.#connection?.transport.alone === true;
  }

  get status(): PubSubStatus {
    return this.#status;
  }

  get maxMessageSize(): number {
    return Math.min(this.#sizeLimit, this.#connection?.transport.maxPayload ?? Infinity);
  }

  get trouble(): unknown {
    return this.#connection?.trouble;
  }

  refusalOf(prefix: string): PubSubError | undefined {
    return this.#connection?.refusalOf(prefix);
  }

  abandon(prefix: string): void {
    this.#connection?.abandon(prefix);
  }

  get rejected(): number {
    return this.#rejected;
  }

  listen(channel: string, onMessage: (payload: Uint8Array) => void): Listening {
    const name = this.#prefix + channel;
    return this.#wire.listen(name, (payload) => {
      // A node has tested whether it may publish again.
      if (payload.length === 0) return;
      if (payload.length <= this.#sizeLimit) onMessage(payload);
      else this.reject(name, "oversized", payload.length);
    });
  }

  /** Subscribes to a channel by its full name. */
  listenTo(name: string, onMessage: (payload: Uint8Array) => void): Listening {
    return this.#wire.listen(name, onMessage);
  }

  async publish(channel: string, payload: Uint8Array): Promise<void> {
    const connection = this.#connection;
    if (connection?.status !== "connected") throw this.#noConnection();
    await this.#publish(connection, this.#prefix + channel, payload, (cause) =>
      connection.refused(this.#prefix + channel, cause),
    );
  }

  /** Publishes on a channel by its full name, also while a stream's channel is refused. */
  async publishTo(name: string, payload: Uint8Array): Promise<void> {
    await this.#publish(this.requireConnection(), name, payload, (cause) =>
      this.error("refused", `may not publish on ${name}: ${cause.message}`, cause),
    );
  }

  reject(channel: string, reason: string, size: number): void {
    this.#rejected++;
    if (channels.messageRejected.hasSubscribers)
      channels.messageRejected.publish({ pubsub: this.nodeName, channel, reason, size });
  }

  onStatus(fn: (status: PubSubStatus) => void): () => void {
    callable("fn", fn);
    // The same function given twice is called twice.
    const watcher = (status: PubSubStatus): void => fn(status);
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  /** Begins an incarnation of the pubsub's actor. */
  async start(ctx: ActorContext): Promise<Connection> {
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
      busPrefix: this.#prefix,
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

  /** @throws PubSubError if there is none */
  requireConnection(): Connection {
    if (this.#connection?.isUp === true) return this.#connection;
    throw this.#noConnection();
  }

  error(reason: PubSubFailure, what: string, cause?: unknown): PubSubError {
    return new PubSubError(
      reason,
      this.nodeName,
      `pubsub ${this.nodeName} ${what}`,
      cause === undefined ? undefined : { cause },
    );
  }

  /**
   * Settles when the connection has been tried. A broker that says nothing at all doesn't hold up
   * the start for ever.
   */
  async #opened(connection: Connection, ctx: ActorContext): Promise<void> {
    await connection.load();
    const opening = connection.open();
    const stopLate = (): void => void opening.catch((error: unknown) => ctx.stop(error));
    await withTimeout(ctx.system.clock, this.heartbeat, opening, stopLate, ctx.signal);
  }

  #open(random: () => number): Transport {
    try {
      return this.#makeTransport(random);
    } catch (cause) {
      throw this.error("connect_failed", `could not be started: ${show(cause)}`, cause);
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

  async #publish(
    connection: Connection,
    name: string,
    payload: Uint8Array,
    refused: (cause: RefusedError) => PubSubError,
  ): Promise<void> {
    const max = this.maxMessageSize;
    if (payload.length > max)
      throw this.error("too_large", `has a message of ${payload.length} bytes, more than ${max}`);
    if (this.localOnly) return;
    try {
      await connection.transport.publish(name, payload);
    } catch (cause) {
      if (cause instanceof RefusedError) throw refused(cause);
      if (connection.isUp)
        throw this.error("publish_failed", `could not publish: ${show(cause)}`, cause);
      const reason = connection.status === "closed" ? "closed" : "not_connected";
      throw this.error(reason, "has lost its connection", cause);
    }
  }

  #noConnection(): PubSubError {
    return this.#status === "closed"
      ? this.error("closed", "is not started, or stopped")
      : this.error("not_connected", "has no connection");
  }
}
