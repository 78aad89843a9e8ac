import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { CacheEntryEvent } from "../../src/index.js";
import { OptionError } from "../../src/index.js";
import { waitFor } from "../../src/testing/wait-for.js";
import type { Broker } from "../helpers/brokers/broker.js";
import { describeWith } from "../helpers/brokers/describe-with.js";
import { startRedis, tellRedis } from "../helpers/brokers/servers.js";
import { shortly, StoreNode, type StoreNodeOptions } from "./store-lab.js";

describeWith("redis-server")("a store on Redis", () => {
  let redis: Broker;
  let caches = 0;
  beforeAll(async () => void (redis = await startRedis()));
  afterAll(() => redis[Symbol.asyncDispose]());

  const start = (options: StoreNodeOptions = {}): Promise<StoreNode> =>
    StoreNode.start({
      cache: `cache${caches}`,
      ...options,
      journal: { url: `redis://127.0.0.1:${redis.port}`, ...options.journal },
    });
  const fresh = (options: StoreNodeOptions = {}): Promise<StoreNode> => {
    caches++;
    return start(options);
  };

  test("has the same entries for all, and all read the events of each", async () => {
    await using a = await fresh({ name: "a" });
    await using b = await start({ name: "b" });
    await a.cache.put("k", 1);
    expect(await b.cache.get("k")).toBe(1);
    await b.cache.put("k", { two: 2 });
    expect(await a.cache.get("k")).toEqual({ two: 2 });
    expect(await a.cache.delete("k")).toBe(true);
    expect(await b.cache.get("k")).toBeUndefined();
    for (const node of [a, b]) {
      const events = await node.has(3);
      expect(events.map(shortly)).toEqual([
        ["inserted", "k", 1, undefined],
        ["updated", "k", { two: 2 }, 1],
        ["deleted", "k", undefined, { two: 2 }],
      ]);
      expect(events.map(({ metadata }) => metadata.node)).toEqual(["a", "b", "a"]);
      expect(events.map(({ metadata }) => metadata.sequence)).toEqual([0, 1, 2]);
      expect(events.map(({ metadata }) => metadata.position)).toEqual([0, 1, 2]);
      expect(node.gaps).toEqual([]);
    }
    const [first] = a.events as [CacheEntryEvent];
    expect(first.command).toBe("put");
    expect(first.metadata.epoch).toMatch(/^[0-9a-f]{16,32}$/);
    expect(Math.abs(first.metadata.timestamp - Date.now())).toBeLessThan(60_000);
  });

  test.each<[string, unknown]>([
    ["a string", "text"],
    ["an empty string", ""],
    ["a number", 12.5],
    ["minus zero", -0],
    ["NaN", NaN],
    ["undefined", undefined],
    ["null", null],
    ["a Date", new Date(5)],
    ["a bigint", 123n],
    ["bytes", new Uint8Array([0, 255])],
    ["a Map", new Map([["a", new Set([1])]])],
    ["a lone surrogate", "\ud800"],
    ["an object", { a: [1, { b: "c" }] }],
  ])("keeps %s as value and as key", async (_what, value) => {
    await using a = await fresh();
    await a.cache.put("key", value);
    expect(await a.cache.get("key")).toEqual(value);
    expect(await a.cache.has("key")).toBe(true);
    await a.cache.put(value, 1);
    expect(await a.cache.get(value)).toBe(1);
    const [first, second] = await a.has(2);
    expect(first?.value).toEqual(value);
    // The two zeros are one key.
    expect(second?.target).toEqual({ kind: "key", key: Object.is(value, -0) ? 0 : value });
  });

  test("tells keys apart by value", async () => {
    await using a = await fresh({ adapter: { partitions: 4 } });
    await a.cache.put({ a: 1, b: 2 }, "x");
    expect(await a.cache.get({ b: 2, a: 1 })).toBe("x");
    await a.cache.put(1, "number");
    await a.cache.put("1", "string");
    await a.cache.put(1n, "bigint");
    expect(await Promise.all([1, "1", 1n].map((key) => a.cache.get(key)))).toEqual([
      "number",
      "string",
      "bigint",
    ]);
  });

  test("putNew, replace, take, fetch, has and ttl do what they say", async () => {
    await using a = await fresh();
    const { cache } = a;
    expect(await cache.replace("k", 0)).toBe(false);
    expect(await cache.putNew("k", 1)).toBe(true);
    expect(await cache.putNew("k", 2)).toBe(false);
    expect(await cache.replace("k", 3)).toBe(true);
    expect(await cache.fetch("k")).toBe(3);
    expect(await cache.ttl("k")).toBeNull();
    expect(await cache.take("k")).toBe(3);
    expect(await cache.take("k")).toBeUndefined();
    expect(await cache.has("k")).toBe(false);
    expect(await cache.ttl("k")).toBeUndefined();
    expect(await cache.delete("k")).toBe(false);
    await expect(cache.fetch("k")).rejects.toThrow("k");
    expect((await a.has(3)).map(shortly)).toEqual([
      ["inserted", "k", 1, undefined],
      ["updated", "k", 3, 1],
      ["deleted", "k", undefined, 3],
    ]);
    expect(a.events.map(({ command }) => command)).toEqual(["putNew", "replace", "take"]);
  });

  test("expire and touch set the TTL; a change of neither is no event", async () => {
    await using a = await fresh();
    const { cache } = a;
    expect(await cache.expire("k", 1000)).toBe(false);
    expect(await cache.touch("k")).toBe(false);
    await cache.put("k", "v");
    expect(await cache.touch("k")).toBe(true);
    expect(await cache.expire("k", null)).toBe(true);
    expect(await cache.expire("k", 60_000)).toBe(true);
    const left = (await cache.ttl("k")) as number;
    expect(left).toBeGreaterThan(50_000);
    expect(left).toBeLessThanOrEqual(60_000);
    expect(await cache.touch("k")).toBe(true);
    expect(await cache.expire("k", null)).toBe(true);
    expect(await cache.ttl("k")).toBeNull();
    expect((await a.has(4)).map(shortly)).toEqual([
      ["inserted", "k", "v", undefined],
      ["updated", "k", "v", "v"],
      ["updated", "k", "v", "v"],
      ["updated", "k", "v", "v"],
    ]);
  });

  test("counts with increment and decrement, and keeps the TTL", async () => {
    await using a = await fresh();
    const { cache } = a;
    await Promise.all(Array.from({ length: 20 }, () => cache.increment("n")));
    expect(await cache.get("n")).toBe(20);
    expect(await cache.increment("n", 0.1)).toBe(20.1);
    expect(await cache.decrement("n", 0.1)).toBe(20.1 - 0.1);
    expect(await cache.increment("m", 2, { default: 40, ttl: 60_000 })).toBe(42);
    expect(await cache.increment("m", 1)).toBe(43);
    expect(await cache.ttl("m")).toBeGreaterThan(50_000);
    await cache.put("text", "x");
    await expect(cache.increment("text")).rejects.toThrow(OptionError);
    await cache.put("large", Number.MAX_VALUE);
    await expect(cache.increment("large", Number.MAX_VALUE)).rejects.toThrow(OptionError);
    expect(await cache.get("large")).toBe(Number.MAX_VALUE);
  });

  test("update computes with what is there, also beside others", async () => {
    await using a = await fresh();
    await using b = await start();
    const add = (node: StoreNode): Promise<unknown> =>
      node.cache.update("list", [1], (list) => [...(list as number[]), 1]);
    await Promise.all(Array.from({ length: 10 }, (_, n) => add(n % 2 === 0 ? a : b)));
    expect(await a.cache.get("list")).toHaveLength(10);
    await a.cache.put("k", 1, { ttl: 60_000 });
    await a.cache.update("k", 0, (value) => (value as number) + 1);
    expect(await a.cache.ttl("k")).toBeGreaterThan(50_000);
    await a.cache.update("k", 0, (value) => (value as number) + 1, { ttl: null });
    expect(await a.cache.ttl("k")).toBeNull();
  });

  test("getOrStore and fetchOrStore store what is missing, as a fill", async () => {
    await using a = await fresh();
    expect(await a.cache.getOrStore("k", () => 1)).toBe(1);
    expect(await a.cache.getOrStore("k", () => 2)).toBe(1);
    expect(await a.cache.fetchOrStore("f", () => Promise.resolve(3))).toBe(3);
    expect(await a.cache.fetchOrStore("f", () => Promise.resolve(4))).toBe(3);
    const events = await a.has(2);
    expect(events.map(shortly)).toEqual([
      ["inserted", "k", 1, undefined],
      ["inserted", "f", 3, undefined],
    ]);
    expect(events.map(({ metadata }) => metadata.fill)).toEqual([true, true]);
    expect(await a.cache.info()).toMatchObject({ hits: 2, misses: 2, writes: 2, entries: 2 });
  });

  test.each([1, 4])("commands over many keys work on all of %d partitions", async (partitions) => {
    await using a = await fresh({ adapter: { partitions } });
    const { cache } = a;
    const pairs = Array.from({ length: 20 }, (_, n) => [`k${n}`, n] as const);
    await cache.put("k0", "old");
    await cache.putAll(pairs);
    expect(
      await cache.putNewAll([
        ["k19", 1],
        ["new", 1],
      ]),
    ).toBe(false);
    expect(await cache.has("new")).toBe(false);
    expect(
      await cache.putNewAll([
        ["a1", 1],
        ["a2", 2],
      ]),
    ).toBe(true);
    expect(await cache.countAll()).toBe(22);
    expect(await cache.countAll({ prefix: "a" })).toBe(2);
    expect(await cache.getAll({ keys: ["k1", "k2", "none"] })).toEqual(
      new Map([
        ["k1", 1],
        ["k2", 2],
      ]),
    );
    const where = (_key: unknown, value: unknown): boolean => (value as number) >= 18;
    expect(new Map(await cache.getAll({ where }))).toEqual(
      new Map([
        ["k18", 18],
        ["k19", 19],
      ]),
    );
    const streamed: unknown[] = [];
    for await (const [key] of cache.stream()) streamed.push(key);
    expect(streamed).toHaveLength(22);
    expect(await cache.deleteAll({ keys: ["k1", "k2", "none"] })).toBe(2);
    expect(await cache.deleteAll({ where })).toBe(2);
    expect(await cache.deleteAll({ prefix: "a" })).toBe(2);
    expect(await cache.deleteAll()).toBe(16);
    expect(await cache.countAll()).toBe(0);
    expect(await cache.getAll()).toEqual(new Map());
    await waitFor(() => replay(a.events).size === 0, { message: "the last event" });
    const puts = a.events.filter(({ command }) => command === "putAll");
    const named = puts.flatMap(({ target }) => (target.kind === "keys" ? target.keys : []));
    expect(new Set(named)).toEqual(new Set(pairs.map(([key]) => key)));
    expect(puts.find(({ type }) => type === "updated")?.previousValues).toEqual(
      new Map([["k0", "old"]]),
    );
    expect(a.events.filter(({ target }) => target.kind === "query")).not.toEqual([]);
  });

  test("a deletion of very many entries goes in steps, each with its events", async () => {
    await using a = await fresh();
    const pairs = Array.from({ length: 5000 }, (_, n) => [`k${n}`, n] as const);
    await a.cache.putAll(pairs);
    await a.cache.put("other", 1);
    expect(await a.cache.deleteAll({ prefix: "k" })).toBe(5000);
    expect(await a.cache.getAll()).toEqual(new Map([["other", 1]]));
    await waitFor(() => replay(a.events).size === 1, { message: "the last event" });
  });

  test("invalidate and invalidateAll make an event in any case", async () => {
    await using a = await fresh({ adapter: { partitions: 2 } });
    expect(await a.cache.invalidate("k")).toBe(false);
    await a.cache.put("k", 1);
    expect(await a.cache.invalidate("k")).toBe(true);
    expect(await a.cache.invalidateAll({ keys: ["none"] })).toBe(0);
    expect(await a.cache.invalidateAll({ prefix: "none" })).toBe(0);
    const events = await a.has(6);
    expect(events.map(({ command }) => command).sort()).toEqual(
      ["invalidate", "invalidate", "invalidateAll", "invalidateAll", "invalidateAll", "put"].sort(),
    );
  });

  test("gives this process's changes to its listeners, from the replies", async () => {
    await using a = await fresh({ stream: false });
    await using b = await start({ stream: false });
    const seen: unknown[] = [];
    a.cache.registerEventListener((event) => void seen.push(shortly(event)));
    await b.cache.put("k", 1);
    await a.cache.put("k", 2);
    await a.cache.putAll([
      ["k", 3],
      ["m", 4],
    ]);
    await a.cache.expire("m", 50_000);
    await a.cache.increment("m");
    await a.cache.delete("k");
    await a.cache.deleteAll();
    expect(seen).toEqual([
      ["updated", "k", 2, 1],
      ["inserted", ["m"], { m: 4 }, undefined],
      ["updated", ["k"], { k: 3 }, { k: 2 }],
      ["updated", "m", 4, 4],
      ["updated", "m", 5, 4],
      ["deleted", "k", undefined, 3],
      ["deleted", null, undefined, undefined],
    ]);
  });

  test("sends its scripts again to a server that has forgotten them", async () => {
    await using a = await fresh();
    await a.cache.put("k", 1);
    await tellRedis(redis, "SCRIPT FLUSH");
    await Promise.all([a.cache.put("k", 2), a.cache.put("k", 3)]);
    expect(await a.cache.get("k")).toBe(3);
  });

  test("keeps the order of commands that are not awaited when the server forgets its scripts", async () => {
    await using a = await fresh();
    const refused = async (): Promise<number> => {
      const stats = await tellRedis(redis, "INFO commandstats");
      return Number(/^cmdstat_evalsha:.*failed_calls=(\d+)/m.exec(stats)?.[1] ?? 0);
    };
    const puts: Promise<void>[] = [];
    const put = (): unknown => puts.push(a.cache.put("k", puts.length));
    for (let round = 0; round < 5; round++) {
      const before = await refused();
      let isFlushed = false;
      void tellRedis(redis, "SCRIPT FLUSH").then(() => (isFlushed = true));
      // Some commands are always on their way.
      for (let left = 10; left > 0; left -= isFlushed ? 1 : 0) {
        for (let n = 0; n < 3; n++) put();
        await new Promise((resolve) => setImmediate(resolve));
      }
      await Promise.all(puts);
      expect(await refused()).toBeGreaterThan(before);
    }
    const events = await a.has(puts.length);
    expect(events.map(({ value }) => value)).toEqual(Array.from(puts.keys()));
  });

  test("refuses keys and values that can't be stored, with nothing changed", async () => {
    await using a = await fresh();
    await expect(a.cache.put("k", () => {})).rejects.toThrow('option "value"');
    await expect(a.cache.put(Symbol("s"), 1)).rejects.toThrow('option "key"');
    await expect(a.cache.put("k", "x".repeat(1_048_577))).rejects.toThrow("1048576 bytes");
    await expect(
      a.cache.putAll([
        ["a", 1],
        ["b", () => {}],
      ]),
    ).rejects.toThrow(OptionError);
    expect(await a.cache.countAll()).toBe(0);
  });
});

/** The entries that events say there are. */
function replay(events: readonly CacheEntryEvent[]): Map<unknown, unknown> {
  const entries = new Map<unknown, unknown>();
  for (const { type, target, value, values } of events) {
    const isStored = type === "inserted" || type === "updated";
    const prefix = target.kind === "query" ? (target.query?.prefix ?? "") : "";
    const keys =
      target.kind === "key"
        ? [target.key]
        : target.kind === "keys"
          ? target.keys
          : [...entries.keys()].filter((key) => String(key).startsWith(prefix));
    for (const key of keys)
      if (isStored) entries.set(key, target.kind === "key" ? value : values?.get(key));
      else entries.delete(key);
  }
  return entries;
}
