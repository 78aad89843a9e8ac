import type { Clock } from "../clock.js";
import type { Cause } from "../event/event.js";
import type { Milliseconds } from "../options.js";
import type { CacheCounts, CacheInfo, Ttl } from "./types.js";
import type { EventType } from "../event/types.js";

/** What a store is opened for. */
export interface AdapterContext<K, V> {
  /** The cache's name. */
  readonly cache: string;
  /** The instance's name. */
  readonly name: string;
  /** The clock of the instance's system: what TTLs go by. */
  readonly clock: Clock;
  /** The store reports its changes here. */
  readonly sink: ChangeSink<K, V>;
}

/** A query that has been checked: the keys differ from each other. */
export type StoreQuery<K, V> =
  | { readonly kind: "all" }
  | { readonly kind: "keys"; readonly keys: ReadonlySet<K> }
  | { readonly kind: "prefix"; readonly prefix: string }
  | { readonly kind: "where"; readonly where: (key: K, value: V) => boolean };

/** What {@link Store.getStale} finds. */
export interface FoundValue<V> {
  /** What is stored, or was until its TTL. */
  readonly value: V;
  /** Whether its entry has reached its TTL. */
  readonly isStale: boolean;
}

/**
 * The entries of one instance, in the process. Arguments have been checked; `cause` goes into the
 * events of the command; a `ttl` of `undefined` means the adapter's default (in `add` and `update`
 * of an existing entry: its own TTL). A command that throws must have changed nothing. A store
 * reports the changes of a command to the sink when all of them are done, in an order whose replay
 * gives the store's keys. It puts several changes of one command between `hold` and `release`.
 */
export interface Store<K, V> {
  /** The value, or `absent`. */
  get<A>(key: K, absent: A, cause: Cause): V | A;
  /** Whether there is an entry. */
  has(key: K, cause: Cause): boolean;
  /** What is left of the entry's life, in milliseconds; `null`: no TTL; `undefined`: no entry. */
  ttl(key: K, cause: Cause): number | null | undefined;
  /** Stores a value, whatever there was before. */
  put(key: K, value: V, ttl: Ttl | undefined, cause: Cause): void;
  /** Stores a value unless there is an entry; gives whether it did. */
  putNew(key: K, value: V, ttl: Ttl | undefined, cause: Cause): boolean;
  /** Stores a value if there is an entry; gives whether it did. */
  replace(key: K, value: V, ttl: Ttl | undefined, cause: Cause): boolean;
  /** Stores many values. */
  putAll(entries: ReadonlyMap<K, V>, ttl: Ttl | undefined, cause: Cause): void;
  /** Stores many values unless one of the keys has an entry; gives whether it did. */
  putNewAll(entries: ReadonlyMap<K, V>, ttl: Ttl | undefined, cause: Cause): boolean;
  /** Removes an entry; gives whether there was one. */
  delete(key: K, cause: Cause): boolean;
  /** Removes an entry and gives its value; `undefined`: there was none. */
  take(key: K, cause: Cause): V | undefined;
  /** Sets the TTL of an entry, from now; gives whether there is one. */
  expire(key: K, ttl: Ttl, cause: Cause): boolean;
  /** Restarts the TTL of an entry; gives whether there is one. */
  touch(key: K, cause: Cause): boolean;
  /** Adds `amount`, which may be negative; a new key gets `initial + amount`. */
  add(key: K, amount: number, initial: number, ttl: Ttl | undefined, cause: Cause): number;
  /**
   * Stores what `fn` returns for the value, or `initial` if there is no entry; gives what it
   * stored.
   */
  update(key: K, initial: V, fn: (value: V) => V, ttl: Ttl | undefined, cause: Cause): V;
  /** The value or, if there is no entry, what `fn` returns, which it stores. */
  getOrStore(key: K, fn: (key: K) => V, ttl: Ttl | undefined, cause: Cause): V;
  /** The entries that a query matches. */
  getAll(query: StoreQuery<K, V>, cause: Cause): Map<K, V>;
  /** Removes the entries that a query matches; gives their number. */
  deleteAll(query: StoreQuery<K, V>, cause: Cause): number;
  /** The number of entries that a query matches. */
  countAll(query: StoreQuery<K, V>, cause: Cause): number;
  /** The entries that a query matches, one by one, each key at most once. */
  stream(query: StoreQuery<K, V>, cause: Cause): Iterable<[K, V]>;
  /**
   * For `fetchOrStore` with `staleFor`: the value of an entry, or one that {@link Store.putStale}
   * stored, if its entry reached its TTL less than `staleFor` milliseconds ago. Otherwise as `get`:
   * an entry that is due has expired. No other command may give a value that is stale. Without this
   * method and `putStale`, `staleFor` is an {@link OptionError}.
   */
  getStale?(key: K, staleFor: Milliseconds, cause: Cause): FoundValue<V> | undefined;
  /**
   * The same as `put`; what is stored is kept for up to `staleFor` milliseconds after its TTL, for
   * {@link Store.getStale}. Whatever writes or deletes the key ends that, also if the entry has
   * expired already. Bounded: a store may keep it for a shorter time.
   */
  putStale?(key: K, value: V, ttl: Ttl | undefined, staleFor: Milliseconds, cause: Cause): void;
  /** What it has done since it was opened. */
  info(): CacheInfo;
  /** Closes it: no timer is left, and the sink gets nothing any more. Called once. */
  close(): void;
}

