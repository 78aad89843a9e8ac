import type { Clock, TimerHandle } from "../../clock.js";
import { type Cause, causeOf } from "../../event/event.js";
import type { EventType } from "../../event/types.js";
import type { Milliseconds } from "../../options.js";
import type { ChangeSink } from "../adapter.js";
import type { CacheInfo, Ttl } from "../types.js";
import { type Entries, type Entry, newEntry, TimedEntry } from "./entries.js";
import { ExpiryWheel } from "./expiry-wheel.js";

const sweep: Cause = causeOf("sweep");

/** An entry that expired or was evicted. @internal */
export interface Gone<K, V> {
  readonly type: EventType;
  readonly entry: Entry<K, V>;
  readonly value: V;
}

/**
 * The entries of a local store with their TTLs and counts: changes them, and reports to the sink.
 *
 * @internal
 */
export class LocalTable<K, V> {
  readonly entries: Entries<K, V>;
  readonly clock: StoreClock;
  readonly sink: ChangeSink<K, V>;
  readonly defaultTtl: Ttl;
  readonly counts: Omit<CacheInfo, "entries"> = {
    hits: 0,
    misses: 0,
    writes: 0,
    deletions: 0,
    evictions: 0,
    expirations: 0,
  };
  readonly #wheel: ExpiryWheel<K, V>;
  /** How many entries have a TTL. */
  #timed = 0;

