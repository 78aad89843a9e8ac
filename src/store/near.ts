import { type Clock, setBackgroundTimeout, type TimerHandle } from "../clock.js";
import type { NearInfo } from "../cache/types.js";
import { readChanged } from "../cluster/change-entry.js";
import type { JournalEngine, StoredEntry, StreamName, Tail } from "../journal/engine.js";
import type { JournalPort } from "../journal/types.js";
import type { Milliseconds } from "../options.js";
import { type Measurements, type MetricSource, removeSource } from "../telemetry/metrics.js";
import { observe } from "../telemetry/open-telemetry.js";
import { setImmediate } from "../timers.js";
import type { EngineClock } from "./engine-clock.js";
import {
  type AllCopies,
  NearCopies,
  type NearKey,
  nearKey,
  nearKeyOfText,
  type NearRead,
} from "./near-copies.js";

/** Reads of copies between two readings of the clock within one turn of the event loop. */
const readsPerReading = 255;

/** @internal */
export interface NearOptions {
  readonly maxEntries: number;
  readonly ttl: Milliseconds;
  readonly whileDisconnected: "bypass" | "serve";
}

/** What local copies work with. @internal */
export interface NearContext {
  readonly stream: StreamName;
  readonly port: JournalPort;
  readonly clock: Clock;
  readonly time: EngineClock;
  readonly partitions: number;
}

/**
 * Local copies in front of a shared store. The journal's tail removes those whose entries change. As
 * long as it is not certain that the tail has brought all that was written up to one heartbeat ago,
 * copies are not served, unless that is wanted.
 *
 * @internal
 */
export class Near implements MetricSource {
  readonly #context: NearContext;
  readonly #isServing: boolean;
  readonly #partitions: NearPartition[];
  readonly #all: AllCopies = new Map();
  readonly #stopWatching: () => void;
  #timer: TimerHandle;
  #time: Milliseconds = -Infinity;
  /** For how many reads the time is good. */
  #readings = 0;
  #isForgetting = false;
  #isClosed = false;
  #hits = 0;
  #misses = 0;