/**
 * The same for a store that is elsewhere: every command returns a promise. The changes of a key are
 * reported in their order.
 */
export type AsyncStore<K, V> = {
  // Optional ones stay optional.
  [Name in keyof Omit<Store<K, V>, "get" | "stream">]: Store<K, V>[Name] extends
    ((...args: infer Args) => infer Result) | undefined
    ? (...args: Args) => Promise<Result>
    : never;
} & {
  get<A>(key: K, absent: A, cause: Cause): Promise<V | A>;
  stream(query: StoreQuery<K, V>, cause: Cause): AsyncIterable<[K, V]>;
  /**
   * Set: where the cause's command is `invalidate` or `invalidateAll`, `delete` and `deleteAll` make
   * an event also when nothing was there.
   */
  readonly invalidates?: boolean;
  /**
   * For `fetchOrStore`: the value or, if there is no entry, what `load` gives, which is stored as far
   * as the key has not changed since. For a store that several processes share, so that only one of
   * them loads a value at a time. Without this method each process loads by itself.
   */
  fetch?(key: K, load: () => Promise<V>, options: FetchedOptions<V>, cause: Cause): Promise<V>;
  /**
   * What `info` has of what this process has done, at once: for metrics, which can't wait. Without
   * this method the cache is not in the metrics.
   */
  counts?(): CacheCounts;
};

/** How a store keeps a value that has been loaded. */
export interface FetchedOptions<V> {
  /** The TTL of the value; undefined: the adapter's default. */
  ttlOf(value: V): Ttl | undefined;
  /** See `putStale`. Default: no stale values are kept. */
  readonly staleFor?: Milliseconds | undefined;
}

/** Makes the stores of a cache whose entries live in the process. */
export interface Adapter {
  /** Absent or false: its stores are synchronous. */
  readonly async?: false;
  /** Opens the store of one run of an instance. A throw fails the instance's start. */
  open<K, V>(context: AdapterContext<K, V>): Store<K, V>;
}

/** The property of an adapter whose stores write to a journal. @internal */
export const sharedStore: unique symbol = Symbol("nebulex.sharedStore");

/**
 * Where a store that all processes share writes its events, in the same step as the changes.
 *
 * @internal
 */
export interface SharedStore {
  /** A `Journal`. */
  readonly journal: object;
  /** The number of partitions, by the default hash. */
  readonly partitions: number;
}

/** Makes the stores of a cache whose entries live elsewhere. */
export interface AsyncAdapter {
  /** The commands of its stores return promises. */
  readonly async: true;
  /** Set: the events of its stores are in a journal, which a stream reads. @internal */
  readonly [sharedStore]?: SharedStore;
  /** Opens the store of one run of an instance. A rejection fails the instance's start. */
  open<K, V>(context: AdapterContext<K, V>): Promise<AsyncStore<K, V>>;
}

/**
 * Keeps the hash of an entry's key with the entry, so that it is computed once in the entry's life.
 */
export interface HashMemo {
  /** A 32-bit integer, or undefined: not computed yet. */
  hash: number | undefined;
}

/**
 * Receives the changes of a store: when a command's changes are done, before the command returns,
 * in the order of the changes. Its methods do not throw. A listener may call commands itself; their
 * changes are emitted after the current change or, between `hold` and `release`, after the last of
 * these.
 */
export interface ChangeSink<K, V> extends ChangeTap<K, V> {
  /** Whether there are listeners. If not, a store need not report its changes. */
  readonly active: boolean;
  /**
   * Begins several changes of one command, between which no other change is emitted. Each `hold`
   * needs a `release` before the command returns.
   */
  hold(): void;
  /** Ends what `hold` began. */
  release(): void;
}

/** Receives changes. */
export interface ChangeTap<K, V> {
  /**
   * One entry changed.
   *
   * @param value what is stored now; `undefined` when it is gone
   * @param previous what was stored before; `undefined` when it is new
   * @param memo where the hash of the key may be kept; the entry's until the call returns
   */
  entry(
    type: EventType,
    cause: Cause,
    key: K,
    value: V | undefined,
    previous: V | undefined,
    memo?: HashMemo,
  ): void;
  /**
   * Several entries changed in one command: at least one. Neither array nor maps are changed
   * afterwards.
   */
  entries(
    type: EventType,
    cause: Cause,
    keys: readonly K[],
    values: ReadonlyMap<K, V> | undefined,
    previousValues: ReadonlyMap<K, V> | undefined,
  ): void;
  /** All entries that a query matches went. */
  query(type: EventType, cause: Cause, query: { readonly prefix: string } | null): void;
}
