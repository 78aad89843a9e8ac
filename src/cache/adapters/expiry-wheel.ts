import { outsideCalls } from "../../actor/call-context.js";
import { setBackgroundTimeout, type TimerHandle } from "../../clock.js";
import type { Milliseconds } from "../../options.js";
import { columnLength } from "./entries.js";
import type { StoreClock } from "./store-clock.js";

/** How many entries are checked before other work can run. */
const sliceSize = 20_000;
/** The number of buckets of one width; those of the next width are this many times wider. */
const bucketsPerWidth = 64;
/** In place of a slot: there is none. */
const none = -1;

/** Entries that are checked together: a list that is linked by their slots. */
interface Bucket {
  /** Its place among the buckets, from 1. */
  readonly id: number;
  /** When they are checked, counted in sweep intervals. */
  readonly tick: number;
  first: number;
  last: number;
}

/** What an entry with a TTL needs, by slot. */
class Columns {
  readonly length: number;
  /** When it expires, in whole milliseconds of the store's time, above 0. 0: never. */
  readonly expiresAt: Float64Array;
  readonly ttl: Float64Array;
  /** The id of its bucket. 0: none. */
  readonly bucket: Uint16Array;
  readonly previous: Int32Array;
  readonly next: Int32Array;

  constructor(length: number, old?: Columns) {
    this.length = length;
    this.expiresAt = new Float64Array(length);
    this.ttl = new Float64Array(length);
    this.bucket = new Uint16Array(length);
    this.previous = new Int32Array(length);
    this.next = new Int32Array(length);
    if (old === undefined) return;
    this.expiresAt.set(old.expiresAt);
    this.ttl.set(old.ttl);
    this.bucket.set(old.bucket);
    this.previous.set(old.previous);
    this.next.set(old.next);
  }
}

const noColumns = new Columns(0);

/**
 * The TTLs of a store's entries, by slot. Finds the entries that are due, with one timer and
 * without checking the others. An entry is in one bucket, which is checked when its tick has come.
 * An entry that expires far in the future is in a wide bucket first and moves to narrower ones as
 * the time comes nearer (hierarchical timing wheels, Varghese and Lauck 1987), so that there are
 * few buckets whatever the TTLs are. An entry that is extended stays in its bucket until that is
 * checked.
 *
 * @internal
 */
export class ExpiryWheel {
  /** How many entries have a TTL. */
  count = 0;
  readonly #clock: StoreClock;
  readonly #interval: Milliseconds;
  readonly #limit: number;
  readonly #onDue: (slot: number) => void;
  #columns = noColumns;
  readonly #byTick = new Map<number, Bucket>();
  /** By id; `undefined` where the id is free. */
  readonly #buckets: (Bucket | undefined)[] = [undefined];
  readonly #freeIds: number[] = [];
  #timer: TimerHandle;
  /**
   * The tick that the timer is set for. `-Infinity`: none is set, during a sweep or after `close`.
   */
  #armed = Infinity;
  /** The bucket that is being checked. */
  #open: Bucket | undefined;
  #closed = false;

  /** @param limit how many slots there may be */
  constructor(
    clock: StoreClock,
    interval: Milliseconds,
    limit: number,
    onDue: (slot: number) => void,
  ) {
    this.#clock = clock;
    this.#limit = limit;
    this.#interval = interval;
    this.#onDue = onDue;
  }

  /** When an entry expires; 0: never. */
  expiresAt(slot: number): Milliseconds {
    const columns = this.#columns;
    return slot < columns.length ? (columns.expiresAt[slot] as number) : 0;
  }

  /** The TTL of an entry that has one. */
  ttlOf(slot: number): Milliseconds {
    return this.#columns.ttl[slot] as number;
  }

