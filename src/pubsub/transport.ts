/** Where a pubsub's connection stands. `closed`: not started yet, or stopped. */
export type PubSubStatus = "connected" | "reconnecting" | "closed";

/** What a {@link Transport} tells of. */
export interface TransportEvents {
  /**
   * A payload has come on a channel that is subscribed to. It may be called at any time between
   * `open` and `close`; it never throws.
   */
  message(channel: string, payload: Uint8Array): void;
  /**
   * The connection stands, or is lost. `connected` is told when every subscription stands again,
   * and not before: whoever is told asks the others what it has missed, and must not miss the
   * answer.
   *
   * @param error why it is lost, if that is known
   */
  status(status: "connected" | "reconnecting", error?: unknown): void;
}

/**
 * What a broker has to do for a pubsub: carry opaque payloads on named channels, at most once, to
 * whoever subscribes at that time. That is all that somebody who writes an adapter has to write;
 * topics, codec, namespaces, local subscribers and supervision are `createPubSub`'s, and loss,
 * order and repetition are the streams' own affair. `pubSubConformance` of
 * `nebulex-streams/testing` checks one.
 *
 * A transport is opened once and closed once. Channel names are any non-empty strings: where the
 * broker's own are more restricted, the transport encodes them.
 */
export interface Transport {
  /**
   * Whether what one connection publishes comes to each other one in the order of publishing,
   * across channels too. Where it doesn't, a loss that no later message shows is reported one to
   * two heartbeats later.
   */
  readonly ordered: boolean;
  /**
   * Whether it is certain that no other node is connected now, so that a stream that begins need
   * not wait for an answer. Default false.
   */
  readonly alone?: boolean | undefined;
  /**
   * The largest payload that the broker takes, in bytes, if it has such a limit; looked at again
   * after each `connected`.
   */
  readonly maxPayload?: number | undefined;
  /**
   * Loads what is needed to connect, such as an optional package, before `open`. It does not count
   * toward the time that a connection may take. Rejects for what no further attempt can mend.
   */
  load?(): Promise<void>;
  /**
   * Connects, and from then on reconnects by itself after each loss, until `close`. Settles after
   * the first attempt: a broker that can't be reached is no error here, it is told as
   * `reconnecting`. Rejects for what no further attempt can mend: a wrong option, a refused
   * password.
   */
  open(events: TransportEvents): Promise<void>;
  /**
   * Settles when the broker has the subscription; while there is no connection, it is made with the
   * next one. Repeated: no effect.
   */
  subscribe(channel: string): Promise<void>;
  /** Not subscribed: no effect. */
  unsubscribe(channel: string): Promise<void>;
  /**
   * Settles when the broker has taken the payload, rejects when it can't be known to have: at once
   * without a connection, never queued for the next. Calls are carried out in their order. The
   * payload is not changed afterwards by either side. A transport need not keep a node's own
   * messages from coming back to it.
   */
  publish(channel: string, payload: Uint8Array): Promise<void>;
  /**
   * Lets what was published go out, then ends the connection. Idempotent, also before or during
   * `open`.
   */
  close(): Promise<void>;
}
