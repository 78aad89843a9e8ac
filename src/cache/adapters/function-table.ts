import { type Cause, causeOf } from "../../event/event.js";
import type { Milliseconds } from "../../options.js";
import { channels, reportCallbackError } from "../../telemetry/channels.js";
import type { AdapterContext, ChangeSink } from "../adapter.js";
import type { CacheCounts, Ttl } from "../types.js";
import { callsAtOnce } from "./at-a-time.js";
import { KeyQueues } from "./key-queues.js";
import { StaleCopies } from "./stale-copies.js";
import { type Fate, StoreCalls, type StoreFunctions } from "./store-calls.js";
import { StoreClock } from "./store-clock.js";
import { type LeftTiming, TimedKeys, type Timing } from "./timed-keys.js";

/** How a store of functions works. @internal */
export interface FunctionStoreOptions {
  readonly ttl: Ttl;
  readonly sweepInterval: Milliseconds;
  readonly commandTimeout: Milliseconds;
  readonly maxStale: number;
  readonly expires: boolean;
}

const sweep: Cause = causeOf("sweep");
/** How long before its TTL a value is read that is not there any more afterwards. */
const lead: Milliseconds = 2000;
/** How long a store that has TTLs of its own may keep an entry that is due. */
const tolerance: Milliseconds = 1000;
const lateInterval: Milliseconds = 50;
const retryInterval: Milliseconds = 1000;

/** A TTL from now, or the one that the entry has. @internal */
export type NewTtl = Ttl | "kept";

/**
 * The entries of a store that is made of a user's functions, with the TTLs and counts of what this
 * process has stored: changes them, and reports to the sink.
 *
 * @internal
 */
export class FunctionTable<K, V> {
  readonly calls: StoreCalls<K, V>;
  readonly queues = new KeyQueues<K>();
  readonly timed: TimedKeys<K, V>;
  readonly stale: StaleCopies<K, V>;
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
  readonly #name: { readonly cache: string; readonly name: string };
  readonly #expires: boolean;
  readonly #overdue = new Set<K>();
  #sweeping = 0;
  #isFailing = false;
  #isClosed = false;

  constructor(
    { cache, name, clock, sink }: AdapterContext<K, V>,
    functions: StoreFunctions<K, V>,
    { ttl, sweepInterval, maxStale, expires, commandTimeout }: FunctionStoreOptions,
  ) {
    const storeClock = new StoreClock(clock);
    this.#name = { cache, name };
    this.#expires = expires;
    this.calls = new StoreCalls(name, functions, clock, commandTimeout);
    this.defaultTtl = ttl;
    this.sink = sink;
    this.stale = new StaleCopies(storeClock, sweepInterval, maxStale, Infinity);
    this.timed = new TimedKeys(storeClock, sweepInterval, expires ? lead : 0, {
      soon: (key) => void this.#hold(key),
      due: (key) => {
        this.#overdue.add(key);
        this.#sweep();
      },
    });
  }

  /** Whether changes are to be reported. */
  get isHeard(): boolean {
    return this.sink.active && !this.#isClosed;
  }

  isDue(key: K): boolean {
    return this.timed.isDue(this.timed.get(key));
  }

  /**
   * Whether an entry is due. If it is, it expires when the commands that change it have ended.
   */
  async isExpired(key: K, cause: Cause): Promise<boolean> {
    if (!this.isDue(key)) return false;
    await this.#expireDue(key, cause);
    return true;
  }

  /** Runs a command that changes one key; it gets what there is, due or not. */
  change<R>(key: K, body: (before: V | undefined, fate: Fate) => Promise<R>): Promise<R> {
    return this.calls.write(this.queues, [key], async (fate) =>
      body(await this.calls.get(key, fate), fate),
    );
  }

  /**
   * The same for a command that changes nothing where there is no entry that is not due, and then
   * gives `otherwise`.
   */
  changeLive<R>(
    key: K,
    cause: Cause,
    otherwise: R,
    body: (before: V, fate: Fate) => Promise<R>,
  ): Promise<R> {
    return this.change(key, async (before, fate) => {
      if (this.isDue(key)) {
        await this.settleDue(key, cause, fate);
        return otherwise;
      }
      return before === undefined ? otherwise : await body(before, fate);
    });
  }

  /** Removes an entry; returns its value, unless it was due. */
  remove(key: K, cause: Cause): Promise<V | undefined> {
    return this.change(key, async (before, fate) => {
      this.stale.delete(key);
      if (this.isDue(key)) {
        await this.settleDue(key, cause, fate, true);
        return undefined;
      }
      if (before === undefined) return undefined;
      await this.calls.delete(key, fate);
      this.timed.drop(key);
      this.counts.deletions++;
      if (this.isHeard) this.sink.entry("deleted", cause, key, undefined, before);
      return before;
    });
  }

  /** Stores a value over what there is, and reports it. */
  async set(
    key: K,
    before: V | undefined,
    value: V,
    ttl: NewTtl,
    cause: Cause,
    fate: Fate,
    staleFor?: Milliseconds,
  ): Promise<void> {
    const due = await this.setSilently(key, value, ttl, fate, staleFor);
    if (!this.isHeard) return;
    const { sink } = this;
    if (due !== undefined) {
      sink.hold();
      sink.entry("expired", cause, key, undefined, before ?? due.held?.value);
      sink.entry("inserted", cause, key, value, undefined);
      sink.release();
    } else if (before === undefined) sink.entry("inserted", cause, key, value, undefined);
    else sink.entry("updated", cause, key, value, before);
  }

