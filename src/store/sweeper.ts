import { randomBytes } from "node:crypto";
import { type Clock, setBackgroundTimeout, type TimerHandle } from "../clock.js";
import { causeOf } from "../event/event.js";
import type { RedisKeys } from "../journal/redis-keys.js";
import { integerOf, listOf, textOf } from "../journal/redis-replies.js";
import type { Milliseconds } from "../options.js";
import { keyOfText } from "../pubsub/key-text.js";
import { monotonicNow } from "../timers.js";
import { sweeperScript, sweepScript, walkScript } from "./redis-bulk-scripts.js";
import { gone } from "./redis-store-scripts.js";
import type { StoreCore, StorePartition } from "./store-core.js";

const sweep = causeOf("sweep");
/** Entries that one step removes at most. */
const maxDue = 200;
/** Entries that are looked at in a step of the walk: usually, and when the server has evicted some. */
const strides = { slow: 64, fast: 1000 } as const;
/** Between two steps of the walk. */
const walkEvery: Milliseconds = 1000;

/** Partitions that are looked at in one step. */
const groupSize = 64;

/** @internal */
export interface SweeperOptions {
  readonly clock: Clock;
  readonly interval: Milliseconds;
  readonly keys: RedisKeys;
}

/**
 * Removes what is due, and notices what the server has evicted. Of all processes one does it at a
 * time: the others ask whether it still does. Nothing depends on that: each removal is one step of
 * the engine, whoever does it.
 *
 * @internal
 */
export class Sweeper {
  readonly #core: StoreCore;
  readonly #options: SweeperOptions;
  readonly #leaseKey: string;
  readonly #id = randomBytes(8).toString("hex");
  readonly #walks = new Map<StorePartition, Walk>();
  #timer: TimerHandle;
  #walkedAt: Milliseconds;
  #nextWalk = 0;
  /** Whether it was the one that sweeps when it asked last. */
  #isSweeper = false;
  #isClosed = false;

  constructor(core: StoreCore, options: SweeperOptions) {
    this.#core = core;
    this.#options = options;
    this.#leaseKey = options.keys.sweeper(core.stream);
    this.#walkedAt = options.clock.now();
    this.#schedule();
  }

  close(): void {
    this.#isClosed = true;
    this.#options.clock.clearTimeout(this.#timer);
  }

  #schedule(): void {
    const { clock, interval } = this.#options;
    const next = (): void => {
      if (!this.#isClosed) this.#schedule();
    };
    // What fails is done the next time, or by another process.
    this.#timer = setBackgroundTimeout(clock, () => void this.#tick().then(next, next), interval);
  }

  async #tick(): Promise<void> {
    if (!this.#core.calls.isConnected) return;
    const leased = this.#lease();
    // The one that swept the last time sweeps while it asks, in one round trip.
    const isAhead = this.#isSweeper;
    [this.#isSweeper] = await Promise.all([leased, isAhead ? this.#sweep() : undefined]);
    if (!this.#isSweeper) return;
    if (!isAhead) await this.#sweep();
    const now = this.#options.clock.now();
    if (now - this.#walkedAt < walkEvery) return;
    this.#walkedAt = now;
    await this.#walk();
  }

  /** Asks to be the one that sweeps. */
  async #lease(): Promise<boolean> {
    const { calls, time } = this.#core;
    const sentAt = monotonicNow();
    const args = [this.#id, String(Math.ceil(2 * this.#options.interval))];
    const reply = await calls.run(sweeperScript, [this.#leaseKey], args, false, false);
    const [now, isOwn] = listOf(reply, "a sweeper");
    time.read(integerOf(now, "the time"), sentAt);
    return isOwn === 1;
  }

  /** Removes all that is due. */
  async #sweep(): Promise<void> {
    const { partitions, calls } = this.#core;
    // Partitions whose keys one script may take.
    const size = calls.isCluster ? 1 : groupSize;
    const steps: Promise<void>[] = [];
    for (let from = 0; from < partitions.length; from += size)
      steps.push(this.#sweepGroup(partitions.slice(from, from + size)));
    await Promise.all(steps);
  }

  async #sweepGroup(group: readonly StorePartition[]): Promise<void> {
    const core = this.#core;
    const keys = group.flatMap((partition) => partition.keys);
    for (let isMore = true; isMore && !this.#isClosed;) {
      const sentAt = monotonicNow();
      const args = [...core.head(sweep), core.wants, String(maxDue)];
      const reply = await core.calls.run(sweepScript, keys, args, true, false);
      const [time, more, expired, evicted, trims, rows] = listOf(reply, "a sweep");
      core.time.read(integerOf(time, "the time"), sentAt);
      core.swept(expired, evicted, rows, sweep);
      listOf(trims, "a sweep").forEach((trim, at) => {
        if (trim === 1) core.trim(group[at] as StorePartition);
      });
      isMore = more === 1;
      if (!isMore || group.length === 1) continue;
      // That much at a time of each.
      await Promise.all(group.map((partition) => this.#sweepGroup([partition])));
      return;
    }
  }

  async #walk(): Promise<void> {
    const { partitions } = this.#core;
    const count = Math.min(partitions.length, groupSize);
    const chosen = Array.from(
      { length: count },
      (_, at) => partitions[(this.#nextWalk + at) % partitions.length] as StorePartition,
    );
    this.#nextWalk = (this.#nextWalk + count) % partitions.length;
    await Promise.all(chosen.map((partition) => this.#walkOn(partition)));
  }

  async #walkOn(partition: StorePartition): Promise<void> {
    const core = this.#core;
    const [, , index] = partition.keys;
    let walk = this.#walks.get(partition);
    if (walk === undefined) this.#walks.set(partition, (walk = new Walk()));
    // Not every user may ask for it: then the walk is slow.
    const info = await core.calls.send(index, ["INFO", "stats"], false, false).catch(() => "");
    const [, evicted] = /^evicted_keys:(\d+)/m.exec(textOf(info)) ?? [];
    if (evicted !== undefined) walk.evictions(Number(evicted));
    do {
      const stride = walk.isFast ? strides.fast : strides.slow;
      const args = [core.maxEvent, core.wants, walk.cursor, String(stride)];
      const { outcome, rest } = await core.runOn(walkScript, partition, [], sweep, args, false);
      const [cursor, keys] = rest;
      walk.moveTo(textOf(cursor));
      core.counts.evictions += outcome;
      if (core.sink.active)
        for (const key of listOf(keys, "keys"))
          core.emit(gone.evicted, sweep, keyOfText(textOf(key)), undefined, undefined);
    } while (walk.isFast && !this.#isClosed);
  }
}

/** How far the walk through the keys of a partition is. */
class Walk {
  cursor = "0";
  /** Whether the server has evicted keys: then all are looked at. */
  isFast = false;
  /** What the server had evicted at the last look; before the first one, any of it may be news. */
  #known = 0;
  #isWhole = false;

  evictions(count: number): void {
    if (count > this.#known) {
      this.isFast = true;
      // What was evicted may lie behind the cursor.
      this.#isWhole = this.cursor === "0";
    }
    this.#known = count;
  }

  moveTo(cursor: string): void {
    this.cursor = cursor;
    if (cursor !== "0") return;
    if (this.#isWhole) this.isFast = false;
    this.#isWhole = true;
  }
}
