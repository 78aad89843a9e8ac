import type { ActorRef } from "../actor/ref.js";
import type { PubSubError } from "../errors.js";
import type { Milliseconds } from "../options.js";
import type { ChildSpec } from "../supervisor/child-spec.js";
import type { Codec } from "./encodable.js";
import type { PubSubStatus } from "./transport.js";

/** Receives a topic's messages: an actor as its messages, a function as its argument. */
export type TopicSubscriber = ActorRef | ((message: unknown) => unknown);

/**
 * Publishes messages by topic to all subscribers of exactly that topic on all nodes. Local
 * subscribers receive a message before the call returns, even without a broker; those of other
 * nodes receive it at most once, in the order of each sender. A subscriber that subscribes twice
 * receives each message twice; an actor's death unsubscribes it. If a function throws, or its
 * promise rejects, the error is reported, and the function stays subscribed; promises are not
 * awaited.
 */
export interface PubSub {
  /**
   * This node's name, the same as in the metadata of the events of the streams that run over it.
   */
  readonly nodeName: string;
  /** Whether it is connected to its broker. */
  readonly status: PubSubStatus;
  /**
   * The child spec of the actor that holds the connection; its id is `pubsub:<nodeName>`. Place it
   * before the stream servers that use it.
   */
  childSpec(): ChildSpec;
  /** Subscribes to a topic, from now on. */
  subscribe(topic: string, subscriber: TopicSubscriber): void;
  /** Ends all of this subscriber's subscriptions to the topic. */
  unsubscribe(topic: string, subscriber: TopicSubscriber): void;
  /**
   * Publishes a message to all nodes. Settles when the broker has accepted it.
   *
   * @throws (as a rejection) {@link PubSubError} when the broker cannot be reached; the local
   * subscribers have received the message all the same
   */
  broadcast(topic: string, message: unknown): Promise<void>;
  /** The same, except to the subscriber `from`. */
  broadcastFrom(from: TopicSubscriber, topic: string, message: unknown): Promise<void>;
  /** Publishes a message to this node's subscribers only. */
  localBroadcast(topic: string, message: unknown): void;
  /** Publishes a message to the subscribers of one node only. */
  directBroadcast(nodeName: string, topic: string, message: unknown): Promise<void>;
  /** Calls `fn` at each change of `status`; returns a function that ends this. */
  onStatus(fn: (status: PubSubStatus) => void): () => void;
}

/** The options of all pubsubs. */
export interface PubSubOptions {
  /**
   * This node's name, without ":", unique in the namespace. Default: a random one.
   */
  nodeName?: string;
  /**
   * Separates applications on one broker: nodes of different namespaces exchange nothing. Default
   * `"nebulex"`.
   */
  namespace?: string;
  /**
   * How messages are encoded: compactly, or readable for people. Each node decodes both. Default
   * `"binary"`.
   */
  codec?: "binary" | "json";
  /**
   * The size in bytes above which a message is neither sent nor accepted, at least 1024. Default
   * 1,048,576; the broker's own limit applies if it is less.
   */
  maxMessageSize?: number;
  /**
   * Milliseconds after which a node that sends nothing counts as silent, and a gap reports to
   * readers that they may miss events. Each node sends a heartbeat every third of it. Default 3000.
   */
  heartbeat?: Milliseconds;
}

/** A subscription of a bus. @internal */
export interface Listening {
  /** Settles when the broker has the subscription; rejects if the pubsub is closed before. */
  readonly ready: Promise<void>;
  close(): void;
}

/**
 * What streams use of a pubsub: bytes on channels of its namespace.
 *
 * @internal
 */
export interface Bus {
  readonly nodeName: string;
  readonly namespace: string;
  readonly heartbeat: Milliseconds;
  readonly codec: Codec;
  readonly ordered: boolean;
  /** Whether no other node can ever hear this one. */
  readonly localOnly: boolean;
  /** Whether no other node is connected now, as far as is certain. */
  readonly noPeersNow: boolean;
  readonly status: PubSubStatus;
  /** In bytes: the option, or the broker's own limit if that is less. */
  readonly maxMessageSize: number;
  /**
   * Subscribes to a channel. `onMessage` receives its payloads, this node's own included if the
   * broker echoes them; it must not throw.
   */
  listen(channel: string, onMessage: (payload: Uint8Array) => void): Listening;
  /** @throws (as a rejection) PubSubError */
  publish(channel: string, payload: Uint8Array): Promise<void>;
  onStatus(fn: (status: PubSubStatus) => void): () => void;
  /** Why there is no connection, as far as is known. */
  readonly trouble: unknown;
  /** The broker's refusal of a channel whose name begins so; undefined: it refuses none. */
  refusalOf(prefix: string): PubSubError | undefined;
  /** Nothing more will be published on channels whose names begin so. */
  abandon(prefix: string): void;
  /** How many received messages were rejected. */
  readonly rejected: number;
  /**
   * Counts a received message that is rejected, and reports it on
   * `nebulex.pubsub.message_rejected`. `size` in bytes.
   */
  reject(channel: string, reason: string, size: number): void;
}

/** The property of a PubSub made by `createPubSub` that holds its bus. @internal */
export const busOf: unique symbol = Symbol("nebulex.bus");

/** A PubSub that streams can run over. @internal */
export interface PubSubWithBus extends PubSub {
  readonly [busOf]: Bus;
}
