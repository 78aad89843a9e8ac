import type { Cause } from "../event/event.js";
import type { AsyncStore, Store, StoreQuery } from "./adapter.js";
import type { CacheCounts, CacheInfo, Ttl } from "./types.js";

/**
 * A store whose entries can't be trusted for now: reads miss, and fills store nothing. All other
 * writes go through, since other nodes receive their events; commands that read what they change
 * find what the store holds.
 *
 * @internal
 */
export class BypassedStore<K, V> implements Store<K, V> {
  readonly #store: Store<K, V>;
  readonly #isAsync: boolean;
  #misses = 0;

  /** @param isAsync whether the store answers with promises */
  constructor(store: Store<K, V>, isAsync: boolean) {
    this.#store = store;
    this.#isAsync = isAsync;
  }

  get<A>(_key: K, otherwise: A): V | A {
    this.#misses++;
    return this.#answer(otherwise);
  }

  has(): boolean {
    return this.#answer(false);
  }

  ttl(): number | null | undefined {
    return this.#answer(undefined);
  }

  put(key: K, value: V, ttl: Ttl | undefined, cause: Cause): void {
    return cause.fill ? this.#answer(undefined) : this.#store.put(key, value, ttl, cause);
  }

  putNew(key: K, value: V, ttl: Ttl | undefined, cause: Cause): boolean {
    return cause.fill ? this.#answer(false) : this.#store.putNew(key, value, ttl, cause);
  }

  replace(key: K, value: V, ttl: Ttl | undefined, cause: Cause): boolean {
    return cause.fill ? this.#answer(false) : this.#store.replace(key, value, ttl, cause);
  }

  putAll(entries: ReadonlyMap<K, V>, ttl: Ttl | undefined, cause: Cause): void {
    return cause.fill ? this.#answer(undefined) : this.#store.putAll(entries, ttl, cause);
  }

  putNewAll(entries: ReadonlyMap<K, V>, ttl: Ttl | undefined, cause: Cause): boolean {
    return cause.fill ? this.#answer(false) : this.#store.putNewAll(entries, ttl, cause);
  }

  delete(key: K, cause: Cause): boolean {
    return this.#store.delete(key, cause);
  }

  take(key: K, cause: Cause): V | undefined {
    this.#misses++;
    return this.#then(this.#store.delete(key, cause), () => undefined);
  }

  expire(key: K, ttl: Ttl, cause: Cause): boolean {
    return this.#store.expire(key, ttl, cause);
  }

  touch(key: K, cause: Cause): boolean {
    return this.#store.touch(key, cause);
  }

  add(key: K, amount: number, initial: number, ttl: Ttl | undefined, cause: Cause): number {
    return this.#store.add(key, amount, initial, ttl, cause);
  }

  update(key: K, initial: V, fn: (value: V) => V, ttl: Ttl | undefined, cause: Cause): V {
    return this.#store.update(key, initial, fn, ttl, cause);
  }

  getOrStore(key: K, fn: (key: K) => V): V {
    this.#misses++;
    return this.#answer(fn(key));
  }

  getStale(): undefined {
    this.#misses++;
    return this.#answer(undefined);
  }

  putStale(): void {
    return this.#answer(undefined);
  }

  getAll(): Map<K, V> {
    return this.#answer(new Map<K, V>());
  }

  deleteAll(query: StoreQuery<K, V>, cause: Cause): number {
    return this.#store.deleteAll(query, cause);
  }

  countAll(): number {
    return this.#answer(0);
  }

  stream(): Iterable<[K, V]> {
    return this.#isAsync ? (nothing() as unknown as Iterable<[K, V]>) : [];
  }

  info(): CacheInfo {
    return this.#then(this.#store.info(), (info) => ({
      ...info,
      misses: info.misses + this.#misses,
    }));
  }

  /** Undefined: the store does not tell. */
  counts(): CacheCounts | undefined {
    const { counts } = this.#store as Partial<Pick<AsyncStore<K, V>, "counts">>;
    const known = counts?.call(this.#store);
    return known && { ...known, misses: known.misses + this.#misses };
  }

  close(): void {
    return this.#store.close();
  }

  #answer<T>(value: T): T {
    return this.#isAsync ? (Promise.resolve(value) as unknown as T) : value;
  }

  #then<T, R>(result: T, fn: (value: T) => R): R {
    const pending: unknown = result;
    return this.#isAsync ? ((pending as Promise<T>).then(fn) as unknown as R) : fn(result);
  }
}

async function* nothing(): AsyncGenerator<never> {}
