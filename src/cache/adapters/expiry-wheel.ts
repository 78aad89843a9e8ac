import { outsideCalls } from "../../actor/call-context.js";
import { type Clock, setBackgroundTimeout, type TimerHandle } from "../../clock.js";
import type { Milliseconds } from "../../options.js";
import type { Bucket, TimedEntry } from "./entries.js";

/** How many entries are checked before other work can run. */
const sliceSize = 20_000;
/** The number of buckets of one width; those of the next width are this many times wider. */
const bucketsPerWidth = 64;

/**
 * Finds the entries that are due, with one timer and without checking the others. An entry is in
 * one bucket, which is checked when its tick has come. An entry that expires far in the future is
 * in a wide bucket first and moves to narrower ones as the time comes nearer (hierarchical timing
 * wheels, Varghese and Lauck 1987), so that there are few buckets whatever the TTLs are. An entry
 * that is extended stays in its bucket until that is checked.
 *
 * @internal
 */
export class ExpiryWheel<K, V> {
  readonly #clock: Clock;
  readonly #interval: Milliseconds;
  readonly #onDue: (entry: TimedEntry<K, V>) => void;
  readonly #buckets = new Map<number, Bucket<K, V>>();
  #timer: TimerHandle;
  /**
   * The tick that the timer is set for. `-Infinity`: none is set, during a sweep or after `close`.
   */
  #armed = Infinity;
  /** The bucket that is being checked, and the position in it. */
  #open: Bucket<K, V> | undefined;
  #position = 0;
  #closed = false;

  constructor(clock: Clock, interval: Milliseconds, onDue: (entry: TimedEntry<K, V>) => void) {
    this.#clock = clock;
    this.#interval = interval;
    this.#onDue = onDue;
  }

  add(entry: TimedEntry<K, V>, now: Milliseconds): void {
    const tick = this.#tickOf(entry.expiresAt, now);
    let bucket = this.#buckets.get(tick);
    if (bucket === undefined) {
      bucket = { tick, entries: [] };
      this.#buckets.set(tick, bucket);
    }
    entry.bucket = bucket;
    entry.position = bucket.entries.length;
    bucket.entries.push(entry);
    if (tick < this.#armed) this.#arm(tick, now);
  }

  /** To be called after `expiresAt` was changed. */
  move(entry: TimedEntry<K, V>, now: Milliseconds): void {
    const { bucket } = entry;
    if (bucket !== undefined && (bucket.tick - 1) * this.#interval < entry.expiresAt) return;
    this.remove(entry);
    this.add(entry, now);
  }

  remove(entry: TimedEntry<K, V>): void {
    const { bucket, position } = entry;
    if (bucket === undefined) return;
    entry.bucket = undefined;
    const last = bucket.entries.pop() as TimedEntry<K, V>;
    if (last === entry) return;
    bucket.entries[position] = last;
    last.position = position;
  }

  /** The entries that are due and have not been checked yet. */
  overdue(now: Milliseconds): TimedEntry<K, V>[] {
    const lastTick = Math.ceil(now / this.#interval);
    const due = this.#open?.entries.slice(this.#position) ?? [];
    for (const bucket of this.#buckets.values())
      if (bucket.tick <= lastTick) for (const entry of bucket.entries) due.push(entry);
    return due.filter((entry) => entry.expiresAt <= now);
  }

  clear(): void {
    this.#buckets.clear();
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
    for (const { tick, entries } of this.#buckets.values())
      if (entries.length > 0 && tick < next) next = tick;
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
      const entry = this.#next(lastTick);
      if (entry === undefined) return true;
      entry.bucket = undefined;
      if (entry.expiresAt <= now) this.#onDue(entry);
      else this.add(entry, now);
    }
    return false;
  }

  #next(lastTick: number): TimedEntry<K, V> | undefined {
    for (;;) {
      this.#open ??= this.#takeBucket(lastTick);
      if (this.#open === undefined) return undefined;
      const entry = this.#open.entries[this.#position++];
      if (entry !== undefined) return entry;
      this.#open = undefined;
    }
  }

  #takeBucket(lastTick: number): Bucket<K, V> | undefined {
    let first: Bucket<K, V> | undefined;
    for (const bucket of this.#buckets.values())
      if (bucket.tick <= lastTick && bucket.tick < (first?.tick ?? Infinity)) first = bucket;
    if (first !== undefined) this.#buckets.delete(first.tick);
    this.#position = 0;
    return first;
  }
}
