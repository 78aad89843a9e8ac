import type { Clock } from "../../clock.js";
import { type Cause, causeOf } from "../../event/event.js";
import type { EventType } from "../../event/types.js";
import type { Milliseconds } from "../../options.js";
import type { ChangeSink, StoreQuery } from "../adapter.js";
import type { CacheCounts, Ttl } from "../types.js";
import type { Entries } from "./entries.js";
import { ExpiryWheel } from "./expiry-wheel.js";
import { KeyHashes } from "./key-hashes.js";
import { StaleCopies } from "./stale-copies.js";
import { StoreClock } from "./store-clock.js";

const sweep: Cause = causeOf("sweep");

/** What the event of an entry that has gone needs. @internal */
export interface Gone<K, V> {
  readonly type: EventType;
  readonly key: K;
  readonly value: V;
  /** The hash of its key; 0: not computed. */
  readonly hash: number;
}

/**
 * The entries of a local store with their TTLs and counts: changes them, and reports to the sink.
 * An entry is no object: its parts are in columns, by the slot of its key. What passes a `slot` on
 * must not have changed the table since it found it, nor called a function of the user.
 *
 * @internal
 */
export class LocalTable<K, V> {
  readonly entries: Entries<K, V>;
  /** By slot. */
  readonly values: (V | undefined)[];
  readonly expiry: ExpiryWheel;
  readonly clock: StoreClock;
  readonly sink: ChangeSink<K, V>;
  readonly defaultTtl: Ttl;
  readonly counts: CacheCounts = {
    hits: 0,
    misses: 0,
    writes: 0,
    deletions: 0,
    evictions: 0,
    expirations: 0,
  };
  /** Undefined: none has been asked for. */
  stale: StaleCopies<K, V> | undefined = undefined;
  readonly #hashes: KeyHashes;
  readonly #sweepInterval: Milliseconds;
  /** Whether a change is being reported, to which the memo belongs. */
  #isReporting = false;
  /** How often entries went. */
  #removals = 0;

  constructor(
    entries: Entries<K, V>,
    clock: Clock,
    sink: ChangeSink<K, V>,
    options: { ttl: Ttl; sweepInterval: Milliseconds },
  ) {
    this.entries = entries;
    this.values = entries.values;
    this.#hashes = new KeyHashes(entries.limit);
    this.clock = new StoreClock(clock);
    this.sink = sink;
    this.defaultTtl = options.ttl;
    this.#sweepInterval = options.sweepInterval;
    this.expiry = new ExpiryWheel(this.clock, options.sweepInterval, entries.limit, (slot) =>
      this.expire(slot, sweep),
    );
  }

  get size(): number {
    return this.entries.slots.size;
  }

  /** Whether an entry has reached its TTL. Without a TTL the clock is not read. */
  isDue(slot: number): boolean {
    if (this.expiry.count === 0) return false;
    const expiresAt = this.expiry.expiresAt(slot);
    return expiresAt !== 0 && this.clock.hasCome(expiresAt);
  }

  /** The slot of an entry that is not due; that is not a use of it. */
  peek(key: K): number | undefined {
    const slot = this.entries.slots.get(key);
    return slot === undefined || this.isDue(slot) ? undefined : slot;
  }

  /** The slot of an entry, which is used; one that has reached its TTL is removed. */
  live(key: K, cause: Cause): number | undefined {
    const slot = this.entries.slots.get(key);
    if (slot === undefined) return undefined;
    if (this.isDue(slot)) {
      this.expire(slot, cause);
      return undefined;
    }
    this.entries.use(slot);
    return slot;
  }

  valueOf(slot: number): V {
    return this.values[slot] as V;
  }

  /** The hash of an entry's key; 0: not computed. */
  hashOf(slot: number): number {
    return this.#hashes.at(slot);
  }

  /** Stores a value, whether there is an entry or not. */
  write(key: K, value: V, ttl: Ttl, cause: Cause): void {
    const slot = this.entries.slots.get(key);
    if (slot === undefined) {
      this.#insert(key, value, ttl, cause);
      return;
    }
    this.entries.use(slot);
    if (ttl === null && this.expiry.expiresAt(slot) === 0)
      this.overwriteKeepingTtl(slot, key, value, cause);
    else this.overwrite(slot, key, value, ttl, cause);
  }

  /** Stores a value over another one. If that was due, it expires, and the value is inserted. */
  overwrite(slot: number, key: K, value: V, ttl: Ttl, cause: Cause): void {
    const previous = this.valueOf(slot);
    const wasDue = this.replaceValue(slot, value, ttl);
    if (!this.sink.active) return;
    if (!wasDue) this.#report("updated", cause, slot, key, value, previous);
    else {
      this.sink.hold();
      const removals = this.#removals;
      this.#report("expired", cause, slot, key, undefined, previous);
      this.#report("inserted", cause, this.#ifKept(slot, removals), key, value, undefined);
      this.sink.release();
    }
  }

  /** Stores a value over another that is not due, and keeps its TTL. */
  overwriteKeepingTtl(slot: number, key: K, value: V, cause: Cause): void {
    const previous = this.valueOf(slot);
    this.values[slot] = value;
    this.counts.writes++;
    if (this.sink.active) this.#report("updated", cause, slot, key, value, previous);
  }

