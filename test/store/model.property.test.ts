import assert from "node:assert";
import { isDeepStrictEqual } from "node:util";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import fc, { asyncProperty } from "../helpers/fast-check.js";
import type { CacheEntryEvent } from "../../src/index.js";
import { waitFor } from "../../src/testing/wait-for.js";
import type { Broker } from "../helpers/brokers/broker.js";
import { describeWith } from "../helpers/brokers/describe-with.js";
import { startRedis } from "../helpers/brokers/servers.js";
import { type Store, StoreNode } from "./store-lab.js";

const keys = ["a", "b", "ab", 1] as const;
type Key = (typeof keys)[number];

/** A command, on one of two nodes. */
interface Step {
  readonly node: number;
  readonly name: string;
  /** Whether the next command is not waited for. */
  readonly isOverlapping: boolean;
  run(cache: Store): Promise<unknown>;
}

const key = fc.constantFrom(...keys);
const some = fc.uniqueArray(key, { minLength: 1 });
const value = fc.oneof(
  fc.integer({ min: 0, max: 9 }),
  fc.constant("text"),
  fc.constant({ o: [1] }),
);
const ttl = fc.constantFrom(undefined, undefined, 1, 15, 60_000);

const withTtl = (ms: number | undefined) => (ms === undefined ? {} : { ttl: ms });
const ignoringTypes = (done: Promise<unknown>): Promise<unknown> => done.catch(() => {});

const command: fc.Arbitrary<Pick<Step, "name" | "run">> = fc.oneof(
  fc.tuple(key, value, ttl).map(([k, v, t]) => ({
    name: `put ${k} ${JSON.stringify(v)} ${t}`,
    run: (cache: Store) => cache.put(k, v, withTtl(t)),
  })),
  fc.tuple(key, value, ttl).map(([k, v, t]) => ({
    name: `putNew ${k} ${t}`,
    run: (cache: Store) => cache.putNew(k, v, withTtl(t)),
  })),
  fc.tuple(key, value).map(([k, v]) => ({
    name: `replace ${k}`,
    run: (cache: Store) => cache.replace(k, v),
  })),
  key.map((k) => ({ name: `delete ${k}`, run: (cache: Store) => cache.delete(k) })),
  key.map((k) => ({ name: `take ${k}`, run: (cache: Store) => cache.take(k) })),
  key.map((k) => ({ name: `get ${k}`, run: (cache: Store) => cache.get(k) })),
  key.map((k) => ({ name: `touch ${k}`, run: (cache: Store) => cache.touch(k) })),
  fc.tuple(key, fc.constantFrom(1, 20, null)).map(([k, t]) => ({
    name: `expire ${k} ${t}`,
    run: (cache: Store) => cache.expire(k, t),
  })),
  key.map((k) => ({
    name: `increment ${k}`,
    run: (cache: Store) => ignoringTypes(cache.increment(k)),
  })),
  key.map((k) => ({
    name: `update ${k}`,
    run: (cache: Store) => cache.update(k, 0, (v) => [v].flat().slice(0, 3)),
  })),
  key.map((k) => ({
    name: `fetchOrStore ${k}`,
    run: (cache: Store) => cache.fetchOrStore(k, () => Promise.resolve("loaded"), { ttl: 30 }),
  })),
  fc.tuple(some, value, ttl).map(([ks, v, t]) => ({
    name: `putAll ${ks.join()} ${t}`,
    run: (cache: Store) =>
      cache.putAll(
        ks.map((k) => [k, v] as const),
        withTtl(t),
      ),
  })),
  fc.tuple(some, value).map(([ks, v]) => ({
    name: `putNewAll ${ks.join()}`,
    run: (cache: Store) => cache.putNewAll(ks.map((k) => [k, v] as const)),
  })),
  some.map((ks) => ({
    name: `deleteAll ${ks.join()}`,
    run: (cache: Store) => cache.deleteAll({ keys: ks }),
  })),
  fc
    .constantFrom({ prefix: "a" }, { where: (_k: unknown, v: unknown) => v === "text" }, undefined)
    .map((query) => ({
      name: `deleteAll ${JSON.stringify(query)}`,
      run: (cache: Store) => cache.deleteAll(query),
    })),
  key.map((k) => ({ name: `invalidate ${k}`, run: (cache: Store) => cache.invalidate(k) })),
);