  constructor(
    entries: Entries<K, V>,
    clock: Clock,
    sink: ChangeSink<K, V>,
    options: { ttl: Ttl; sweepInterval: Milliseconds },
  ) {
    this.entries = entries;
    this.clock = new StoreClock(clock);
    this.sink = sink;
    this.defaultTtl = options.ttl;
    this.#wheel = new ExpiryWheel(this.clock, options.sweepInterval, (entry) =>
      this.expire(entry, sweep),
    );
  }

  /** Whether an entry has reached its TTL. Without a TTL the clock is not read. */
  isDue(entry: Entry<K, V>): boolean {
    return entry.expiresAt !== 0 && entry.expiresAt <= this.clock.now();
  }

  /** The entry of a key; one that has reached its TTL is removed. */
  live(key: K, cause: Cause): Entry<K, V> | undefined {
    const entry = this.entries.get(key);
    if (entry === undefined || !this.isDue(entry)) return entry;
    this.expire(entry, cause);
    return undefined;
  }

  /** Stores a value, whether there is an entry or not. */
  write(key: K, value: V, ttl: Ttl, cause: Cause): void {
    const entry = this.entries.get(key);
    if (entry === undefined) this.#insert(key, value, ttl, cause);
    else if (ttl === null && entry.expiresAt === 0) this.overwriteKeepingTtl(entry, value, cause);
    else this.overwrite(entry, value, ttl, cause);
  }

  /** Stores a value over another one. If that was due, it expires, and the value is inserted. */
  overwrite(entry: Entry<K, V>, value: V, ttl: Ttl, cause: Cause): void {
    const previous = entry.value;
    const wasDue = this.replaceValue(entry, value, ttl);
    const { sink } = this;
    if (!sink.active) return;
    if (!wasDue) sink.entry("updated", cause, entry.key, value, previous, entry);
    else {
      sink.hold();
      sink.entry("expired", cause, entry.key, undefined, previous, entry);
      sink.entry("inserted", cause, entry.key, value, undefined, entry);
      sink.release();
    }
  }

  /** Stores a value over another that is not due, and keeps its TTL. */
  overwriteKeepingTtl(entry: Entry<K, V>, value: V, cause: Cause): void {
    const previous = entry.value;
    entry.value = value;
    this.counts.writes++;
    if (this.sink.active) this.sink.entry("updated", cause, entry.key, value, previous, entry);
  }

  /** Stores without an event; returns whether the old value was due. */
  replaceValue(entry: Entry<K, V>, value: V, ttl: Ttl): boolean {
    entry.value = value;
    this.counts.writes++;
    if (entry.expiresAt === 0 && ttl === null) return false;
    const now = this.clock.now();
    const wasDue = entry.expiresAt !== 0 && entry.expiresAt <= now;
    if (wasDue) this.counts.expirations++;
    this.setTtl(entry, ttl, now);
    return wasDue;
  }

  /** Adds an entry whose key is not there, without an event; returns the entry that was evicted. */
  add(entry: Entry<K, V>, ttl: Ttl): Entry<K, V> | undefined {
    const victim = this.entries.add(entry);
    this.counts.writes++;
    if (ttl !== null) this.setTtl(entry, ttl, this.clock.now());
    return victim;
  }

  /** Counts an entry that was evicted: as expired, if it was due. Returns the type of its event. */
  evict(victim: Entry<K, V>): EventType {
    // Where nothing has a TTL, the entry is not read: it is likely in no processor cache any more.
    if (this.#timed === 0 || !this.isDue(victim)) {
      this.counts.evictions++;
      if (this.#timed > 0) this.#dropTtl(victim);
      return "evicted";
    }
    this.counts.expirations++;
    this.#dropTtl(victim);
    return "expired";
  }

  setTtl(entry: Entry<K, V>, ttl: Ttl, now: Milliseconds): void {
    if (ttl === null) this.#dropTtl(entry);
    else if (entry instanceof TimedEntry) this.#startTtl(entry, ttl, now);
    else {
      const timed = new TimedEntry(entry.key, entry.value);
      timed.hash = entry.hash;
      this.entries.replace(timed);
      this.#startTtl(timed, ttl, now);
    }
  }

  /** Removes an entry that is due. */
  expire(entry: Entry<K, V>, cause: Cause): void {
    this.removeExpired(entry);
    if (this.sink.active)
      this.sink.entry("expired", cause, entry.key, undefined, entry.value, entry);
  }

  /** The same without an event. */
  removeExpired(entry: Entry<K, V>): void {
    this.counts.expirations++;
    this.#remove(entry);
  }

  /** Removes an entry on command. */
  remove(entry: Entry<K, V>, cause: Cause): void {
    this.removeSilently(entry);
    if (this.sink.active)
      this.sink.entry("deleted", cause, entry.key, undefined, entry.value, entry);
  }

  /** The same without an event. */
  removeSilently(entry: Entry<K, V>): void {
    this.counts.deletions++;
    this.#remove(entry);
  }

  /** Removes everything without an event. */
  clear(): void {
    this.entries.clear();
    this.#wheel.clear();
    this.#timed = 0;
  }

  /** Reports entries that are gone. */
  emitGone(gone: readonly Gone<K, V>[], cause: Cause): void {
    for (const { type, entry, value } of gone)
      this.sink.entry(type, cause, entry.key, undefined, value, entry);
  }

  /** The entries that have reached their TTL and are still there. */
  overdue(): Entry<K, V>[] {
    return this.#wheel.overdue(this.clock.now());
  }

  close(): void {
    this.#wheel.close();
    this.entries.clear();
  }

  #insert(key: K, value: V, ttl: Ttl, cause: Cause): void {
    const entry = newEntry(key, value, ttl);
    const victim = this.add(entry, ttl);
    const { sink } = this;
    if (victim === undefined) {
      if (sink.active) sink.entry("inserted", cause, key, value, undefined, entry);
      return;
    }
    const type = this.evict(victim);
    if (!sink.active) return;
    sink.hold();
    sink.entry(type, cause, victim.key, undefined, victim.value, victim);
    sink.entry("inserted", cause, key, value, undefined, entry);
    sink.release();
  }

  #remove(entry: Entry<K, V>): void {
    this.entries.delete(entry.key);
    this.#dropTtl(entry);
  }

  #startTtl(entry: TimedEntry<K, V>, ttl: Milliseconds, now: Milliseconds): void {
    const isNew = entry.expiresAt === 0;
    entry.start(ttl, now);
    if (!isNew) this.#wheel.move(entry, now);
    else {
      this.#timed++;
      this.#wheel.add(entry, now);
    }
  }

  #dropTtl(entry: Entry<K, V>): void {
    if (entry.expiresAt === 0) return;
    entry.expiresAt = 0;
    this.#wheel.remove(entry as TimedEntry<K, V>);
    this.#timed--;
  }
}

/** A store's time: milliseconds since it was opened, which keeps the numbers small. @internal */
export class StoreClock implements Clock {
  readonly #clock: Clock;
  readonly #openedAt: Milliseconds;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#openedAt = clock.now();
  }

  now(): Milliseconds {
    return this.#clock.now() - this.#openedAt;
  }

  setTimeout(fn: () => void, ms: Milliseconds): TimerHandle {
    return this.#clock.setTimeout(fn, ms);
  }

  clearTimeout(handle: TimerHandle): void {
    this.#clock.clearTimeout(handle);
  }
}
