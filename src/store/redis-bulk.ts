import type { StoreQuery } from "../cache/adapter.js";
import { commands } from "../cache/command.js";
import { sizeOf } from "../cache/store-size.js";
import type { CacheInfo, Ttl } from "../cache/types.js";
import type { Cause } from "../event/event.js";
import { integerOf, listOf, textOf } from "../journal/redis-replies.js";
import { keyOfText } from "../pubsub/key-text.js";
import { monotonicNow } from "../timers.js";
import {
  clearScript,
  countScript,
  putAllScript,
  readAllScript,
  removeAllScript,
} from "./redis-bulk-scripts.js";
import { gone, outcomes } from "./redis-store-scripts.js";
import type { ScriptReply, StoreCore, StorePartition } from "./store-core.js";

/** Keys that a read or a scan takes at once. */
const batchSize = 500;

/** Some entries of one partition, in a command over many. */
interface Group<K> {
  readonly partition: StorePartition;
  readonly keys: K[];
  readonly entries: string[];
  readonly args: (string | Buffer)[];
}

/** An entry as it was read. */
interface Found<K, V> {
  readonly key: K;
  readonly value: V;
  /** Of its last event. */
  readonly position: number;
}

/** The commands of a shared store over many entries. @internal */
export class RedisBulk<K, V> {
  readonly #core: StoreCore<K, V>;

  constructor(core: StoreCore<K, V>) {
    this.#core = core;
  }

