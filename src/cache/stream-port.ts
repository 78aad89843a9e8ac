import type { ActorRef } from "../actor/ref.js";
import type { CacheEntryEvent, EventType, GapEvent } from "../event/types.js";
import type { Milliseconds } from "../options.js";

/** What a reader is given: events and, where it asked for them, gaps. */
export type StreamMessage<K = unknown, V = unknown> = CacheEntryEvent<K, V, ActorRef> | GapEvent;

/**
 * Who reads: an actor, which gets the events as messages, or a function. One event at a time;
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
  /** A name for the reader's place in the stream, which outlives the reader. Default: none. */
  group?: string;
  /**
   * Where to begin when there is no place kept for the group: behind the newest event, at the
   * oldest kept, or at the event of this node with a sequence (an integer >= 0; only for one
   * partition), or where a token of `position()` says: behind what was handled then, or at a gap
   * and then what there is, if that is not kept any more. Default `"latest"`.
   */
  from?: "latest" | "earliest" | number | (string & {});
  /** Whether to be given `gap` notices too. Default false. */
  gaps?: boolean;
  /**
   * Events of a partition that this reader may be behind by: an integer from 1 to the stream's
   * `capacity`, which is the default. Events beyond that are not kept for it, so that it can stall
   * without the log growing.
   */
  capacity?: number;
  /**
   * What gives way when it is behind by more: the oldest events, told as a gap, or all but the
   * newest of each key. Default `"gap"`.
   */
  overflow?: "gap" | "coalesce";
  /**
   * Whether to be given first what the cache holds now, as `inserted` events with
   * `metadata.snapshot`, and then all that changes after that point. Not for a group that has a
   * place already: it goes on from there. Only for a cache whose store is in the process, with
   * `from: "latest"`, and if `inserted` is among the types. Default false.
   */
  snapshot?: boolean;
}

/** A reader's hold on a stream. */
export interface Subscription extends Disposable {
  /** The topics that it reads, e.g. `users:2:inserted`. */
  readonly topics: string[];
  /** The partition, `"all"`, or null on a stream without partitions. */
  readonly partition: number | "all" | null;
  /** How many events have not been handled yet. */
  readonly lag: number;
  /**
   * A token of where it is in all its partitions, behind the last event handled, for `from`: what
   * comes behind it is then given, and nothing twice (but what a reader that coalesces had not
   * handled). In a callback, the event that it is called with is not handled yet. A text of
   * letters, digits, `.`, `-` and `_`, some 40 characters and up to 20 a partition.
   */
  position(): string;
  /**
   * Ends it: nothing is delivered afterwards, and its group's place is given up. A second call has
   * no effect.
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
   * A token for `from`, behind the event that was given last. See {@link Subscription.position}.
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
