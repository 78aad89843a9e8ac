import type { Milliseconds } from "../../options.js";
import { UnlimitedEntries } from "./entries.js";
import { ExpiryWheel } from "./expiry-wheel.js";
import type { StoreClock } from "./store-clock.js";

/** The TTL of one key. @internal */
export interface Timing<V> {
  /** In the store's time. */
  readonly dueAt: Milliseconds;
  readonly ttl: Milliseconds;
  /** The value, if it is at hand shortly before the TTL. */
  held: { readonly value: V } | undefined;
}

/** A TTL that a store leaves to its successor. @internal */
export interface LeftTiming<K> {
  readonly key: K;
  readonly ttl: Milliseconds;
  /** What is left of it; 0 or less: it is due. */
  readonly left: Milliseconds;
}

/** What a store does when the time of a key has come. @internal */
export interface TimedKeysEvents<K> {
  /** The key is due in `lead` milliseconds or sooner. */
  soon(key: K): void;
  due(key: K): void;
}

/**
 * The TTLs of the keys that this process has written, for a store that does not know them, or does
 * not say when they end.
 *
 * @internal
 */
export class TimedKeys<K, V> {
  readonly #clock: StoreClock;
  readonly #lead: Milliseconds;
  readonly #keys = new UnlimitedEntries<K, Timing<V>>();
  readonly #wheel: ExpiryWheel;

  /** @param lead how long before its TTL a key is announced; 0: not at all */
  constructor(
    clock: StoreClock,
    sweepInterval: Milliseconds,
    lead: Milliseconds,
    events: TimedKeysEvents<K>,
  ) {
    this.#clock = clock;
    this.#lead = lead;
    this.#wheel = new ExpiryWheel(clock, sweepInterval, Infinity, (slot) => {
      const key = this.#keys.keyOf(slot);
      const { dueAt } = this.#keys.values[slot] as Timing<V>;
      const now = clock.now();
      if (dueAt <= now) {
        events.due(key);
        return;
      }
      this.#wheel.start(slot, dueAt - now, now);
      events.soon(key);
    });
  }

  get(key: K): Timing<V> | undefined {
    const slot = this.#keys.slots.get(key);
    return slot === undefined ? undefined : this.#keys.values[slot];
  }

  isDue(timing: Timing<V> | undefined): boolean {
    return timing !== undefined && timing.dueAt <= this.#clock.now();
  }

  /** What is left of a TTL, in milliseconds above 0. */
  left({ dueAt }: Timing<V>): Milliseconds {
    return dueAt - this.#clock.now();
  }

  /** Begins a TTL, in place of the one that the key may have; returns the key's slot. */
  start(key: K, ttl: Milliseconds, value: V): number {
    const held = this.#lead > 0 && ttl <= this.#lead ? { value } : undefined;
    return this.#start(key, ttl, ttl, held);
  }

  /** Takes over a TTL that has begun. */
  resume({ key, ttl, left }: LeftTiming<K>): void {
    this.#start(key, ttl, Math.max(left, 1), undefined);
  }

  /** Has a key that is due announced again after some time. */
  retry(key: K, after: Milliseconds): void {
    const slot = this.#keys.slots.get(key);
    if (slot !== undefined) this.#wheel.start(slot, after, this.#clock.now());
  }

  /** Ends a TTL; returns the slot that the key had. */
  drop(key: K): number | undefined {
    const slot = this.#keys.slots.get(key);
    if (slot === undefined) return undefined;
    this.#wheel.drop(slot);
    this.#keys.delete(key, slot);
    return slot;
  }

  clear(): void {
    this.#wheel.clear();
    this.#keys.clear();
  }

  /** Ends all, and returns the TTLs that have not ended. */
  close(): LeftTiming<K>[] {
    const left: LeftTiming<K>[] = [];
    for (const [key, slot] of this.#keys.slots) {
      const timing = this.#keys.values[slot] as Timing<V>;
      left.push({ key, ttl: timing.ttl, left: this.left(timing) });
    }
    this.#wheel.close();
    this.#keys.clear();
    return left;
  }

  #start(
    key: K,
    ttl: Milliseconds,
    left: Milliseconds,
    held: { readonly value: V } | undefined,
  ): number {
    const now = this.#clock.now();
    const timing: Timing<V> = { dueAt: Math.ceil(now + left), ttl, held };
    const known = this.#keys.slots.get(key);
    const slot = known ?? this.#keys.add(key, timing);
    this.#keys.values[slot] = timing;
    const isFar = this.#lead > 0 && left > this.#lead;
    this.#wheel.start(slot, isFar ? left - this.#lead : left, now);
    return slot;
  }
}
