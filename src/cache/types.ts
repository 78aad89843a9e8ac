import type { ActorRef } from "../actor/ref.js";
import type { CacheEntryEvent } from "../event/types.js";
import type { Milliseconds } from "../options.js";
import type { ChildSpec } from "../supervisor/child-spec.js";
import type {
  DrainOptions,
  EventStream,
  StreamMessage,
  SubscribeOptions,
  Subscription,
} from "./stream-port.js";

/**
 * How long an entry lives, in milliseconds above 0. `null` or `Infinity`: forever, whatever the
 * adapter's default is.
 */
export type Ttl = Milliseconds | null;

/** Options of the commands that store a value. */
export interface PutOptions {
  /** Default: the adapter's. */
  ttl?: Ttl;
  /**
   * Whether this is a copy of what is true elsewhere, not a change; events say so. Default false.
   */
  fill?: boolean;
}

/** Options of the commands that store a computed value. */
export interface StoreOptions {
  /** Default: the adapter's for a new key; `update` keeps the one that an existing entry has. */
  ttl?: Ttl;
}

/** Options of `fetchOrStore`. */
export interface FetchOptions<K = unknown, V = unknown> {
  /**
   * Default: the adapter's. A function gets the value that was loaded; `undefined`: the default. If
   * it throws, nothing is stored.
   */
  ttl?: Ttl | ((value: V, key: K) => Ttl | undefined);
  /**
   * How long the value that this call stores is kept after its TTL, in milliseconds above 0, and
   * how long ago the TTL of a value that this call returns may have been. A value that is stale in
   * this way is returned at once; one call of `fn` a key refreshes it behind. What `fn` throws then
   * is reported (`nebulex.actor.callback_error`), and the value stays. The entry is gone at its TTL
   * for all other commands, with its event. What is kept counts within `maxEntries`, where new
   * entries take its place; whatever writes, deletes or invalidates the key drops it. Default: it
   * is not kept, and no value is returned after its TTL.
   */
  staleFor?: Milliseconds;
  /**
   * How long to wait, in milliseconds above 0. After that the call rejects with a
   * {@link FetchTimeoutError}, unless the cache has a value by then. The load goes on, for others
   * and to be stored. Default: no limit.
   */
  timeout?: Milliseconds;
  /** Ends the wait of this call, with the signal's reason; the load goes on. Default: none. */
  signal?: AbortSignal;
}

/** Options of `increment` and `decrement`. */
export interface CounterOptions {
  /** What a new key starts from: a finite number. Default 0. */
  default?: number;
  /** Default: the adapter's for a new key; an existing entry keeps its own. */
  ttl?: Ttl;
}

/**
 * Which entries: those of some keys, those whose (string) key begins with a prefix, or those that a
 * function picks.
 */
export type Query<K, V> =
  { keys: Iterable<K> } | { prefix: string } | { where: (key: K, value: V) => boolean };

/** What a cache instance has done since it started, counted in entries. */
export interface CacheCounts {
  /** Entries found by get, fetch, take, getOrStore, fetchOrStore and getAll. */
  hits: number;
  /** Keys that these commands did not find. */
  misses: number;
  /** Values stored. */
  writes: number;
  /** Entries removed by delete, take, deleteAll, invalidate and invalidateAll. */
  deletions: number;
  /** Entries evicted to make room. */
  evictions: number;
  /** Entries that reached their TTL. */
  expirations: number;
}

/** What a cache instance has done and holds. */
export interface CacheInfo extends CacheCounts {
  /** Entries stored now; NaN: nobody can tell, or the store does not answer. */
  entries: number;
  /**
   * Why a store that is elsewhere does not answer: the message of its `StoreUnavailableError`.
   * Counters and `near` are known all the same. Absent: it answers.
   */
  unavailable?: string;
  /** The local copies in front of a store that is elsewhere; absent: there are none. */
  near?: NearInfo;
}

/** What the local copies in front of a store have done. */
export interface NearInfo {
  /** Reads that a copy has answered. */
  hits: number;
  /** Reads that the store had to answer. */
  misses: number;
  /** Copies that went since their entries had changed, or might have. */
  invalidations: number;
  /** Copies now. */
  entries: number;
}

/**
 * Called synchronously for every change, in the order of the changes, with the `metadata` given
 * when it was registered. What it throws or rejects with is reported
 * (`nebulex.cache.listener_error`) and affects nothing else; its promise is not awaited.
 */
export type EventListener<K = unknown, V = unknown, M = unknown> = (
  event: CacheEntryEvent<K, V, ActorRef>,
  metadata: M,
) => void | Promise<void>;

/** Options of `registerEventListener`. */
export interface ListenerOptions<K = unknown, V = unknown, M = unknown> {
  /** What it is registered under. Default: the function itself. */
  id?: unknown;
  /** Picks the events that the listener gets. Default: all. */
  filter?: (event: CacheEntryEvent<K, V, ActorRef>) => boolean;
  /** Given to the listener with every event. */
  metadata?: M;
}

