import { OptionError } from "../../errors.js";
import { type Cause, causeOf } from "../../event/event.js";
import type { Milliseconds } from "../../options.js";
import type { AsyncStore, FoundValue, StoreQuery } from "../adapter.js";
import { sizeOf } from "../store-size.js";
import type { CacheCounts, CacheInfo, Ttl } from "../types.js";
import { atATime } from "./at-a-time.js";
import { deleteAll, readAll, setAll, stream, walk } from "./function-bulk.js";
import type { FunctionTable } from "./function-table.js";
import { checkNumber, checkSum } from "./local-store.js";
import type { Fate } from "./store-calls.js";
import type { LeftTiming } from "./timed-keys.js";

const none = Symbol("none");

/**
 * The commands of a store that is made of a user's functions. Commands that change a key wait for
 * each other; each reads what there is, changes it, and reports the change.
 *
 * @internal
 */
export class FunctionStore<K, V> implements AsyncStore<K, V> {
  readonly #table: FunctionTable<K, V>;
  readonly #onClose: (left: LeftTiming<K>[]) => void;

  /** @param onClose gets the TTLs that have not ended */
  constructor(table: FunctionTable<K, V>, onClose: (left: LeftTiming<K>[]) => void) {
    this.#table = table;
    this.#onClose = onClose;
  }