  /** Has the value of an entry kept for so long after its TTL. */
  keepStale(slot: number, staleFor: Milliseconds): void {
    this.stale ??= new StaleCopies(this.clock, this.#sweepInterval, this.entries.limit);
    this.stale.mark(slot, staleFor);
  }

  /** Drops the stale values that a query may match: `where` is not asked about them. */
  dropStale(query: StoreQuery<K, V>): void {
    if (this.stale === undefined) return;
    if (query.kind === "where") for (const slot of this.overdue()) this.stale.unmark(slot);
    this.stale.deleteMatching(query);
  }

  /** Stores without an event; returns whether the old value was due. */
  replaceValue(slot: number, value: V, ttl: Ttl): boolean {
    this.values[slot] = value;
    this.counts.writes++;
    if (this.stale !== undefined) this.stale.unmark(slot);
    const expiresAt = this.expiry.expiresAt(slot);
    if (expiresAt === 0 && ttl === null) return false;
    const now = this.clock.now();
    const wasDue = expiresAt !== 0 && expiresAt <= now;
    if (wasDue) this.counts.expirations++;
    this.#setTtl(slot, ttl, now);
    return wasDue;
  }

  /**
   * To be called before `add`, which evicts an entry of a full store. Counts that entry as evicted
   * or, if it was due, as expired; returns it if anybody listens.
   */
  makeRoom(): Gone<K, V> | undefined {
    const slot = this.entries.victim;
    if (slot === undefined) return undefined;
    const isDue = this.isDue(slot);
    if (isDue) this.counts.expirations++;
    else this.counts.evictions++;
    this.#removals++;
    this.expiry.drop(slot);
    return this.sink.active ? this.#goneOf(slot, isDue ? "expired" : "evicted") : undefined;
  }

  /** Adds an entry whose key is not there, without an event; returns its slot. */
  add(key: K, value: V, ttl: Ttl): number {
    const slot = this.entries.add(key, value);
    this.#hashes.forget(slot);
    if (this.stale !== undefined) this.stale.added(key, slot, this.size);
    this.counts.writes++;
    if (ttl !== null) this.expiry.start(slot, ttl, this.clock.now());
    return slot;
  }

  /** Sets the TTL of an entry that is not due. */
  expireIn(slot: number, key: K, ttl: Ttl, cause: Cause): void {
    if (ttl === null && this.expiry.expiresAt(slot) === 0) return;
    this.#setTtl(slot, ttl, this.clock.now());
    const value = this.valueOf(slot);
    if (this.sink.active) this.#report("updated", cause, slot, key, value, value);
  }

  /** Removes an entry that is due. */
  expire(slot: number, cause: Cause): void {
    const gone = this.removeExpired(slot);
    if (this.sink.active) this.#reportGone(gone, cause);
  }

  /** The same without an event. */
  removeExpired(slot: number): Gone<K, V> {
    this.counts.expirations++;
    const dueAt = this.expiry.expiresAt(slot);
    const gone = this.#remove(slot, "expired");
    if (this.stale !== undefined) this.stale.keep(slot, gone.key, gone.value, dueAt);
    return gone;
  }

  /** Removes an entry on command. */
  remove(slot: number, cause: Cause): void {
    const gone = this.removeSilently(slot);
    if (this.sink.active) this.#reportGone(gone, cause);
  }

  /** The same without an event. */
  removeSilently(slot: number): Gone<K, V> {
    this.counts.deletions++;
    return this.#remove(slot, "deleted");
  }

  /** Removes everything without an event. */
  clear(): void {
    this.#removals++;
    this.entries.clear();
    this.#hashes.clear();
    this.expiry.clear();
    this.stale?.clear();
  }

  /** Reports entries that are gone. */
  emitGone(gone: readonly Gone<K, V>[], cause: Cause): void {
    for (const one of gone) this.#reportGone(one, cause);
  }

  /** The entries that have reached their TTL and are still there. */
  overdue(): number[] {
    return this.expiry.overdue(this.clock.now());
  }

  close(): void {
    this.expiry.close();
    this.stale?.close();
    this.clear();
  }

  #insert(key: K, value: V, ttl: Ttl, cause: Cause): void {
    const victim = this.makeRoom();
    const slot = this.add(key, value, ttl);
    const { sink } = this;
    if (!sink.active) return;
    if (victim === undefined) {
      this.#report("inserted", cause, slot, key, value, undefined);
      return;
    }
    sink.hold();
    const removals = this.#removals;
    this.#reportGone(victim, cause);
    this.#report("inserted", cause, this.#ifKept(slot, removals), key, value, undefined);
    sink.release();
  }

  #remove(slot: number, type: EventType): Gone<K, V> {
    const gone = this.#goneOf(slot, type);
    this.#removals++;
    this.entries.delete(gone.key, slot);
    this.expiry.drop(slot);
    return gone;
  }

  #goneOf(slot: number, type: EventType): Gone<K, V> {
    const key = this.entries.keyOf(slot);
    return { type, key, value: this.valueOf(slot), hash: this.#hashes.at(slot) };
  }

  #setTtl(slot: number, ttl: Ttl, now: Milliseconds): void {
    if (ttl === null) this.expiry.drop(slot);
    else this.expiry.start(slot, ttl, now);
  }

  /** A slot, unless a listener has removed something since: it may be another entry's now. */
  #ifKept(slot: number, removals: number): number | undefined {
    return this.#removals === removals ? slot : undefined;
  }

  #report(
    type: EventType,
    cause: Cause,
    slot: number | undefined,
    key: K,
    value: V | undefined,
    previous: V | undefined,
  ): void {
    if (slot === undefined || this.#isReporting) {
      this.sink.entry(type, cause, key, value, previous);
      return;
    }
    this.#isReporting = true;
    this.sink.entry(type, cause, key, value, previous, this.#hashes.of(slot));
    this.#isReporting = false;
  }

  #reportGone({ type, key, value, hash }: Gone<K, V>, cause: Cause): void {
    if (this.#isReporting) {
      this.sink.entry(type, cause, key, undefined, value);
      return;
    }
    this.#isReporting = true;
    this.sink.entry(type, cause, key, undefined, value, this.#hashes.kept(hash));
    this.#isReporting = false;
  }
}
