import type { ActorRef } from "../actor/ref.js";
import type { PubSubError } from "../errors.js";
import type { Milliseconds } from "../options.js";
import type { ChildSpec } from "../supervisor/child-spec.js";
import type { Codec } from "./codec.js";
import type { PubSubStatus } from "./transport.js";

/** Who gets a topic's messages: an actor as its messages, a function as its argument. */
export type TopicSubscriber = ActorRef | ((message: unknown) => unknown);

/**
 * Messages by topic, to every subscriber of exactly that topic on every node. Local subscribers are
 * served before a call returns, whatever becomes of the broker; the others at most once, in order
 * by sender. Whoever subscribes twice is served twice; an actor's death unsubscribes it. A function
 * that throws, or whose promise rejects, is reported and served again; promises are not waited for.
 */
export interface PubSub {
  /**
   * This node's name, the same as in the metadata of the events of the streams that run over it.
   */
  readonly nodeName: string;
  /** Whether it is connected to its broker. */
  readonly status: PubSubStatus;
  /**
   * The child spec of the actor that holds the connection; its id is `pubsub:<nodeName>`. It stands
   * before the stream servers that use it.
   */
  childSpec(): ChildSpec;
  /** Gives the topic's messages to a subscriber, from now on. */
  subscribe(topic: string, subscriber: TopicSubscriber): void;
  /** Drops all of this subscriber's subscriptions to the topic. */
  unsubscribe(topic: string, subscriber: TopicSubscriber): void;
  /**
   * @throws (as a rejection) {@link PubSubError} when the broker can't be reached; the local
   * subscribers have it all the same
   */
  broadcast(topic: string, message: unknown): Promise<void>;
  /** The same, but not to `from`. */
  broadcastFrom(from: TopicSubscriber, topic: string, message: unknown): Promise<void>;
  /** To this node's subscribers alone. */
  localBroadcast(topic: string, message: unknown): void;
  /** To the subscribers of one node alone. */
  directBroadcast(nodeName: string, topic: string, message: unknown): Promise<void>;
  /** Calls `fn` at each change of `status`; returns a function that ends that. */
  onStatus(fn: (status: PubSubStatus) => void): () => void;
}

/** What all pubsubs are made with. */
export interface PubSubOptions {
  /**
   * This node's name, without ":", one that no other node of the namespace has. Default: a random
   * one.
   */
  nodeName?: string;
  /**
   * Keeps applications on one broker apart: nodes of other namespaces are neither heard nor heard
   * from. Default `"nebulex"`.
   */
  namespace?: string;
  /**
   * How messages are encoded: compactly, or so that people can read them on the wire. Each node
   * reads both. Default `"binary"`.
   */
  codec?: "binary" | "json";
  /**
   * A message of more bytes is neither sent nor taken. Default 1,048,576; a broker's own limit
   * counts if it is less.
   */
  maxMessageSize?: number;
  /**
   * Milliseconds after which a node that says nothing counts as silent, and readers are told that
   * they may miss something. A sign of life is sent every third of it. Default 3000.
   */
  heartbeat?: Milliseconds;
}

/** What comes of a bus's `listen`. @internal */
export interface Listening {
  /** Settles when the broker has the subscription; rejects if the pubsub is closed before. */
  readonly ready: Promise<void>;
  close(): void;
}

/**
 * What streams use of a pubsub: bytes on channels of its namespace, under its own symbol.
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
   * `onMessage` gets what comes from outside on the channel, this node's own included if the broker
   * echoes it; it must not throw.
   */
  listen(channel: string, onMessage: (payload: Uint8Array) => void): Listening;
  /** @throws (as a rejection) PubSubError */
  publish(channel: string, payload: Uint8Array): Promise<void>;
  onStatus(fn: (status: PubSubStatus) => void): () => void;
  /** Why there is no connection, as far as is known. */
  readonly trouble: unknown;
  /** That the broker refuses a channel whose name begins so, while it does. */
  refusalOf(prefix: string): PubSubError | undefined;
  /** Nothing more is published on channels whose names begin so. */
  abandon(prefix: string): void;
  /** How many messages from outside were not taken. */
  readonly rejected: number;
  /**
   * Counts a message from outside that is not taken, and tells of it on
   * `nebulex.pubsub.message_rejected`. `size` in bytes.
   */
  reject(channel: string, reason: string, size: number): void;
}

/** Where a PubSub made by `createPubSub` has its bus. @internal */
export const busOf: unique symbol = Symbol("nebulex.bus");

/** A PubSub that streams can run over. @internal */
export interface PubSubWithBus extends PubSub {
  readonly [busOf]: Bus;
}