  constructor(context: NearContext, options: NearOptions) {
    this.#context = context;
    this.#isServing = options.whileDisconnected === "serve";
    const { partitions, port } = context;
    this.#partitions = Array.from({ length: partitions }, (_, index) => {
      const copies = new NearCopies(context.time, options.maxEntries, options.ttl, this.#all);
      return new NearPartition(context, index, copies);
    });
    this.#stopWatching = port.onStatus(() => this.#check());
    this.#check();
    this.#schedule();
    observe(this);
  }

  close(): void {
    this.#isClosed = true;
    this.#context.clock.clearTimeout(this.#timer);
    this.#stopWatching();
    for (const partition of this.#partitions) partition.close();
    this.#all.clear();
    removeSource(this);
  }

  /** Settles when the tails are read, or can't be for now. */
  async begun(): Promise<void> {
    await Promise.all(this.#partitions.map((partition) => partition.check()));
  }

  info(): NearInfo {
    let [entries, invalidations] = [0, 0];
    for (const { copies, invalidated } of this.#partitions) {
      entries += copies.size;
      invalidations += invalidated;
    }
    return { hits: this.#hits, misses: this.#misses, invalidations, entries };
  }

  measure(into: Measurements): void {
    const { cache, name } = this.#context.stream;
    const info = this.info();
    into.add("nebulex.cache.near.hits", info.hits, { cache, name });
    into.add("nebulex.cache.near.misses", info.misses, { cache, name });
    into.add("nebulex.cache.near.invalidations", info.invalidations, { cache, name });
    into.add("nebulex.cache.near.entries", info.entries, { cache, name });
  }

  /** What an entry's key is kept under. */
  keyOf(key: unknown): NearKey {
    return nearKey(key);
  }

  get(key: NearKey): { readonly value: unknown } | undefined {
    const copy = this.#all.get(key);
    if (copy !== undefined) {
      const { of } = copy;
      const isFresh = this.#now() <= of.freshUntil;
      if ((isFresh || this.#isServing) && of.uses(copy, isFresh ? undefined : Infinity)) {
        this.#hits++;
        return copy;
      }
    }
    this.#misses++;
    return undefined;
  }

  /** As `begin`, before an entry is written: undefined where there is no copy that is to be renewed. */
  beginRenewal(index: number, key: NearKey): NearRead | undefined {
    return (this.#partitions[index] as NearPartition).copies.has(key)
      ? this.begin(index)
      : undefined;
  }

  /** The time, which is read once in a turn of the event loop, and in a long one now and then. */
  #now(): Milliseconds {
    if (this.#readings-- > 0) return this.#time;
    this.#readings = readsPerReading;
    this.#time = this.#context.clock.now();
    if (!this.#isForgetting) {
      this.#isForgetting = true;
      setImmediate(this.#forget);
    }
    return this.#time;
  }

  readonly #forget = (): void => {
    this.#isForgetting = false;
    this.#readings = 0;
  };

  /** To be called before an entry is read, and `end` when that has ended. */
  begin(index: number): NearRead | undefined {
    const { isReading, copies } = this.#partitions[index] as NearPartition;
    return isReading ? copies.begin() : undefined;
  }

  keep(
    index: number,
    read: NearRead,
    key: NearKey,
    value: unknown,
    position: number,
    deadline: Milliseconds,
  ): void {
    (this.#partitions[index] as NearPartition).copies.keep(read, key, value, position, deadline);
  }

  end(index: number, read: NearRead): void {
    (this.#partitions[index] as NearPartition).copies.end(read);
  }

  /**
   * This process has changed an entry.
   *
   * @param position of the event; Infinity: it is not known whether there is one
   */
  written(index: number, key: NearKey, position: number): void {
    (this.#partitions[index] as NearPartition).changed(key, position);
  }

  /** This process may have changed many entries. */
  writtenMany(index: number, position: number): void {
    (this.#partitions[index] as NearPartition).copies.queryChanged(undefined, position);
  }

  #schedule(): void {
    const { clock, port } = this.#context;
    const next = (): void => {
      this.#check();
      if (!this.#isClosed) this.#schedule();
    };
    this.#timer = setBackgroundTimeout(clock, next, port.heartbeat / 3);
  }

  #check(): void {
    for (const partition of this.#partitions) void partition.check();
  }
}

/** The copies of one partition, and the tail that removes them. */
class NearPartition {
  readonly copies: NearCopies;
  invalidated = 0;
  readonly #context: NearContext;
  readonly #index: number;
  #generation: string | undefined;
  #next = 0;
  #engine: JournalEngine | undefined;
  #tail: Tail | undefined;
  /** The end of the journal at a time, which has not been read yet. */
  #ends: { readonly next: number; readonly at: Milliseconds }[] = [];
  #isChecking = false;
  #isClosed = false;

  constructor(context: NearContext, index: number, copies: NearCopies) {
    this.#context = context;
    this.#index = index;
    this.copies = copies;
  }

  /** Whether what is read now may be kept. */
  get isReading(): boolean {
    return this.#tail !== undefined;
  }

  close(): void {
    this.#isClosed = true;
    this.#tail?.close();
    this.copies.clear();
  }

  changed(key: NearKey, position: number): void {
    if (this.copies.changed(key, position)) this.invalidated++;
  }

  /** Asks where the journal ends: what the tail has read then is fresh. */
  async check(): Promise<void> {
    const { port, clock, stream } = this.#context;
    if (this.#isClosed || this.#isChecking || port.status !== "connected") return;
    this.#isChecking = true;
    const at = clock.now();
    try {
      const engine = port.engine();
      const name = { ...stream, partition: this.#index };
      const { generation, next } = await engine.bounds(name);
      if (this.#isClosed) return;
      const isSame = generation === this.#generation && next >= this.#next;
      if (!isSame || engine !== this.#engine || this.#tail === undefined)
        this.#read(engine, generation, isSame ? this.#next : next);
      this.#ends.push({ next, at });
      this.#refresh();
    } catch {
      // It is called again.
    } finally {
      this.#isChecking = false;
    }
  }

  #read(engine: JournalEngine, generation: string, from: number): void {
    this.#tail?.close();
    // In another generation, and where events are missing, no copy can be trusted.
    if (generation !== this.#generation || from !== this.#next) this.#clear();
    this.#generation = generation;
    this.#engine = engine;
    this.#next = from;
    this.#ends = [];
    const { stream } = this.#context;
    const name = { ...stream, partition: this.#index };
    this.#tail = engine.tail(name, from, {
      entries: (entries) => {
        for (const entry of entries) this.#take(entry);
        this.#refresh();
      },
      astray: () => {
        this.#clear();
        this.#tail = undefined;
        this.copies.freshUntil = -Infinity;
        void this.check();
      },
    });
  }

  #take(entry: StoredEntry): void {
    const { position, count } = entry;
    if (position + count <= this.#next) return;
    if (position > this.#next) this.#clear();
    this.#next = position + count;
    const changed = readChanged(entry.payload);
    if (changed === undefined) this.#clear();
    else if ("keys" in changed)
      for (const text of changed.keys) this.changed(nearKeyOfText(text), position);
    else this.invalidated += this.copies.queryChanged(changed.prefix, position);
  }

  #clear(): void {
    this.invalidated += this.copies.clear();
  }

  #refresh(): void {
    let reached = 0;
    for (const { next, at } of this.#ends) {
      if (next > this.#next) break;
      // A heartbeat after the time up to which all that was written is known to have been read.
      const until = at + this.#context.port.heartbeat;
      this.copies.freshUntil = Math.max(this.copies.freshUntil, until);
      reached++;
    }
    if (reached > 0) this.#ends.splice(0, reached);
    if (this.#ends.length > 64) this.#ends.splice(0, this.#ends.length - 64);
  }
}
