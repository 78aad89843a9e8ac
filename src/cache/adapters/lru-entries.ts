import { LRUCache } from "lru-cache";
import type { Entries } from "./entries.js";
import type { Entry } from "./entry.js";

/** A limited number of entries: the one that was used least recently makes room. @internal */
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
