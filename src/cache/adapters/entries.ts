import { LRUCache } from "lru-cache";

/**
 * The keys and values of a local store. Each key has a slot, a small integer, by which the store
 * keeps the rest of the entry; the slot of a key that goes is used again.
 *
 * @internal
 */
export interface Entries<K, V> {
  /** How many entries there may be. */
  readonly limit: number;
  /** The slot of each key. To find a slot is not a use of the entry. */
  readonly slots: ReadonlyMap<K, number>;
  /** By slot; `undefined` where there is no entry. May be written where there is one. */
  readonly values: (V | undefined)[];
  /** Counts as a use of the entry. */
  readonly use: (slot: number) => void;
  /** The slot of the entry that the next `add` evicts. Undefined: it evicts none. */
  readonly victim: number | undefined;
  keyOf(slot: number): K;
  /** Adds a key that is not there; returns its slot. */
  add(key: K, value: V): number;
  delete(key: K, slot: number): void;
  clear(): void;
  /** The slots of all entries. No entry may be added or deleted while they are iterated. */
  all(): Iterable<number>;
}

/** Entries without a limit, which need no order. @internal */
export class UnlimitedEntries<K, V> implements Entries<K, V> {
  readonly slots = new Map<K, number>();
  readonly values: (V | undefined)[] = [];
  readonly limit = Infinity;
  readonly victim = undefined;
  readonly #keys: (K | undefined)[] = [];
  readonly #free: number[] = [];

  use(): void {}

  keyOf(slot: number): K {
    return this.#keys[slot] as K;
  }

  add(key: K, value: V): number {
    const slot = this.#free.pop() ?? this.#keys.length;
    this.#keys[slot] = key;
    this.values[slot] = value;
    this.slots.set(key, slot);
    return slot;
  }

  delete(key: K, slot: number): void {
    this.slots.delete(key);
    this.#keys[slot] = undefined;
    this.values[slot] = undefined;
    this.#free.push(slot);
  }

  clear(): void {
    this.slots.clear();
    this.#keys.length = 0;
    this.values.length = 0;
    this.#free.length = 0;
  }

  all(): Iterable<number> {
    return this.slots.values();
  }
}

/** In place of a value, which may be `undefined`: to lru-cache that means no entry. */
type Value<V> = V & {};
type Internals<K, V> = ReturnType<typeof LRUCache.unsafeExposeInternals<K & {}, Value<V>>>;
const placeholder = {};

/**
 * A limited number of entries: the least recently used one is evicted. lru-cache keeps keys, values
 * and their order; the slot of a key is its index there. The index is not part of lru-cache's
 * public API, so package.json names one version of it. With the API alone, the value for each key
 * would be an object with the rest of the entry: one more memory access for each read, and 56 bytes
 * an entry. What is done to its internals is what its `get` and `set` do to the index of an entry:
 * `moveToTail`, and writing the value.
 *
 * @internal
 */
export class LruEntries<K, V> implements Entries<K, V> {
  readonly limit: number;
  readonly slots: ReadonlyMap<K, number>;
  readonly values: (V | undefined)[];
  readonly use: (slot: number) => void;
  readonly #lru: LRUCache<K & {}, Value<V>>;
  readonly #internals: Internals<K, V>;

  constructor(max: number) {
    this.limit = max;
    this.#lru = new LRUCache({ max });
    this.#internals = LRUCache.unsafeExposeInternals<K & {}, Value<V>>(this.#lru);
    this.slots = this.#internals.keyMap;
    this.values = this.#internals.valList as (V | undefined)[];
    this.use = this.#internals.moveToTail;
  }

  get victim(): number | undefined {
    return this.slots.size === this.limit ? this.#internals.head : undefined;
  }

  keyOf(slot: number): K {
    return this.#internals.keyList[slot] as K;
  }

  add(key: K, value: V): number {
    this.#lru.set(key as K & {}, placeholder as Value<V>);
    const slot = this.#internals.tail;
    this.values[slot] = value;
    return slot;
  }

  delete(key: K): void {
    this.#lru.delete(key as K & {});
  }

  clear(): void {
    this.#lru.clear();
  }

  all(): Iterable<number> {
    return this.#internals.indexes();
  }
}

/**
 * The length of a column that has a slot. Columns double, so that a number is copied once or twice
 * in all.
 *
 * @internal
 */
export function columnLength(slot: number, limit: number): number {
  return Math.min(limit, Math.max(64, 2 ** Math.ceil(Math.log2(slot + 1))));
}
