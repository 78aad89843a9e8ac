import type { ActorContext } from "../actor/types.js";
import { withTimeout } from "../clock.js";
import { type PubSubFailure, PubSubError, show } from "../errors.js";
import type { Milliseconds } from "../options.js";
import { channels, reportCallbackError } from "../telemetry/channels.js";
import { RefusedError } from "./broker-session.js";
import { Connection } from "./connection.js";
import type { Codec } from "./encodable.js";
import { codecOf } from "./frame.js";
import { HeldConnection } from "./held-connection.js";
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
  readonly #held: HeldConnection<Connection>;
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
    this.#held = new HeldConnection("pubsub", options.nodeName, (what, error) =>
      reportCallbackError(channels.topicSubscriberError, what, error, {
        pubsub: this.nodeName,
        topic: null,
      }),
    );
  }

  get ordered(): boolean {
    return this.#held.current?.transport.ordered ?? false;
  }

  get noPeersNow(): boolean {
    return this.localOnly || this.#held.current?.transport.alone === true;
  }

  get status(): PubSubStatus {
    return this.#held.status;
  }

  get maxMessageSize(): number {
    return Math.min(this.#sizeLimit, this.#held.current?.transport.maxPayload ?? Infinity);
  }

  get trouble(): unknown {
    return this.#held.current?.trouble;
  }

  refusalOf(prefix: string): PubSubError | undefined {
    return this.#held.current?.refusalOf(prefix);
  }

  abandon(prefix: string): void {
    this.#held.current?.abandon(prefix);
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
    const connection = this.#held.current;
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
    return this.#held.onStatus(fn);
  }

  /** Begins an incarnation of the pubsub's actor. */
  async start(ctx: ActorContext): Promise<Connection> {
    const { clock, random } = ctx.system;
    const connection = this.#held.begin(
      ctx,
      (onStatus) =>
        new Connection(this.#open(random), {
          nodeName: this.nodeName,
          channels: this.#wire,
          clock,
          random,
          busPrefix: this.#prefix,
          onStatus,
        }),
    );
    await this.#opened(connection, ctx);
    return connection;
  }

  /** @throws PubSubError if there is none */
  requireConnection(): Connection {
    const connection = this.#held.current;
    if (connection?.isUp === true) return connection;
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
    return this.#held.status === "closed"
      ? this.error("closed", "is not started, or stopped")
      : this.error("not_connected", "has no connection");
  }
}