  /** Gives whether it did: always, unless `isNew`. */
  async putAll(
    pairs: ReadonlyMap<K, V>,
    ttl: Ttl | undefined,
    isNew: boolean,
    cause: Cause,
  ): Promise<boolean> {
    const core = this.#core;
    // All are encoded before anything is sent.
    const groups = this.#groups(pairs.keys(), (key) => core.encode(pairs.get(key) as V));
    const more = [core.ttlArgument(ttl), isNew ? "1" : ""];
    if (isNew && core.calls.isCluster && groups.length > 1) {
      // One step a partition: what is there already is looked for first.
      const found = await this.#readKeys(pairs.keys());
      if (found.length > 0) return false;
    }
    const all = await this.#runOn(putAllScript, groups, more, cause, (step) => {
      if (step.outcome === outcomes.nothing) return;
      core.counts.writes += step.counts.first + step.counts.second;
      this.#reportStored(step.keys, pairs, step.rows, cause);
    });
    return !all.includes(outcomes.nothing);
  }

  async getAll(query: StoreQuery<K, V>): Promise<Map<K, V>> {
    const core = this.#core;
    const found = new Map<K, V>();
    if (query.kind === "keys") {
      for (const { key, value } of await this.#readKeys(query.keys)) found.set(key, value);
      core.counts.misses += query.keys.size - found.size;
    } else for await (const { key, value } of this.#matching(query)) found.set(key, value);
    core.counts.hits += found.size;
    return found;
  }

  async countAll(query: StoreQuery<K, V>): Promise<number> {
    if (query.kind === "all") return await this.#size();
    if (query.kind === "keys") return (await this.#readKeys(query.keys)).length;
    let count = 0;
    for await (const _ of this.#matching(query)) count++;
    return count;
  }

  async *stream(query: StoreQuery<K, V>): AsyncIterable<[K, V]> {
    for await (const { key, value } of this.#matching(query)) yield [key, value];
  }

  async info(): Promise<CacheInfo> {
    const { counts, near } = this.#core;
    const known = { ...counts, ...(await sizeOf(() => this.#size())) };
    return near === undefined ? known : { ...known, near: near.info() };
  }

  async deleteAll(query: StoreQuery<K, V>, cause: Cause): Promise<number> {
    switch (query.kind) {
      case "keys":
        return await this.#removeKeys(query.keys, () => "", cause);
      case "where":
        return await this.#removeWhere(query, cause);
      case "prefix":
      case "all": {
        const { partitions, sink } = this.#core;
        let left = partitions.length;
        let sum = 0;
        const cleared = (count: number, isLast: boolean): void => {
          sum += count;
          if (isLast) left--;
          // With the last reply, so that it is in the order of the changes.
          if (isLast && left === 0 && sink.active && (sum > 0 || isAlways(cause)))
            sink.query("deleted", cause, query.kind === "all" ? null : { prefix: query.prefix });
        };
        await Promise.all(
          partitions.map((partition) => this.#clear(partition, query, cause, cleared)),
        );
        return sum;
      }
    }
  }

  async #size(): Promise<number> {
    const core = this.#core;
    const sizes = core.partitions.map(async ({ keys }) => {
      const sentAt = monotonicNow();
      const reply = await core.calls.run(countScript, [keys[2]], [], false, false);
      const [time, size] = listOf(reply, "a size");
      core.time.read(integerOf(time, "the time"), sentAt);
      return integerOf(size, "a size");
    });
    return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
  }

  async #removeKeys(
    keys: Iterable<K>,
    positionOf: (key: K) => string,
    cause: Cause,
  ): Promise<number> {
    const groups = this.#groups(keys, positionOf);
    const always = isAlways(cause) ? "1" : "";
    let removed = 0;
    await this.#runOn(removeAllScript, groups, [always], cause, ({ keys: all, counts, rows }) => {
      removed += counts.first;
      this.#reportRemoved(all, rows, always !== "", cause);
    });
    this.#core.counts.deletions += removed;
    return removed;
  }

  /** In steps: entries that have changed since they were read stay. */
  async #removeWhere(query: StoreQuery<K, V>, cause: Cause): Promise<number> {
    let removed = 0;
    let batch = new Map<K, string>();
    const remove = async (): Promise<void> => {
      const positions = batch;
      batch = new Map();
      if (positions.size > 0)
        removed += await this.#removeKeys(
          positions.keys(),
          (key) => positions.get(key) as string,
          cause,
        );
    };
    const all: Found<K, V>[] = [];
    // Nothing is removed before all have been picked: `where` may throw.
    for await (const found of this.#matching(query)) all.push(found);
    for (const { key, position } of all) {
      batch.set(key, String(position));
      if (batch.size === batchSize) await remove();
    }
    await remove();
    return removed;
  }

  /** @param cleared called with how many entries went in a step, and whether it was the last */
  async #clear(
    partition: StorePartition,
    query: StoreQuery<K, V> & { readonly kind: "all" | "prefix" },
    cause: Cause,
    cleared: (count: number, isLast: boolean) => void,
  ): Promise<void> {
    const core = this.#core;
    const always = isAlways(cause) ? "1" : "";
    const prefix = query.kind === "all" ? "" : `s${query.prefix}`;
    const args = [core.maxEvent, core.wants, always, prefix];
    const done = ({ outcome, rest }: ScriptReply): void => {
      const [count, expired, evicted, rows] = rest;
      const deleted = integerOf(count, "a number");
      core.counts.deletions += deleted;
      core.swept(expired, evicted, rows, cause);
      core.near?.writtenMany(partition.index, Infinity);
      cleared(deleted, outcome === 0);
    };
    for (let outcome = 1; outcome !== 0;) {
      try {
        ({ outcome } = await core.runOn(clearScript, partition, [], cause, args, true, done));
      } catch (error) {
        // It is not known whether anything has changed.
        core.near?.writtenMany(partition.index, Infinity);
        throw error;
      }
      if (outcome !== outcomes.conflict) continue;
      cleared(await this.#clearLarge(partition, query, cause), true);
      return;
    }
  }

  /** By the keys that a scan finds. */
  async #clearLarge(
    partition: StorePartition,
    query: StoreQuery<K, V>,
    cause: Cause,
  ): Promise<number> {
    let removed = 0;
    for await (const keys of this.#scan(partition, query))
      removed += await this.#removeKeys(keys, () => "", cause);
    return removed;
  }

  async *#matching(query: StoreQuery<K, V>): AsyncIterable<Found<K, V>> {
    if (query.kind === "keys") {
      yield* await this.#readKeys(query.keys);
      return;
    }
    for (const partition of this.#core.partitions)
      for await (const keys of this.#scan(partition, query))
        for (const found of await this.#readKeys(keys))
          if (query.kind !== "where" || query.where(found.key, found.value)) yield found;
  }

  /** The keys that may match, each once. */
  async *#scan(partition: StorePartition, query: StoreQuery<K, V>): AsyncIterable<K[]> {
    const { calls } = this.#core;
    const index = partition.keys[2];
    const prefix = query.kind === "prefix" ? `s${query.prefix}` : "";
    const seen = new Set<string>();
    let cursor = "0";
    do {
      const command = ["ZSCAN", index, cursor, "COUNT", String(batchSize)];
      const [next, flat] = listOf(await calls.send(index, command, false, false), "a scan");
      cursor = textOf(next);
      const members = listOf(flat, "a scan");
      const keys: K[] = [];
      for (let at = 0; at < members.length; at += 2) {
        const member = textOf(members[at]);
        if (!member.startsWith(prefix) || seen.has(member)) continue;
        seen.add(member);
        keys.push(keyOfText(member) as K);
      }
      for (let at = 0; at < keys.length; at += batchSize) yield keys.slice(at, at + batchSize);
    } while (cursor !== "0");
  }

  async #readKeys(keys: Iterable<K>): Promise<Found<K, V>[]> {
    const core = this.#core;
    const found: Found<K, V>[] = [];
    const readGroup = async (group: Group<K>, from: number): Promise<void> => {
      const entries = group.entries.slice(from, from + batchSize);
      const sentAt = monotonicNow();
      const reply = await core.calls.run(readAllScript, entries, [], true, false);
      const [time, ...all] = listOf(reply, "entries");
      core.time.read(integerOf(time, "the time"), sentAt);
      all.forEach((entry, at) => {
        if (!Buffer.isBuffer(entry)) return;
        const position = entry.readDoubleBE(8);
        found.push({ key: group.keys[from + at] as K, value: core.decode(entry), position });
      });
    };
    const reads: Promise<void>[] = [];
    for (const group of this.#groups(keys, () => ""))
      for (let from = 0; from < group.keys.length; from += batchSize)
        reads.push(readGroup(group, from));
    await Promise.all(reads);
    return found;
  }

  /**
   * Runs a script on all groups: at once on one server, one after the other in a cluster.
   *
   * @param done called with each reply before anything else that waits for it
   * @returns the outcomes
   */
  async #runOn(
    script: typeof putAllScript,
    groups: readonly Group<K>[],
    more: readonly string[],
    cause: Cause,
    done: (step: Step<K>) => void,
  ): Promise<number[]> {
    const core = this.#core;
    if (groups.length === 0) return [];
    const steps = core.calls.isCluster ? groups.map((group) => [group]) : [groups];
    const run = async (step: readonly Group<K>[]) => {
      const sentAt = monotonicNow();
      const args = [
        ...core.head(cause),
        core.maxEvent,
        core.wants,
        String(step.length),
        ...step.map(({ keys }) => String(keys.length)),
        ...more,
        ...step.flatMap((group) => group.args),
      ];
      const keys = step.flatMap(({ partition, entries }) => [...partition.keys, ...entries]);
      let reply: readonly unknown[];
      try {
        reply = listOf(await core.calls.run(script, keys, args, true), "a reply");
      } finally {
        this.#written(step);
      }
      const [time, outcome, first = 0, second = 0, expired = 0, evicted = 0, trims, rows] = reply;
      core.time.read(integerOf(time, "the time"), sentAt);
      core.counts.expirations += integerOf(expired, "a number");
      core.counts.evictions += integerOf(evicted, "a number");
      if (Array.isArray(trims))
        trims.forEach((trim, at) => {
          if (trim === 1) core.trim((step[at] as Group<K>).partition);
        });
      const result = integerOf(outcome, "an outcome");
      done({
        keys: step.flatMap((part) => part.keys),
        outcome: result,
        counts: { first: integerOf(first, "a number"), second: integerOf(second, "a number") },
        rows: Array.isArray(rows) ? (rows as unknown[]) : [],
      });
      return result;
    };
    return await Promise.all(steps.map(run));
  }

  #written(groups: readonly Group<K>[]): void {
    const core = this.#core;
    if (core.near === undefined) return;
    for (const { partition, entries } of groups)
      core.written(core.near, partition, entries, Infinity);
  }

  #groups(keys: Iterable<K>, argument: (key: K) => string | Buffer): Group<K>[] {
    const groups = new Map<number, Group<K>>();
    for (const key of keys) {
      const { partition, entry } = this.#core.place(key);
      let group = groups.get(partition.index);
      if (group === undefined) {
        group = { partition, keys: [], entries: [], args: [] };
        groups.set(partition.index, group);
      }
      group.keys.push(key);
      group.entries.push(entry);
      group.args.push(argument(key));
    }
    return [...groups.values()];
  }

  /** `rows`: for each key what it was, what was missing, and what was there. */
  #reportStored(
    keys: readonly K[],
    pairs: ReadonlyMap<K, V>,
    rows: readonly unknown[],
    cause: Cause,
  ): void {
    const core = this.#core;
    const { sink } = core;
    if (!sink.active || rows.length === 0) return;
    const stored = new Map<K, V>();
    const replaced = new Map<K, V>();
    const previous = new Map<K, V>();
    sink.hold();
    keys.forEach((key, at) => {
      const [kind, how, bytes] = rows.slice(3 * at, 3 * at + 3);
      const value = pairs.get(key) as V;
      if (kind === 1) {
        replaced.set(key, value);
        previous.set(key, core.previous(bytes) as V);
      } else {
        stored.set(key, value);
        if (how !== gone.nothing)
          core.emit(how as number, cause, key, undefined, core.previous(bytes));
      }
    });
    if (stored.size > 0) sink.entries("inserted", cause, [...stored.keys()], stored, undefined);
    if (replaced.size > 0) sink.entries("updated", cause, [...replaced.keys()], replaced, previous);
    sink.release();
  }

  #reportRemoved(
    keys: readonly K[],
    rows: readonly unknown[],
    isAlways: boolean,
    cause: Cause,
  ): void {
    const core = this.#core;
    const { sink } = core;
    if (!sink.active || rows.length === 0) return;
    const removed: K[] = [];
    const previous = new Map<K, V>();
    sink.hold();
    keys.forEach((key, at) => {
      const [kind, how, bytes] = rows.slice(3 * at, 3 * at + 3);
      if (how !== gone.nothing)
        core.emit(how as number, cause, key, undefined, core.previous(bytes));
      if (kind === 2) previous.set(key, core.previous(bytes) as V);
      if (kind === 2 || isAlways) removed.push(key);
    });
    if (removed.length > 0) sink.entries("deleted", cause, removed, undefined, previous);
    sink.release();
  }
}

/** What a script has done to the entries of some groups. */
interface Step<K> {
  readonly keys: readonly K[];
  readonly outcome: number;
  readonly counts: { readonly first: number; readonly second: number };
  readonly rows: readonly unknown[];
}

/** Whether an event is made also where there was nothing. */
function isAlways({ command }: Cause): boolean {
  return command === commands.invalidateAll.name;
}
