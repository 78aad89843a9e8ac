/** The state of a pubsub's connection. `closed`: not started yet, or stopped. */
export type PubSubStatus = "connected" | "reconnecting" | "closed";

/** What a {@link Transport} reports. */
export interface TransportEvents {
  /**
   * A payload was received on a subscribed channel. It may be called at any time between `open` and
   * `close`; it never throws.
   */
  message(channel: string, payload: Uint8Array): void;
  /**
   * A connection is there, or is lost. Its subscriptions are lost with it: after each `connected`
   * they are made again, by calls of `subscribe`.
   *
   * @param error why it is lost, if that is known
   */
  status(status: "connected" | "reconnecting", error?: unknown): void;
}

/**
 * An adapter for a broker, which carries opaque payloads on named channels, at most once, to those
 * that are subscribed at that time. Topics, codecs, namespaces, local subscribers and supervision
 * are up to `createPubSub`; loss, order and duplicates are handled by the streams.
 * `pubSubConformance` of `nebulex-streams/testing` checks one.
 *
 * A transport is opened once and closed once. Channel names are any non-empty strings: where the
 * broker's are more restricted, the transport encodes them.
 */
export interface Transport {
  /**
   * Whether each connection receives what another one publishes in the order of publishing, across
   * channels too. Otherwise, a loss that no later message shows is reported one to two heartbeats
   * later.
   */
  readonly ordered: boolean;
  /**
   * Whether it is certain that no other node is connected now, so that a stream that begins need
   * not wait for an answer. Default false.
   */
  readonly alone?: boolean | undefined;
  /**
   * The largest payload that the broker accepts, in bytes, if it has such a limit; read again after
   * each `connected`.
   */
  readonly maxPayload?: number | undefined;
  /**
   * Loads what is needed to connect, such as an optional package, before `open`. It does not count
   * toward the time that a connection may take. Rejects where another attempt would not help.
   */
  load?(): Promise<void>;
  /**
   * Connects, and from then on reconnects by itself after each loss, until `close`. Settles after
   * the first attempt: a broker that cannot be reached is no error here, it is reported as
   * `reconnecting`. Rejects where another attempt would not help: a wrong option, a refused
   * password.
   */
  open(events: TransportEvents): Promise<void>;
  /**
   * Settles when the broker has the subscription; rejects when it refuses it, or when the connection
   * is lost before. Called only while there is a connection, and once for a channel, unless it was
   * refused or has been unsubscribed.
   */
  subscribe(channel: string): Promise<void>;
  /** Ends a subscription; without one, no effect. */
  unsubscribe(channel: string): Promise<void>;
  /**
   * Settles when the broker has accepted the payload; rejects when it cannot be known to have:
   * without a connection at once, since nothing is queued for the next one. Calls are carried out
   * in their order. Neither side changes the payload afterwards. A node may receive its own
   * messages.
   */
  publish(channel: string, payload: Uint8Array): Promise<void>;
  /**
   * Sends what was published, then ends the connection. Idempotent; may be called before or during
   * `open`.
   */
  close(): Promise<void>;
}