const steps = fc.array(fc.record({ node: fc.nat(1), isOverlapping: fc.boolean(), command }), {
  minLength: 1,
  maxLength: 40,
});

/** What events leave in the store; each has to say exactly what was there before. */
class Replay {
  readonly entries = new Map<unknown, unknown>();
  /** A query's event is about the entries of its partition. */
  readonly #partitions = new Map<unknown, number | null>();

  apply(event: CacheEntryEvent): void {
    const { type, target, value: now, previous, values, previousValues } = event;
    if (target.kind === "query") {
      const prefix = target.query?.prefix;
      for (const k of this.entries.keys())
        if (
          this.#partitions.get(k) === event.metadata.partition &&
          (prefix === undefined || (typeof k === "string" && k.startsWith(prefix)))
        )
          this.entries.delete(k);
      return;
    }
    if (target.kind === "key") this.#change(type, target.key, now, previous, event);
    else
      for (const k of target.keys)
        this.#change(type, k, values?.get(k), previousValues?.get(k), event);
  }

  #change(type: string, k: unknown, now: unknown, before: unknown, event: CacheEntryEvent): void {
    const isEmpty = event.command.startsWith("invalidate") && !this.entries.has(k);
    const isThere = this.entries.has(k) || isEmpty;
    assert.deepStrictEqual([type, isThere], [type, type !== "inserted"]);
    assert.deepStrictEqual(before, this.entries.get(k));
    this.#partitions.set(k, event.metadata.partition);
    if (type === "inserted" || type === "updated") this.entries.set(k, now);
    else this.entries.delete(k);
  }
}

describeWith("redis-server")("a shared store and its events", () => {
  let redis: Broker;
  let nodes: readonly [StoreNode, StoreNode];
  let cache = 0;
  beforeAll(async () => void (redis = await startRedis()));
  afterAll(() => redis[Symbol.asyncDispose]());

  const start = (): Promise<StoreNode> =>
    StoreNode.start({
      cache: `model${cache}`,
      journal: { url: `redis://127.0.0.1:${redis.port}`, heartbeat: 30_000 },
      adapter: { partitions: 2, sweepInterval: 20, near: { maxEntries: 3 } },
    });

  test("say the same: replaying the events gives the entries, whatever two nodes do", async () => {
    await fc.assert(
      asyncProperty(steps, async (all) => {
        cache++;
        nodes = [await start(), await start()];
        const [a, b] = nodes;
        await using _a = a;
        await using _b = b;
        let overlapping: Promise<unknown>[] = [];
        for (const {
          node,
          isOverlapping,
          command: { run },
        } of all) {
          overlapping.push(run((nodes[node] as StoreNode).cache));
          if (isOverlapping) continue;
          await Promise.all(overlapping);
          overlapping = [];
        }
        await Promise.all(overlapping);
        // Behind this event, nothing has a TTL that ends soon.
        await waitFor(async () => {
          const left = await Promise.all(keys.map((k: Key) => a.cache.ttl(k)));
          return left.every((ms) => ms === undefined || ms === null || ms > 10_000);
        });
        for (const node of nodes) {
          // Each event has to fit; when the last has come, the entries are the same.
          await waitFor(
            async () => isDeepStrictEqual(replay(node.events), await node.cache.getAll()),
            { timeout: 10_000, message: "the entries that the events say" },
          );
          expect(node.gaps).toEqual([]);
          for (const k of keys)
            expect(await node.cache.get(k)).toEqual((await a.cache.getAll({ keys: [k] })).get(k));
        }
      }),
      { numRuns: 30, endOnFailure: true },
    );
  }, 120_000);
});

function replay(events: readonly CacheEntryEvent[]): ReadonlyMap<unknown, unknown> {
  const all = new Replay();
  for (const event of events) all.apply(event);
  return all.entries;
}
