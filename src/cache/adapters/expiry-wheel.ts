import { type Clock, setBackgroundTimeout, type TimerHandle } from "../../clock.js";
import type { Milliseconds } from "../../options.js";
import type { Bucket, Lease } from "./entry.js";

/** How many leases are looked at before the event loop has its turn. */
const sliceSize = 20_000;
/** How many buckets of one width there are before the next, this many times wider, begins. */
const bucketsPerWidth = 64;

/**
 * Finds the leases whose time has come, with one timer and without looking at the others. A lease lies in one bucket, which is looked at
 * when its time has come; one that ends far in the future lies in a wide bucket first, and moves to narrower ones as the time comes
 * nearer (hierarchical timing wheels, Varghese and Lauck 1987), so that there are few buckets whatever the TTLs are. A lease that is
 * extended stays where it is until then.
 *
 * @internal
 */
export class ExpiryWheel<K, V> {
  readonly #clock: Clock;
  readonly #interval: Milliseconds;
  readonly #onDue: (lease: Lease<K, V>) => void;
  readonly #buckets = new Map<number, Bucket<K, V>>();
  #timer: TimerHandle;
  /** The tick that the timer is set for; `-Infinity`: none is to be set now, since a sweep is under way, or for good. */
  #armed = Infinity;
  /** The bucket that is being looked at, and how far. */
  #open: Bucket<K, V> | undefined;
  #position = 0;
  #closed = false;

  constructor(clock: Clock, interval: Milliseconds, onDue: (lease: Lease<K, V>) => void) {
    this.#clock = clock;
    this.#interval = interval;
    this.#onDue = onDue;
  }

  add(lease: Lease<K, V>, now: Milliseconds): void {
    const tick = this.#tickOf(lease.expiresAt, now);
    let bucket = this.#buckets.get(tick);
    if (bucket === undefined) {
      bucket = { tick, leases: [] };
      this.#buckets.set(tick, bucket);
    }
    lease.bucket = bucket;
    lease.position = bucket.leases.length;
    bucket.leases.push(lease);
    if (tick < this.#armed) this.#arm(tick, now);
  }

  /** After `expiresAt` was changed. */
  move(lease: Lease<K, V>, now: Milliseconds): void {
    const { bucket } = lease;
    if (bucket !== undefined && (bucket.tick - 1) * this.#interval < lease.expiresAt) return;
    this.remove(lease);
    this.add(lease, now);
  }

  remove(lease: Lease<K, V>): void {
    const { bucket, position } = lease;
    if (bucket === undefined) return;
    lease.bucket = undefined;
    const last = bucket.leases.pop() as Lease<K, V>;
    if (last === lease) return;
    bucket.leases[position] = last;
    last.position = position;
  }

  /** Those whose time has come and that have not been looked at yet. */
  overdue(now: Milliseconds): Lease<K, V>[] {
    const lastTick = Math.ceil(now / this.#interval);
    const due = this.#open?.leases.slice(this.#position) ?? [];
    for (const bucket of this.#buckets.values())
      if (bucket.tick <= lastTick) for (const lease of bucket.leases) due.push(lease);
    return due.filter((lease) => lease.expiresAt <= now);
  }

  clear(): void {
    this.#buckets.clear();
    this.#open = undefined;
    this.#clock.clearTimeout(this.#timer);
    if (!this.#closed) this.#armed = Infinity;
  }

  /** For good: no timer is set any more. */
  close(): void {
    this.#closed = true;
    this.#armed = -Infinity;
    this.clear();
  }

  /** When to look at a lease: when it ends or, if that is far away, somewhat earlier. */
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
    for (const { tick, leases } of this.#buckets.values())
      if (leases.length > 0 && tick < next) next = tick;
    if (next < Infinity) this.#arm(next, now);
    else this.#armed = Infinity;
  }

  #setTimer(delay: Milliseconds): void {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = setBackgroundTimeout(this.#clock, () => this.#sweep(), delay);
  }

  #sweep(): void {
    const now = this.#clock.now();
    this.#armed = -Infinity;
    const done = this.#sweepSlice(now);
    if (this.#closed) return;
    if (done) this.#armNext(now);
    else this.#setTimer(0);
  }

  /** Whether nothing is left to look at now. */
  #sweepSlice(now: Milliseconds): boolean {
    const lastTick = Math.floor(now / this.#interval);
    for (let left = sliceSize; left > 0; left--) {
      const lease = this.#next(lastTick);
      if (lease === undefined) return true;
      lease.bucket = undefined;
      if (lease.expiresAt <= now) this.#onDue(lease);
      else this.add(lease, now);
    }
    return false;
  }

  #next(lastTick: number): Lease<K, V> | undefined {
    for (;;) {
      this.#open ??= this.#takeBucket(lastTick);
      if (this.#open === undefined) return undefined;
      const lease = this.#open.leases[this.#position++];
      if (lease !== undefined) return lease;
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
