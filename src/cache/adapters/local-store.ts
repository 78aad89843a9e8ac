import { OptionError } from "../../errors.js";
import type { Cause } from "../../event/event.js";
import type { Store, StoreQuery } from "../adapter.js";
import type { CacheInfo, Ttl } from "../types.js";
import type { TimedEntry } from "./entries.js";
import { countAll, deleteAll, getAll, putAll, putNewAll, stream } from "./local-bulk.js";
import type { LocalTable } from "./local-table.js";

const absent = Symbol("absent");

/** The commands of a store in the process. @internal */
export class LocalStore<K, V> implements Store<K, V> {
  readonly #table: LocalTable<K, V>;

  constructor(table: LocalTable<K, V>) {
    this.#table = table;
  }

  get<A>(key: K, otherwise: A, cause: Cause): V | A {
    const table = this.#table;
    const entry = table.live(key, cause);
    if (entry === undefined) {
      table.counts.misses++;
      return otherwise;
    }
    table.counts.hits++;
    return entry.value;
  }

  has(key: K, cause: Cause): boolean {
    const table = this.#table;
    const entry = table.entries.peek(key);
    if (entry === undefined) return false;
    if (!table.isDue(entry)) return true;
    table.expire(entry, cause);
    return false;
  }

  ttl(key: K, cause: Cause): number | null | undefined {
    const table = this.#table;
    const entry = table.entries.peek(key);
    if (entry === undefined) return undefined;
    if (entry.expiresAt === 0) return null;
    const left = entry.expiresAt - table.clock.now();
    if (left > 0) return Math.min(left, (entry as TimedEntry<K, V>).ttl);
    table.expire(entry, cause);
    return undefined;
  }

  put(key: K, value: V, ttl: Ttl | undefined, cause: Cause): void {
    const table = this.#table;
    table.write(key, value, ttl === undefined ? table.defaultTtl : ttl, cause);
  }

  putNew(key: K, value: V, ttl: Ttl | undefined, cause: Cause): boolean {
    const entry = this.#table.entries.peek(key);
    if (entry !== undefined && !this.#table.isDue(entry)) return false;
    this.put(key, value, ttl, cause);
    return true;
  }

  replace(key: K, value: V, ttl: Ttl | undefined, cause: Cause): boolean {
    const table = this.#table;
    const entry = table.live(key, cause);
    if (entry === undefined) return false;
    table.overwrite(entry, value, this.#ttlOrDefault(ttl), cause);
    return true;
  }

  putAll(entries: ReadonlyMap<K, V>, ttl: Ttl | undefined, cause: Cause): void {
    putAll(this.#table, entries, this.#ttlOrDefault(ttl), cause);
  }

  putNewAll(entries: ReadonlyMap<K, V>, ttl: Ttl | undefined, cause: Cause): boolean {
    return putNewAll(this.#table, entries, this.#ttlOrDefault(ttl), cause);
  }

  delete(key: K, cause: Cause): boolean {
    const entry = this.#table.live(key, cause);
    if (entry === undefined) return false;
    this.#table.remove(entry, cause);
    return true;
  }

  take(key: K, cause: Cause): V | undefined {
    const table = this.#table;
    const entry = table.live(key, cause);
    if (entry === undefined) {
      table.counts.misses++;
      return undefined;
    }
    table.counts.hits++;
    table.remove(entry, cause);
    return entry.value;
  }

  expire(key: K, ttl: Ttl, cause: Cause): boolean {
    const table = this.#table;
    const entry = table.live(key, cause);
    if (entry === undefined) return false;
    if (ttl === null && entry.expiresAt === 0) return true;
    table.setTtl(entry, ttl, table.clock.now());
    if (table.sink.active)
      table.sink.entry("updated", cause, entry.key, entry.value, entry.value, entry);
    return true;
  }

  touch(key: K, cause: Cause): boolean {
    const entry = this.#table.live(key, cause);
    if (entry === undefined) return false;
    return entry.expiresAt === 0 || this.expire(key, (entry as TimedEntry<K, V>).ttl, cause);
  }

  add(key: K, amount: number, initial: number, ttl: Ttl | undefined, cause: Cause): number {
    const table = this.#table;
    const entry = table.entries.get(key);
    if (entry === undefined || table.isDue(entry)) {
      const sum = checkSum(initial + amount, amount);
      this.put(key, sum as V, ttl, cause);
      return sum;
    }
    const { value } = entry;
    if (typeof value !== "number") throw OptionError.invalid("key", "the key of a number", value);
    const sum = checkSum(value + amount, amount);
    this.#overwrite(key, sum as V, ttl, cause);
    return sum;
  }

  update(key: K, initial: V, fn: (value: V) => V, ttl: Ttl | undefined, cause: Cause): V {
    const table = this.#table;
    const entry = table.entries.get(key);
    if (entry === undefined || table.isDue(entry)) {
      this.put(key, initial, ttl, cause);
      return initial;
    }
    const value = fn(entry.value);
    this.#overwrite(key, value, ttl, cause);
    return value;
  }

  getOrStore(key: K, fn: (key: K) => V, ttl: Ttl | undefined, cause: Cause): V {
    const found = this.get(key, absent, cause);
    if (found !== absent) return found;
    const value = fn(key);
    // The function may have stored something itself: a fill does not overwrite.
    const stored = this.#table.entries.peek(key);
    if (stored !== undefined && !this.#table.isDue(stored)) return stored.value;
    this.put(key, value, ttl, cause);
    return value;
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
    return { ...table.counts, entries: table.entries.size - table.overdue().length };
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
    const entry = ttl === undefined ? table.entries.get(key) : undefined;
    if (entry === undefined || table.isDue(entry)) this.put(key, value, ttl, cause);
    else table.overwriteKeepingTtl(entry, value, cause);
  }

  #ttlOrDefault(ttl: Ttl | undefined): Ttl {
    return ttl === undefined ? this.#table.defaultTtl : ttl;
  }
}

function checkSum(sum: number, amount: number): number {
  if (Number.isFinite(sum)) return sum;
  throw OptionError.invalid("amount", "a number that keeps the sum finite", amount);
}
