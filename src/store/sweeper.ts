import { randomBytes } from "node:crypto";
import { type Clock, setBackgroundTimeout, type TimerHandle } from "../clock.js";
import { causeOf } from "../event/event.js";
import type { RedisKeys } from "../journal/redis-keys.js";
import { integerOf, listOf, textOf } from "../journal/redis-replies.js";
import type { Milliseconds } from "../options.js";
import { keyOfText } from "../pubsub/key-text.js";
import { monotonicNow } from "../timers.js";
import { dueScript, sweeperScript, sweepScript, walkScript } from "./redis-bulk-scripts.js";
import { gone } from "./redis-store-scripts.js";
import type { StoreCore, StorePartition } from "./store-core.js";

const sweep = causeOf("sweep");
/** Entries of a partition that one step removes at most. */
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
  readonly #lease: string;
  readonly #id = randomBytes(8).toString("hex");
  readonly #walks = new Map<StorePartition, Walk>();
  #timer: TimerHandle;
  #walkedAt: Milliseconds;
  #nextWalk = 0;
  #isClosed = false;

  constructor(core: StoreCore, options: SweeperOptions) {
    this.#core = core;
    this.#options = options;
    this.#lease = options.keys.sweeper(core.stream);
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
    if (!this.#core.calls.isConnected || !(await this.#isSweeper())) return;
    const groups = this.#groups();
    await Promise.all(groups.map((group) => this.#sweepGroup(group)));
    const now = this.#options.clock.now();
    if (now - this.#walkedAt < walkEvery) return;
    this.#walkedAt = now;
    await this.#walk();
  }

  async #isSweeper(): Promise<boolean> {
    const { calls, time } = this.#core;
    const sentAt = monotonicNow();
    const args = [this.#id, String(Math.ceil(2 * this.#options.interval))];
    const reply = await calls.run(sweeperScript, [this.#lease], args, false, false);
    const [now, isOwn] = listOf(reply, "a sweeper");
    time.read(integerOf(now, "the time"), sentAt);
    return isOwn === 1;
  }

  /** Partitions whose keys one script may take. */
  #groups(): (readonly StorePartition[])[] {
    const { partitions, calls } = this.#core;
    const size = calls.isCluster ? 1 : groupSize;
    const groups: (readonly StorePartition[])[] = [];
    for (let from = 0; from < partitions.length; from += size)
      groups.push(partitions.slice(from, from + size));
    return groups;
  }

  async #sweepGroup(group: readonly StorePartition[]): Promise<void> {
    const [first] = group as readonly [StorePartition];
    if (group.length === 1) return this.#sweep(first);
    const indexes = group.map(({ keys }) => keys[2]);
    const due = listOf(
      await this.#core.calls.run(dueScript, indexes, [], false, false),
      "what is due",
    );
    await Promise.all(group.filter((_, at) => due[at] === 1).map((it) => this.#sweep(it)));
  }

  async #sweep(partition: StorePartition): Promise<void> {
    const core = this.#core;
    for (let isMore = true; isMore && !this.#isClosed;) {
      const args = [core.maxEvent, core.wants, String(maxDue)];
      const { outcome, rest } = await core.runOn(sweepScript, partition, [], sweep, args, false);
      const [expired, evicted, rows] = rest;
      core.swept(expired, evicted, rows, sweep);
      isMore = outcome === 1;
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
  #known: number | undefined;
  #isWhole = false;

  evictions(count: number): void {
    if (this.#known !== undefined && count > this.#known) {
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