  /** Stores a value; returns the TTL of the entry that was due and is now gone, if it was. */
  async setSilently(
    key: K,
    value: V,
    ttl: NewTtl,
    fate: Fate,
    staleFor?: Milliseconds,
  ): Promise<Timing<V> | undefined> {
    const timing = this.timed.get(key);
    const due = this.timed.isDue(timing) ? timing : undefined;
    const isKept = ttl === "kept" && due === undefined;
    const left = timing === undefined ? null : Math.max(1, this.timed.left(timing));
    const newTtl = ttl === "kept" ? this.defaultTtl : ttl;
    await this.calls.set(key, value, (isKept ? left : newTtl) ?? undefined, fate);
    this.counts.writes++;
    if (due !== undefined) this.counts.expirations++;
    this.stale.delete(key);
    if (isKept) {
      if (timing?.held !== undefined) timing.held = { value };
    } else this.#time(key, value, newTtl, staleFor);
    return due;
  }

  /** Sets the TTL of an entry that is not due. */
  async retime(key: K, value: V, ttl: Ttl, cause: Cause, fate: Fate): Promise<void> {
    await this.calls.set(key, value, ttl ?? undefined, fate);
    const isKept = this.timed.get(key) !== undefined && ttl !== null;
    if (!isKept) this.#time(key, value, ttl);
    else if (!this.#isClosed) this.timed.start(key, ttl, value);
    if (this.isHeard) this.sink.entry("updated", cause, key, value, value);
  }

  /**
   * Expires an entry that is due, within a command that changes the key.
   *
   * @param isDeleted whether the command deletes what there is
   */
  async settleDue(key: K, cause: Cause, fate: Fate, isDeleted = false): Promise<void> {
    const timing = this.timed.get(key) as Timing<V>;
    const found = await this.calls.get(key, fate);
    if (found !== undefined) {
      if (!this.#expires || isDeleted) await this.calls.delete(key, fate);
      else {
        // The clock of the store may be behind; if it is not, another process has stored it since.
        if (-this.timed.left(timing) < tolerance) this.timed.retry(key, lateInterval);
        else this.timed.drop(key);
        return;
      }
    }
    // The store may have been closed meanwhile.
    if (this.timed.get(key) === timing) this.expired(key, timing, found, cause, isDeleted);
  }

  /**
   * Reports an entry that was due and has been removed.
   *
   * @param found its value, if the store has not removed it by itself
   * @param isDeleted whether its value is not to be kept
   */
  expired(key: K, timing: Timing<V>, found: V | undefined, cause: Cause, isDeleted: boolean): void {
    const slot = this.timed.drop(key) as number;
    const value = timing.held === undefined ? found : timing.held.value;
    this.#overdue.delete(key);
    this.counts.expirations++;
    if (!isDeleted && value !== undefined && !this.#isClosed)
      this.stale.keep(slot, key, value, timing.dueAt);
    if (this.isHeard) this.sink.entry("expired", cause, key, undefined, value);
  }

  /** Forgets the TTLs of all entries, which have been removed. */
  clear(): void {
    this.timed.clear();
    this.#overdue.clear();
  }

  /** Ends it; returns the TTLs that have not ended. */
  close(): LeftTiming<K>[] {
    this.#isClosed = true;
    this.stale.close();
    this.#overdue.clear();
    return this.timed.close();
  }

  async #expireDue(key: K, cause: Cause): Promise<void> {
    await this.calls.write(this.queues, [key], async (fate) => {
      if (this.isDue(key)) await this.settleDue(key, cause, fate);
    });
  }

  /** Begins or ends the TTL of an entry that has been stored. */
  #time(key: K, value: V, ttl: Ttl, staleFor?: Milliseconds): void {
    this.#overdue.delete(key);
    if (this.#isClosed) return;
    if (ttl === null) {
      this.timed.drop(key);
      return;
    }
    const slot = this.timed.start(key, ttl, value);
    if (staleFor === undefined) this.stale.unmark(slot);
    else this.stale.mark(slot, staleFor);
  }

  /** Reads a value shortly before its TTL, for its event. */
  async #hold(key: K): Promise<void> {
    const timing = this.timed.get(key);
    try {
      const value = await this.calls.read(this.queues, key, (fate) => this.calls.get(key, fate));
      if (timing !== undefined && value !== undefined) timing.held = { value };
    } catch {
      // The event is made without it.
    }
  }

  /** Expires what is due, some keys at a time; what fails is tried again. */
  #sweep(): void {
    while (this.#sweeping < callsAtOnce && this.#overdue.size > 0) {
      const [key] = this.#overdue;
      this.#overdue.delete(key as K);
      this.#sweeping++;
      void this.#sweepKey(key as K);
    }
  }

  async #sweepKey(key: K): Promise<void> {
    try {
      await this.#expireDue(key, sweep);
      this.#isFailing = false;
    } catch (error) {
      if (!this.#isClosed) this.timed.retry(key, retryInterval);
      if (!this.#isFailing)
        reportCallbackError(channels.callbackError, `sweep of cache ${this.#name.name}`, error, {
          ...this.#name,
          key,
        });
      this.#isFailing = true;
    } finally {
      this.#sweeping--;
      this.#sweep();
    }
  }
}
