import type { Milliseconds } from "../../options.js";
import type { HashMemo } from "../adapter.js";
import type { Ttl } from "../types.js";
import { LRUCache } from "lru-cache";

/** An entry of a local store. @internal */
export class Entry<K, V> implements HashMemo {
  readonly key: K;
  value: V;
  hash: number | undefined = undefined;
  /**
   * When it expires, in whole milliseconds of the store's time, above 0. 0: never.
   */
  expiresAt: Milliseconds = 0;

  constructor(key: K, value: V) {
    this.key = key;
    this.value = value;
  }
}

/**
 * An entry that has, or had, a TTL, with its position in the expiry wheel.
 *
 * @internal
 */
export class TimedEntry<K, V> extends Entry<K, V> {
  ttl: Milliseconds = 0;
  bucket: Bucket<K, V> | undefined = undefined;
  position = 0;

  /**
   * Begins its TTL. Rounded up: a small integer is stored in the object itself, a fraction is an
   * object of its own.
   */
  start(ttl: Milliseconds, now: Milliseconds): void {
    this.ttl = ttl;
    this.expiresAt = Math.ceil(now + ttl);
  }
}

/** An entry of the kind that its TTL needs; the TTL has not begun. @internal */
export function newEntry<K, V>(key: K, value: V, ttl: Ttl): Entry<K, V> {
  return ttl === null ? new Entry(key, value) : new TimedEntry(key, value);
}

/** Entries that are checked together. @internal */
export interface Bucket<K, V> {
  /** When they are checked, counted in sweep intervals. */
  readonly tick: number;
  readonly entries: TimedEntry<K, V>[];
}

/** The entries of a local store by key, and the choice of the entry to evict. @internal */
export interface Entries<K, V> {
  readonly size: number;
  /** Finds an entry, which counts as a use of it. */
  get(key: K): Entry<K, V> | undefined;
  /** Finds an entry, which does not count as a use of it. */
  peek(key: K): Entry<K, V> | undefined;
  /**
   * Adds an entry under a key that is not there; returns the one that was evicted for it.
   */
  add(entry: Entry<K, V>): Entry<K, V> | undefined;
  /** Replaces the entry with the same key. */
  replace(entry: Entry<K, V>): void;
  delete(key: K): void;
  clear(): void;
  /** Must not be changed while it is iterated. */
  values(): Iterable<Entry<K, V>>;
}

/** Entries without a limit, which need no order. @internal */
export class UnlimitedEntries<K, V> implements Entries<K, V> {
  readonly #map = new Map<K, Entry<K, V>>();

  get size(): number {
    return this.#map.size;
  }

  get(key: K): Entry<K, V> | undefined {
    return this.#map.get(key);
  }

  peek(key: K): Entry<K, V> | undefined {
    return this.#map.get(key);
  }

  add(entry: Entry<K, V>): undefined {
    this.#map.set(entry.key, entry);
  }

  replace(entry: Entry<K, V>): void {
    this.#map.set(entry.key, entry);
  }

  delete(key: K): void {
    this.#map.delete(key);
  }

  clear(): void {
    this.#map.clear();
  }

  values(): Iterable<Entry<K, V>> {
    return this.#map.values();
  }
}

/** A limited number of entries: the least recently used one is evicted. @internal */
export class LruEntries<K, V> implements Entries<K, V> {
  readonly #lru: LRUCache<K & {}, Entry<K, V>>;
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
    this.#lru = new LRUCache({ max });
  }

  get size(): number {
    return this.#lru.size;
  }

  get(key: K): Entry<K, V> | undefined {
    return this.#lru.get(key as K & {});
  }

  peek(key: K): Entry<K, V> | undefined {
    return this.#lru.peek(key as K & {});
  }

  add(entry: Entry<K, V>): Entry<K, V> | undefined {
    const victim = this.#lru.size === this.#max ? this.#lru.pop() : undefined;
    this.#lru.set(entry.key as K & {}, entry);
    return victim;
  }

  replace(entry: Entry<K, V>): void {
    this.#lru.set(entry.key as K & {}, entry);
  }

  delete(key: K): void {
    this.#lru.delete(key as K & {});
  }

  clear(): void {
    this.#lru.clear();
  }

  values(): Iterable<Entry<K, V>> {
    return this.#lru.values();
  }
}