/** The commands of a cache whose store is in the process. */
export interface CacheCommands<K, V> {
  /** The value; `undefined` when there is no entry. */
  get(key: K): V | undefined;
  /** The value. @throws {@link KeyNotFoundError} when there is no entry */
  fetch(key: K): V;
  /** Whether there is an entry. */
  has(key: K): boolean;
  /** What is left of the entry's life, in milliseconds; `null`: no TTL; `undefined`: no entry. */
  ttl(key: K): Milliseconds | null | undefined;
  /** Stores a value, with the TTL given or the adapter's, whatever the entry had before. */
  put(key: K, value: V, options?: PutOptions): void;
  /** Stores a value unless there is an entry; returns whether it did. */
  putNew(key: K, value: V, options?: PutOptions): boolean;
  /** Stores a value if there is an entry; returns whether it did. */
  replace(key: K, value: V, options?: PutOptions): boolean;
  /** Stores many values. */
  putAll(entries: Iterable<readonly [K, V]>, options?: PutOptions): void;
  /** Stores many values unless one of the keys has an entry; returns whether it did. */
  putNewAll(entries: Iterable<readonly [K, V]>, options?: PutOptions): boolean;
  /** Removes an entry; returns whether there was one. */
  delete(key: K): boolean;
  /** Removes an entry and returns its value; `undefined` when there was none. */
  take(key: K): V | undefined;
  /** Sets the TTL of an entry, from now; returns whether there is one. */
  expire(key: K, ttl: Ttl): boolean;
  /** Restarts the TTL of an entry; returns whether there is one. */
  touch(key: K): boolean;
  /**
   * Adds to a number, and returns the sum. @throws {@link OptionError} when the value is not a
   * number
   */
  increment(key: K, amount?: number, options?: CounterOptions): number;
  /**
   * Subtracts from a number, and returns the difference. @throws {@link OptionError} when the value
   * is not a number
   */
  decrement(key: K, amount?: number, options?: CounterOptions): number;
  /**
   * Stores what `fn` makes of the value, or `initial` when there is no entry; returns what it
   * stored.
   */
  update(key: K, initial: V, fn: (value: V) => V, options?: StoreOptions): V;
  /** The value or, when there is no entry, what `fn` returns, which is stored as a fill. */
  getOrStore(key: K, fn: (key: K) => V, options?: StoreOptions): V;
  /** The entries that a query matches; without one, all. */
  getAll(query?: Query<K, V>): Map<K, V>;
  /** Removes the entries that a query matches; without one, all. Returns their number. */
  deleteAll(query?: Query<K, V>): number;
  /**
   * Removes an entry here and, through their invalidators, on the other nodes, whether or not there
   * is one here. Its event (`deleted`) is always made; returns whether there was an entry here.
   */
  invalidate(key: K): boolean;
  /**
   * Removes the entries that a query matches, here and, through their invalidators, on the other
   * nodes; without a query, all. Returns the number of those that were here. An event (`deleted`)
   * is always made, and names all `keys` given, the prefix, or everything. `where` sees the entries
   * of this node only: the keys that it picks are removed on all nodes, and where it picks none
   * there is no event. Where the store is elsewhere and lacks some of `keys`, a second event names
   * all.
   */
  invalidateAll(query?: Query<K, V>): number;
  /** The number of entries that a query matches; without one, of all. */
  countAll(query?: Query<K, V>): number;
  /** What the instance has done since it started. */
  info(): CacheInfo;
}

/** The commands of a cache whose store is elsewhere: the same, with promises. */
export type AsyncCacheCommands<K, V> = {
  [Name in keyof CacheCommands<K, V>]: CacheCommands<K, V>[Name] extends (
    ...args: infer Args
  ) => infer Result
    ? (...args: Args) => Promise<Result>
    : never;
};

