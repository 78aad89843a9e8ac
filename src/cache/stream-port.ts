import type { ActorRef } from "../actor/ref.js";
import type { CacheEntryEvent, EventType, GapEvent } from "../event/types.js";
import type { Milliseconds } from "../options.js";

/** What a reader receives: events and, if it asked for them, gaps. */
export type StreamMessage<K = unknown, V = unknown> = CacheEntryEvent<K, V, ActorRef> | GapEvent;

/**
 * A reader: an actor, which receives the events as messages, or a function. One event at a time;
 * promises are awaited.
 */
export type Subscriber<K = unknown, V = unknown> =
  | ActorRef<never>
  | ((event: CacheEntryEvent<K, V, ActorRef>) => void | Promise<void>)
  | ((event: StreamMessage<K, V>) => void | Promise<void>);

/** Which events a reader wants, and from where. */
export interface SubscribeOptions {
  /** The types of event; at least one. Default: all five. */
  events?: readonly EventType[];
  /**
   * A partition's number, all of them, or one chosen so that readers are spread evenly. Default:
   * `"all"` for functions and iterators, `"auto"` (one) for actors.
   */
  partition?: number | "all" | "auto";
  /** A name for the reader's position in the stream, which outlives the reader. Default: none. */
  group?: string;
  /**
   * Where to begin if the group has no position yet: after the newest event, at the oldest event
   * kept, at this node's event with a sequence (an integer >= 0; only for one partition), or at the
   * position of a token of `position()`. If the events after that position are not kept any more,
   * the reader gets a gap, and then the events that are kept. Default `"latest"`.
   */
  from?: "latest" | "earliest" | number | (string & {});
  /** Whether to receive `gap` notices too. Default false. */
  gaps?: boolean;
  /**
   * How many events of a partition this reader may be behind: an integer from 1 to the stream's
   * `capacity`, which is the default. No more events are kept for it, so that a reader that stalls
   * does not make the log grow.
   */
  capacity?: number;
  /**
   * What is dropped when it is behind by more: the oldest events, reported as a gap, or all but the
   * newest of each key. Default `"gap"`.
   */
  overflow?: "gap" | "coalesce";
  /**
   * Whether to receive first the current entries of the cache, as `inserted` events with
   * `metadata.snapshot`, and then all later changes. A group that has a position continues there
   * instead. Only for a cache whose store is in the process, with `from: "latest"`, and if
   * `inserted` is among the types. Default false.
   */
  snapshot?: boolean;
}

/** A reader's subscription to a stream. */
export interface Subscription extends Disposable {
  /** The topics that it reads, e.g. `users:2:inserted`. */
  readonly topics: string[];
  /** The partition, `"all"`, or null on a stream without partitions. */
  readonly partition: number | "all" | null;
  /** How many events have not been handled yet. */
  readonly lag: number;
  /**
   * A token for `from`: its position in all its partitions, after the last event handled. A reader
   * that begins there receives the later events, and none twice (except what a reader that
   * coalesces had not handled). In a callback, the event of the call is not handled yet. A text of
   * letters, digits, `.`, `-` and `_`, some 40 characters and up to 20 a partition.
   */
  position(): string;
  /**
   * Ends it: nothing is delivered afterwards, and its group's position is dropped. A second call
   * has no effect.
   */
  unsubscribe(): void;
}

/** What `events` returns. */
export interface EventStream<T = StreamMessage> extends AsyncIterableIterator<T, undefined> {
  /**
   * How many events have not been handled yet; an event is handled when the next one is asked for.
   */
  readonly lag: number;
  /**
   * A token for `from`, after the event returned last. See {@link Subscription.position}.
   */
  position(): string;
}

/** Options of `whenDrained`. */
export interface DrainOptions {
  /**
   * How many events of a partition may be unread by its slowest reader: an integer >= 0. Default:
   * half the stream's capacity.
   */
  below?: number;
  /** Milliseconds. Default: none. */
  timeout?: Milliseconds;
  /** Ends the wait, with the signal's reason. */
  signal?: AbortSignal;
}

/** The stream of a cache instance, as the cache sees it. @internal */
export interface StreamPort {
  subscribe(subscriber: Subscriber<never, never>, options: SubscribeOptions): Subscription;
  events(options: SubscribeOptions & { signal?: AbortSignal }): EventStream;
  whenDrained(options: DrainOptions): Promise<void>;
}
