import { OptionError } from "../../errors.js";
import type { Cause } from "../../event/event.js";
import type { Milliseconds } from "../../options.js";
import type { FoundValue, Store, StoreQuery } from "../adapter.js";
import type { CacheInfo, Ttl } from "../types.js";
import type { ExpiryWheel } from "./expiry-wheel.js";
import { countAll, deleteAll, getAll, putAll, putNewAll, stream } from "./local-bulk.js";
import type { LocalTable } from "./local-table.js";

const absent = Symbol("absent");

/** The commands of a store in the process. @internal */
export class LocalStore<K, V> implements Store<K, V> {
  readonly #table: LocalTable<K, V>;
  // What every read needs, at hand.
  readonly #slots: ReadonlyMap<K, number>;
  readonly #values: readonly (V | undefined)[];
  readonly #use: (slot: number) => void;
  readonly #expiry: ExpiryWheel;
  readonly #counts: LocalTable<K, V>["counts"];

  constructor(table: LocalTable<K, V>) {
    this.#table = table;
    this.#slots = table.entries.slots;
    this.#values = table.values;
    this.#use = table.entries.use;
    this.#expiry = table.expiry;
    this.#counts = table.counts;
  }

  get<A>(key: K, otherwise: A, cause: Cause): V | A {
    const slot = this.#slots.get(key);
    if (slot === undefined) {
      this.#counts.misses++;
      return otherwise;
    }
    if (this.#expiry.count > 0 && this.#table.isDue(slot)) {
      this.#table.expire(slot, cause);
      this.#counts.misses++;
      return otherwise;
    }
    this.#use(slot);
    this.#counts.hits++;
    return this.#values[slot] as V;
  }

  has(key: K, cause: Cause): boolean {
    const table = this.#table;
    const slot = table.entries.slots.get(key);
    if (slot === undefined) return false;
    if (!table.isDue(slot)) return true;
    table.expire(slot, cause);
    return false;
  }

  ttl(key: K, cause: Cause): number | null | undefined {
    const table = this.#table;
    const slot = table.entries.slots.get(key);
    if (slot === undefined) return undefined;
    const expiresAt = table.expiry.expiresAt(slot);
    if (expiresAt === 0) return null;
    const left = expiresAt - table.clock.now();
    if (left > 0) return Math.min(left, table.expiry.ttlOf(slot));
    table.expire(slot, cause);
    return undefined;
  }

  put(key: K, value: V, ttl: Ttl | undefined, cause: Cause): void {
    const table = this.#table;
    table.write(key, value, ttl === undefined ? table.defaultTtl : ttl, cause);
  }