  /** Begins a TTL, in place of the one that the entry may have. */
  start(slot: number, ttl: Milliseconds, now: Milliseconds): void {
    if (slot >= this.#columns.length)
      this.#columns = new Columns(columnLength(slot, this.#limit), this.#columns);
    const { expiresAt, ttl: ttls, bucket } = this.#columns;
    const isNew = expiresAt[slot] === 0;
    const due = Math.ceil(now + ttl);
    expiresAt[slot] = due;
    ttls[slot] = ttl;
    if (isNew) this.count++;
    else {
      const own = this.#buckets[bucket[slot] as number];
      if (own !== undefined && (own.tick - 1) * this.#interval < due) return;
      this.#unlink(slot);
    }
    this.#link(slot, due, now);
  }

  /** Ends the TTL that an entry may have. */
  drop(slot: number): void {
    if (this.expiresAt(slot) === 0) return;
    this.#columns.expiresAt[slot] = 0;
    this.#unlink(slot);
    this.count--;
  }

  /** The entries that are due and have not been checked yet. */
  overdue(now: Milliseconds): number[] {
    if (this.count === 0) return [];
    const { expiresAt, next } = this.#columns;
    const lastTick = Math.ceil(now / this.#interval);
    const due: number[] = [];
    const collect = ({ first }: Bucket): void => {
      for (let slot = first; slot !== none; slot = next[slot] as number)
        if ((expiresAt[slot] as number) <= now) due.push(slot);
    };
    if (this.#open !== undefined) collect(this.#open);
    for (const bucket of this.#byTick.values()) if (bucket.tick <= lastTick) collect(bucket);
    return due;
  }

  clear(): void {
    this.count = 0;
    this.#columns = noColumns;
    this.#byTick.clear();
    this.#buckets.length = 1;
    this.#freeIds.length = 0;
    this.#open = undefined;
    this.#clock.clearTimeout(this.#timer);
    if (!this.#closed) this.#armed = Infinity;
  }

  /** Ends it: no timer is set any more. */
  close(): void {
    this.#closed = true;
    this.#armed = -Infinity;
    this.clear();
  }

  #link(slot: number, due: Milliseconds, now: Milliseconds): void {
    const { bucket, previous, next } = this.#columns;
    const tick = this.#tickOf(due, now);
    const own = this.#byTick.get(tick) ?? this.#addBucket(tick);
    bucket[slot] = own.id;
    previous[slot] = own.last;
    next[slot] = none;
    if (own.last === none) own.first = slot;
    else next[own.last] = slot;
    own.last = slot;
    if (tick < this.#armed) this.#arm(tick, now);
  }

  #unlink(slot: number): void {
    const { bucket, previous, next } = this.#columns;
    const own = this.#buckets[bucket[slot] as number];
    if (own === undefined) return;
    bucket[slot] = 0;
    const before = previous[slot] as number;
    const after = next[slot] as number;
    if (before === none) own.first = after;
    else next[before] = after;
    if (after === none) own.last = before;
    else previous[after] = before;
  }

  #addBucket(tick: number): Bucket {
    const id = this.#freeIds.pop() ?? this.#buckets.length;
    const bucket = { id, tick, first: none, last: none };
    this.#buckets[id] = bucket;
    this.#byTick.set(tick, bucket);
    return bucket;
  }

  /** When to check an entry: when it expires or, if that is far away, somewhat earlier. */
  #tickOf(expiresAt: Milliseconds, now: Milliseconds): number {
    const current = Math.floor(now / this.#interval);
    const tick = Math.max(Math.ceil(expiresAt / this.#interval), current + 1);
    const distance = tick - current;
    let width = 1;
    while (distance > width * bucketsPerWidth) width *= bucketsPerWidth;
    return width === 1 ? tick : Math.floor(tick / width) * width;
  }

  #arm(tick: number, now: Milliseconds): void {
    this.#armed = tick;
    this.#setTimer(Math.max(0, tick * this.#interval - now));
  }

  #armNext(now: Milliseconds): void {
    let next = Infinity;
    for (const { tick, first } of this.#byTick.values())
      if (first !== none && tick < next) next = tick;
    if (next < Infinity) this.#arm(next, now);
    else this.#armed = Infinity;
  }

  #setTimer(delay: Milliseconds): void {
    this.#clock.clearTimeout(this.#timer);
    outsideCalls(() => {
      this.#timer = setBackgroundTimeout(this.#clock, () => this.#sweep(), delay);
    });
  }

  #sweep(): void {
    const now = this.#clock.now();
    this.#armed = -Infinity;
    const done = this.#sweepSlice(now);
    if (this.#closed) return;
    if (done) this.#armNext(now);
    else this.#setTimer(0);
  }

  /** Returns whether all entries that are due have been found. */
  #sweepSlice(now: Milliseconds): boolean {
    const lastTick = Math.floor(now / this.#interval);
    for (let left = sliceSize; left > 0; left--) {
      const slot = this.#next(lastTick);
      if (slot === none) return true;
      const due = this.expiresAt(slot);
      if (due <= now) this.#onDue(slot);
      else this.#link(slot, due, now);
    }
    return false;
  }

  /** Takes the next entry to be checked out of its bucket. */
  #next(lastTick: number): number {
    for (;;) {
      const open = (this.#open ??= this.#takeBucket(lastTick));
      if (open === undefined) return none;
      const slot = open.first;
      if (slot !== none) {
        this.#unlink(slot);
        return slot;
      }
      this.#buckets[open.id] = undefined;
      this.#freeIds.push(open.id);
      this.#open = undefined;
    }
  }

  #takeBucket(lastTick: number): Bucket | undefined {
    let first: Bucket | undefined;
    for (const bucket of this.#byTick.values())
      if (bucket.tick <= lastTick && bucket.tick < (first?.tick ?? Infinity)) first = bucket;
    if (first !== undefined) this.#byTick.delete(first.tick);
    return first;
  }
}