/** What every cache has, wherever its entries live. `Self` is the type of the cache. */
export interface CacheBase<K, V, Self> {
  /** The instance's name; for the static instance, the cache's. */
  readonly name: string;
  /**
   * A child spec that starts an instance: this one or, with `name`, that one. Its id is the
   * instance's name.
   */
  childSpec(options?: { name?: string }): ChildSpec;
  /** An instance of the same cache: the same object for the same name. */
  instance(name: string): Self;
  /** The same cache; the events of its commands carry `origin: ref`. */
  from(ref: ActorRef<never>): Self;
  /**
   * The value or, when there is no entry, what `fn` resolves to, which is stored as a fill. All
   * calls for a key share one call of `fn`. A write to the key meanwhile wins: what `fn` resolves
   * to is then returned to the callers, and not stored.
   *
   * `fn` may ask for other keys, of this cache or another. Until it has settled it counts as
   * waiting for all that it asked for, also for what it does not await.
   *
   * @throws (as a rejection) what `fn` rejected with; nothing is stored, and the next call tries
   * again
   * @throws (as a rejection) {@link FetchTimeoutError} after `timeout`; the signal's reason
   * @throws (as a rejection) {@link FlightCycleError} when the call is made by an `fn` that the
   * flight it would join waits for
   */
  fetchOrStore(key: K, fn: (key: K) => V | Promise<V>, options?: FetchOptions<K, V>): Promise<V>;
  /**
   * Runs `fn` alone among the transactions of this instance in this process. When none is under way
   * `fn` runs at once and its result is returned as it is; otherwise a promise of it is. A promise
   * that `fn` returns is part of it. A transaction within a transaction runs at once. There is no
   * rollback.
   */
  transaction<R>(fn: () => R): R | Promise<Awaited<R>>;
  /**
   * Reads the instance's stream. A function's subscription ends when the system that the stream
   * runs in has been stopped, once it has been given the events that are left.
   *
   * @throws {@link StreamNotFoundError} when it has none
   * @throws {@link GroupBusyError}, {@link OptionError}
   */
  subscribe(
    subscriber:
      ActorRef<never> | ((event: CacheEntryEvent<K, V, ActorRef>) => void | Promise<void>),
    options?: SubscribeOptions & { gaps?: false },
  ): Subscription;
  /** The same, for readers that are also given gaps. */
  subscribe(
    subscriber: ActorRef<never> | ((message: StreamMessage<K, V>) => void | Promise<void>),
    options: SubscribeOptions,
  ): Subscription;
  /**
   * The instance's stream as an async iterable, from the call on. Ends when `signal` is aborted;
   * and when the system that the stream runs in has been stopped, behind the events that are left.
   *
   * @throws {@link StreamNotFoundError} when it has none
   */
  events(
    options?: SubscribeOptions & { signal?: AbortSignal; gaps?: false },
  ): EventStream<CacheEntryEvent<K, V, ActorRef>>;
  /** The same, with gaps among the events. */
  events(options: SubscribeOptions & { signal?: AbortSignal }): EventStream<StreamMessage<K, V>>;
  /**
   * Back-pressure for fast writers: resolves when no reader of the instance's stream is behind
   * by more than `below` events in any partition; at once when there is no stream.
   *
   * @throws (as a rejection) {@link IdleTimeoutError} after `timeout`; the signal's reason;
   * {@link OptionError}
   */
  whenDrained(options?: DrainOptions): Promise<void>;
  /**
   * Has a function called for every change, until this run of the instance ends.
   *
   * @throws {@link ListenerExistsError} when the id is taken
   * @throws {@link CacheNotStartedError}, {@link OptionError}
   */
  registerEventListener<M = undefined>(
    listener: EventListener<K, V, M>,
    options?: ListenerOptions<K, V, M>,
  ): void;
  /** Removes a listener; returns whether there was one. */
  unregisterEventListener(id: unknown): boolean;
}

/**
 * A cache whose store is in the process, as {@link defineCache} makes it. Every command throws
 * {@link CacheNotStartedError} while the instance is not running, and {@link OptionError} for an
 * option that is wrong or unknown; what a function of the caller's throws goes to the caller, with
 * nothing changed.
 */
export interface Cache<K = unknown, V = unknown>
  extends CacheCommands<K, V>, CacheBase<K, V, Cache<K, V>> {
  /**
   * The entries that a query matches, one by one: each key at most once, as it is when its turn
   * comes.
   */
  stream(query?: Query<K, V>): Iterable<[K, V]>;
}

/** A cache whose store is elsewhere: the same commands, with promises. */
export interface AsyncCache<K = unknown, V = unknown>
  extends AsyncCacheCommands<K, V>, CacheBase<K, V, AsyncCache<K, V>> {
  /** The entries that a query matches, one by one. */
  stream(query?: Query<K, V>): AsyncIterable<[K, V]>;
}

/** A cache of either kind, whatever its keys and values are: what they all have in common. */
export interface AnyCache {
  /** The instance's name. */
  readonly name: string;
  /** A child spec that starts this instance or, with `name`, that one. */
  childSpec(options?: { name?: string }): ChildSpec;
  /** An instance of the same cache: the same object for the same name. */
  instance(name: string): AnyCache;
  /** The same cache; the events of its commands carry `origin: ref`. */
  from(ref: ActorRef<never>): AnyCache;
  /** Has a function called for every change, until this run of the instance ends. */
  registerEventListener<M = undefined>(
    listener: EventListener<unknown, unknown, M>,
    options?: ListenerOptions<unknown, unknown, M>,
  ): void;
  /** Ends it; gives whether there was such a listener. */
  unregisterEventListener(id: unknown): boolean;
}