  putNew(key: K, value: V, ttl: Ttl | undefined, cause: Cause): boolean {
    if (this.#table.peek(key) !== undefined) return false;
    this.put(key, value, ttl, cause);
    return true;
  }

  replace(key: K, value: V, ttl: Ttl | undefined, cause: Cause): boolean {
    const table = this.#table;
    const slot = table.live(key, cause);
    if (slot === undefined) return false;
    table.overwrite(slot, key, value, this.#ttlOrDefault(ttl), cause);
    return true;
  }

  putAll(entries: ReadonlyMap<K, V>, ttl: Ttl | undefined, cause: Cause): void {
    putAll(this.#table, entries, this.#ttlOrDefault(ttl), cause);
  }

  putNewAll(entries: ReadonlyMap<K, V>, ttl: Ttl | undefined, cause: Cause): boolean {
    return putNewAll(this.#table, entries, this.#ttlOrDefault(ttl), cause);
  }

  delete(key: K, cause: Cause): boolean {
    const slot = this.#table.live(key, cause);
    if (slot === undefined) {
      this.#table.stale?.delete(key);
      return false;
    }
    this.#table.remove(slot, cause);
    return true;
  }

  take(key: K, cause: Cause): V | undefined {
    const table = this.#table;
    const slot = table.live(key, cause);
    if (slot === undefined) {
      table.stale?.delete(key);
      table.counts.misses++;
      return undefined;
    }
    table.counts.hits++;
    const value = table.valueOf(slot);
    table.remove(slot, cause);
    return value;
  }

  expire(key: K, ttl: Ttl, cause: Cause): boolean {
    const table = this.#table;
    const slot = table.live(key, cause);
    if (slot === undefined) return false;
    table.expireIn(slot, key, ttl, cause);
    return true;
  }

  touch(key: K, cause: Cause): boolean {
    const table = this.#table;
    const slot = table.live(key, cause);
    if (slot === undefined) return false;
    if (table.expiry.expiresAt(slot) !== 0)
      table.expireIn(slot, key, table.expiry.ttlOf(slot), cause);
    return true;
  }

  add(key: K, amount: number, initial: number, ttl: Ttl | undefined, cause: Cause): number {
    const table = this.#table;
    const slot = table.peek(key);
    if (slot === undefined) {
      const sum = checkSum(initial + amount, amount);
      this.put(key, sum as V, ttl, cause);
      return sum;
    }
    const value = table.valueOf(slot);
    const sum = checkSum(checkNumber(value) + amount, amount);
    this.#overwrite(key, sum as V, ttl, cause);
    return sum;
  }

  update(key: K, initial: V, fn: (value: V) => V, ttl: Ttl | undefined, cause: Cause): V {
    const table = this.#table;
    const slot = table.peek(key);
    if (slot === undefined) {
      this.put(key, initial, ttl, cause);
      return initial;
    }
    const value = fn(table.valueOf(slot));
    this.#overwrite(key, value, ttl, cause);
    return value;
  }

  getOrStore(key: K, fn: (key: K) => V, ttl: Ttl | undefined, cause: Cause): V {
    const found = this.get(key, absent, cause);
    if (found !== absent) return found;
    const value = fn(key);
    // The function may have stored something itself: a fill does not overwrite.
    const stored = this.#table.peek(key);
    if (stored !== undefined) return this.#table.valueOf(stored);
    this.put(key, value, ttl, cause);
    return value;
  }

  getStale(key: K, staleFor: Milliseconds, cause: Cause): FoundValue<V> | undefined {
    const found = this.get(key, absent, cause);
    if (found !== absent) return { value: found, isStale: false };
    const { stale } = this.#table;
    if (stale === undefined) return undefined;
    const value = stale.find(key, staleFor, absent);
    return value === absent ? undefined : { value, isStale: true };
  }

  putStale(key: K, value: V, ttl: Ttl | undefined, staleFor: Milliseconds, cause: Cause): void {
    const table = this.#table;
    this.put(key, value, ttl, cause);
    const slot = table.entries.slots.get(key);
    // A listener may have removed it, or put another value in its place.
    if (slot !== undefined && Object.is(table.valueOf(slot), value))
      table.keepStale(slot, staleFor);
  }

  getAll(query: StoreQuery<K, V>, cause: Cause): Map<K, V> {
    return getAll(this.#table, query, cause);
  }

  deleteAll(query: StoreQuery<K, V>, cause: Cause): number {
    return deleteAll(this.#table, query, cause);
  }

  countAll(query: StoreQuery<K, V>): number {
    return countAll(this.#table, query);
  }

  stream(query: StoreQuery<K, V>): Iterable<[K, V]> {
    return { [Symbol.iterator]: () => stream(this.#table, query) };
  }

  info(): CacheInfo {
    const table = this.#table;
    return { ...table.counts, entries: table.size - table.overdue().length };
  }

  close(): void {
    this.#table.close();
  }

  /**
   * Stores over the current entry, which a function of the caller may have changed. Keeps the TTL
   * unless one is given.
   */
  #overwrite(key: K, value: V, ttl: Ttl | undefined, cause: Cause): void {
    const table = this.#table;
    const slot = ttl === undefined ? table.peek(key) : undefined;
    if (slot === undefined) this.put(key, value, ttl, cause);
    else {
      table.entries.use(slot);
      table.overwriteKeepingTtl(slot, key, value, cause);
    }
  }

  #ttlOrDefault(ttl: Ttl | undefined): Ttl {
    return ttl === undefined ? this.#table.defaultTtl : ttl;
  }
}

/** @internal */
export function checkSum(sum: number, amount: number): number {
  if (Number.isFinite(sum)) return sum;
  throw OptionError.invalid("amount", "a number that keeps the sum finite", amount);
}

/** @internal */
export function checkNumber(value: unknown): number {
  if (typeof value === "number") return value;
  throw OptionError.invalid("key", "the key of a number", value);
}