  get<A>(key: K, absent: A, cause: Cause): Promise<V | A> {
    return this.#table.calls.read(this.#table.queues, key, async (fate) => {
      const value = await this.#peek(key, cause, fate);
      if (value === undefined) this.#table.counts.misses++;
      else this.#table.counts.hits++;
      return value === undefined ? absent : value;
    });
  }

  has(key: K, cause: Cause): Promise<boolean> {
    return this.#table.calls.read(this.#table.queues, key, (fate) =>
      this.#isThere(key, cause, fate),
    );
  }

  ttl(key: K, cause: Cause): Promise<number | null | undefined> {
    return this.#table.calls.read(this.#table.queues, key, async (fate) => {
      if (!(await this.#isThere(key, cause, fate))) return undefined;
      const timing = this.#table.timed.get(key);
      return timing === undefined ? null : Math.min(this.#table.timed.left(timing), timing.ttl);
    });
  }

  async put(key: K, value: V, ttl: Ttl | undefined, cause: Cause): Promise<void> {
    await this.#put(key, value, ttl, cause);
  }

  async putNew(key: K, value: V, ttl: Ttl | undefined, cause: Cause): Promise<boolean> {
    checkValue(value);
    return await this.#table.change(key, async (before, fate) => {
      if (before !== undefined && !this.#table.isDue(key)) return false;
      await this.#table.set(key, before, value, this.#ttlOrDefault(ttl), cause, fate);
      return true;
    });
  }

  async replace(key: K, value: V, ttl: Ttl | undefined, cause: Cause): Promise<boolean> {
    checkValue(value);
    return await this.#table.changeLive(key, cause, false, async (before, fate) => {
      await this.#table.set(key, before, value, this.#ttlOrDefault(ttl), cause, fate);
      return true;
    });
  }

  async putAll(entries: ReadonlyMap<K, V>, ttl: Ttl | undefined, cause: Cause): Promise<void> {
    for (const value of entries.values()) checkValue(value);
    await this.#table.calls.write(this.#table.queues, [...entries.keys()], async (fate) => {
      const before = this.#table.isHeard
        ? await readAll(this.#table, entries.keys(), fate)
        : new Map<K, V>();
      await setAll(this.#table, entries, before, this.#ttlOrDefault(ttl), cause, fate);
    });
  }

  async putNewAll(
    entries: ReadonlyMap<K, V>,
    ttl: Ttl | undefined,
    cause: Cause,
  ): Promise<boolean> {
    for (const value of entries.values()) checkValue(value);
    return await this.#table.calls.write(this.#table.queues, [...entries.keys()], async (fate) => {
      const before = await readAll(this.#table, entries.keys(), fate);
      for (const key of before.keys()) if (!this.#table.isDue(key)) return false;
      await setAll(this.#table, entries, before, this.#ttlOrDefault(ttl), cause, fate);
      return true;
    });
  }

  async delete(key: K, cause: Cause): Promise<boolean> {
    return (await this.#table.remove(key, cause)) !== undefined;
  }

  async take(key: K, cause: Cause): Promise<V | undefined> {
    const value = await this.#table.remove(key, cause);
    if (value === undefined) this.#table.counts.misses++;
    else this.#table.counts.hits++;
    return value;
  }

  async expire(key: K, ttl: Ttl, cause: Cause): Promise<boolean> {
    return await this.#table.changeLive(key, cause, false, async (value, fate) => {
      if (ttl === null && this.#table.timed.get(key) === undefined) return true;
      await this.#table.retime(key, value, ttl, cause, fate);
      return true;
    });
  }

  async touch(key: K, cause: Cause): Promise<boolean> {
    return await this.#table.changeLive(key, cause, false, async (value, fate) => {
      const timing = this.#table.timed.get(key);
      if (timing !== undefined) await this.#table.retime(key, value, timing.ttl, cause, fate);
      return true;
    });
  }

  async add(
    key: K,
    amount: number,
    initial: number,
    ttl: Ttl | undefined,
    cause: Cause,
  ): Promise<number> {
    const next = (before: unknown): number =>
      checkSum((before === undefined ? initial : checkNumber(before)) + amount, amount);
    return (await this.#compute(key, next as never, ttl, cause)) as number;
  }

  async update(
    key: K,
    initial: V,
    fn: (value: V) => V,
    ttl: Ttl | undefined,
    cause: Cause,
  ): Promise<V> {
    const next = (before: V | undefined): V => (before === undefined ? initial : fn(before));
    return await this.#compute(key, next, ttl, cause);
  }

  async getOrStore(key: K, fn: (key: K) => V, ttl: Ttl | undefined, cause: Cause): Promise<V> {
    return await this.#table.change(key, async (before, fate) => {
      if (before !== undefined && !this.#table.isDue(key)) {
        this.#table.counts.hits++;
        return before;
      }
      this.#table.counts.misses++;
      const value = checkValue(fn(key));
      await this.#table.set(key, before, value, this.#ttlOrDefault(ttl), cause, fate);
      return value;
    });
  }

  async getStale(key: K, staleFor: Milliseconds, cause: Cause): Promise<FoundValue<V> | undefined> {
    const found = await this.get(key, none, cause);
    if (found !== none) return { value: found, isStale: false };
    const value = this.#table.stale.find(key, staleFor, none);
    return value === none ? undefined : { value, isStale: true };
  }

  async putStale(
    key: K,
    value: V,
    ttl: Ttl | undefined,
    staleFor: Milliseconds,
    cause: Cause,
  ): Promise<void> {
    await this.#put(key, value, ttl, cause, staleFor);
  }

  async getAll(query: StoreQuery<K, V>, cause: Cause): Promise<Map<K, V>> {
    const found = new Map<K, V>();
    if (query.kind === "keys") {
      const values = new Map<K, V | typeof none>();
      await atATime(query.keys, async (key) => {
        values.set(key, await this.get(key, none, cause));
      });
      for (const key of query.keys) {
        const value = values.get(key) as V | typeof none;
        if (value !== none) found.set(key, value);
      }
      return found;
    }
    await walk(this.#table, query, cause, (key, value) => void found.set(key, value));
    this.#table.counts.hits += found.size;
    return found;
  }

  async countAll(query: StoreQuery<K, V>, cause: Cause): Promise<number> {
    let count = 0;
    if (query.kind === "keys")
      await atATime(query.keys, async (key) => {
        if (await this.has(key, cause)) count++;
      });
    else await walk(this.#table, query, cause, () => void count++);
    return count;
  }

  stream(query: StoreQuery<K, V>, cause: Cause): AsyncIterable<[K, V]> {
    return stream(this.#table, query, cause);
  }

  async deleteAll(query: StoreQuery<K, V>, cause: Cause): Promise<number> {
    return await deleteAll(this.#table, query, cause);
  }

  async info(): Promise<CacheInfo> {
    const { counts, calls } = this.#table;
    if (!calls.canList) return { ...counts, entries: NaN };
    const size = await sizeOf(() => this.countAll({ kind: "all" }, causeOf("info")));
    return { ...counts, ...size };
  }

  counts(): CacheCounts {
    return { ...this.#table.counts };
  }

  async close(): Promise<void> {
    this.#onClose(this.#table.close());
  }

  #ttlOrDefault(ttl: Ttl | undefined): Ttl {
    return ttl === undefined ? this.#table.defaultTtl : ttl;
  }

  /** The value of an entry that is not due. */
  async #peek(key: K, cause: Cause, fate: Fate): Promise<V | undefined> {
    if (await this.#table.isExpired(key, cause)) return undefined;
    const value = await this.#table.calls.get(key, fate);
    // It may have become due meanwhile.
    return (await this.#table.isExpired(key, cause)) ? undefined : value;
  }

  async #isThere(key: K, cause: Cause, fate: Fate): Promise<boolean> {
    if (await this.#table.isExpired(key, cause)) return false;
    const isThere = await this.#table.calls.has(key, fate);
    return isThere && !(await this.#table.isExpired(key, cause));
  }

  async #put(
    key: K,
    value: V,
    ttl: Ttl | undefined,
    cause: Cause,
    staleFor?: Milliseconds,
  ): Promise<void> {
    checkValue(value);
    await this.#table.calls.write(this.#table.queues, [key], async (fate) => {
      // What was there matters to the event only.
      const before = this.#table.isHeard ? await this.#table.calls.get(key, fate) : undefined;
      await this.#table.set(key, before, value, this.#ttlOrDefault(ttl), cause, fate, staleFor);
    });
  }

  async #compute(
    key: K,
    next: (before: V | undefined) => V,
    ttl: Ttl | undefined,
    cause: Cause,
  ): Promise<V> {
    return await this.#table.change(key, async (before, fate) => {
      const isLive = before !== undefined && !this.#table.isDue(key);
      const value = checkValue(next(isLive ? before : undefined));
      const newTtl = ttl === undefined && isLive ? "kept" : this.#ttlOrDefault(ttl);
      await this.#table.set(key, before, value, newTtl, cause, fate);
      return value;
    });
  }
}

function checkValue<V>(value: V): V {
  if (value !== undefined) return value;
  throw OptionError.invalid("value", "anything but undefined, which means no entry", value);
}
