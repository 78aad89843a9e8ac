import type { Entry } from "./entry.js";

/** The entries of a local store by key, and who has to go for want of room. @internal */
export interface Entries<K, V> {
  readonly size: number;
  /** Finds an entry, which counts as a use of it. */
  get(key: K): Entry<K, V> | undefined;
  /** Finds an entry, which does not count as a use of it. */
  peek(key: K): Entry<K, V> | undefined;
  /**
   * Adds an entry under a key that is not there, and gives the one that was removed to make room.
   */
  add(entry: Entry<K, V>): Entry<K, V> | undefined;
  /** Puts another entry into the place of the one with the same key. */
  replace(entry: Entry<K, V>): void;
  delete(key: K): void;
  clear(): void;
  /** Not to be changed while it is iterated. */
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
