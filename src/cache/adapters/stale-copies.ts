import type { Milliseconds } from "../../options.js";
import type { StoreQuery } from "../adapter.js";
import { columnLength, UnlimitedEntries } from "./entries.js";
import { ExpiryWheel } from "./expiry-wheel.js";
import type { StoreClock } from "./store-clock.js";

interface StaleCopy<V> {
  readonly value: V;
  /** When its entry reached its TTL, in the store's time. */
  readonly dueAt: Milliseconds;
}

/**
 * The values of entries that have reached their TTL, as long as `fetchOrStore` may answer with
 * them. A key has an entry or a stale copy, never both. Entries and copies together are no more
 * than there may be entries: the copy that was made first has to go for a new entry.
 *
 * @internal
 */
export class StaleCopies<K, V> {
  readonly #clock: StoreClock;
  readonly #limit: number;
  readonly #slots: number;
  /** By the slot of an entry: how long its value is kept after its TTL. 0: not at all. */
  #marks = new Float64Array(0);
  readonly #copies = new UnlimitedEntries<K, StaleCopy<V>>();
  readonly #expiry: ExpiryWheel;
  /** Goes on where it ended: the start of a Map that is used as a queue is slow to find. */
  #oldest = this.#copies.slots.keys();

  /**
   * @param limit how many copies, and entries with them, there may be
   * @param slots how many slots of entries there may be
   */
  constructor(clock: StoreClock, sweepInterval: Milliseconds, limit: number, slots = limit) {
    this.#clock = clock;
    this.#limit = limit;
    this.#slots = slots;
    this.#expiry = new ExpiryWheel(clock, sweepInterval, limit, (slot) => this.#drop(slot));
  }

  get size(): number {
    return this.#copies.slots.size;
  }

  /** Has the value of an entry kept for so long after its TTL. */
  mark(slot: number, staleFor: Milliseconds): void {
    if (slot >= this.#marks.length) {
      const longer = new Float64Array(columnLength(slot, this.#slots));
      longer.set(this.#marks);
      this.#marks = longer;
    }
    this.#marks[slot] = staleFor;
  }

  /** Ends `mark`. */
  unmark(slot: number): void {
    if (slot < this.#marks.length) this.#marks[slot] = 0;
  }

  /** Keeps the value of an entry that has expired and was removed, if it has a mark. */
  keep(slot: number, key: K, value: V, dueAt: Milliseconds): void {
    const staleFor = slot < this.#marks.length ? (this.#marks[slot] as number) : 0;
    const now = this.#clock.now();
    const left = dueAt + staleFor - now;
    if (left <= 0) return;
    this.delete(key);
    if (this.size >= this.#limit) this.#dropOldest();
    this.#expiry.start(this.#copies.add(key, { value, dueAt }), left, now);
  }

  /** To be called for an entry that has been added. */
  added(key: K, slot: number, entries: number): void {
    this.unmark(slot);
    this.delete(key);
    if (entries + this.size > this.#limit) this.#dropOldest();
  }

  /** The value, if its entry was due less than `staleFor` ago. */
  find<A>(key: K, staleFor: Milliseconds, absent: A): V | A {
    const slot = this.#copies.slots.get(key);
    if (slot === undefined) return absent;
    const { value, dueAt } = this.#copies.values[slot] as StaleCopy<V>;
    const now = this.#clock.now();
    return now < this.#expiry.expiresAt(slot) && now - dueAt < staleFor ? value : absent;
  }

  delete(key: K): void {
    const slot = this.#copies.slots.get(key);
    if (slot !== undefined) this.#drop(slot);
  }

  /** Drops what a query may match; `where` may match all. */
  deleteMatching(query: StoreQuery<K, V>): void {
    if (query.kind === "keys") for (const key of query.keys) this.delete(key);
    else if (query.kind !== "prefix") this.#clearCopies();
    else
      for (const [key, slot] of this.#copies.slots)
        if (typeof key === "string" && key.startsWith(query.prefix)) this.#drop(slot);
  }

  clear(): void {
    this.#marks = new Float64Array(0);
    this.#clearCopies();
  }

  close(): void {
    this.#expiry.close();
    this.clear();
  }

  #clearCopies(): void {
    this.#copies.clear();
    this.#expiry.clear();
  }

  #drop(slot: number): void {
    this.#expiry.drop(slot);
    this.#copies.delete(this.#copies.keyOf(slot), slot);
  }

  #dropOldest(): void {
    let next = this.#oldest.next();
    if (next.done === true) {
      this.#oldest = this.#copies.slots.keys();
      next = this.#oldest.next();
    }
    if (next.done !== true) this.delete(next.value);
  }
}
