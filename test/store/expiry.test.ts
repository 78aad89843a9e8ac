import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { waitFor } from "../../src/testing/wait-for.js";
import type { Broker } from "../helpers/brokers/broker.js";
import { describeWith } from "../helpers/brokers/describe-with.js";
import { startRedis, tellRedis } from "../helpers/brokers/servers.js";
import { shortly, StoreNode, type StoreNodeOptions } from "./store-lab.js";

describeWith("redis-server")("entries of a shared store that go by themselves", () => {
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
  /** No sweep while the test runs. */
  const unswept = { adapter: { sweepInterval: 3_600_000 } };

  test("expire once, unread, with what they held, whoever is up", async () => {
    await using a = await fresh({ adapter: { partitions: 3 } });
    {
      await using b = await start({ adapter: { partitions: 3 } });
      const puts = Array.from({ length: 50 }, (_, n) => b.cache.put(`k${n}`, n, { ttl: 50 + n }));
      await Promise.all(puts);
    }
    const events = await a.has(100);
    const expired = events.filter(({ type }) => type === "expired");
    expect(new Set(expired.map(({ previous }) => previous)).size).toBe(50);
    expect(expired.map(({ command }) => command)).toEqual(Array(50).fill("sweep"));
    expect(await a.cache.countAll()).toBe(0);
  });

  test("expire once, however many are due at a time", async () => {
    await using a = await fresh({ adapter: { partitions: 3 } });
    const keys = Array.from({ length: 700 }, (_, n) => `k${n}`);
    await a.cache.putAll(
      keys.map((key, n) => [key, n] as const),
      { ttl: 20 },
    );
    await waitFor(async () => (await a.cache.info()).expirations >= 700, { timeout: 10_000 });
    await a.has(703);
    const expired = a.events.filter(({ type }) => type === "expired").map(shortly);
    expect(expired.sort((one, other) => Number(one[3]) - Number(other[3]))).toEqual(
      keys.map((key, n) => ["expired", key, undefined, n]),
    );
    expect(await a.cache.info()).toMatchObject({ expirations: 700, entries: 0 });
  });

  test("are not served when they are due, also while nobody sweeps", async () => {
    await using a = await fresh(unswept);
    const { cache } = a;
    await cache.put("k", 1, { ttl: 30 });
    const keys = ["k"];
    await waitFor(async () => (await cache.get("k")) === undefined);
    expect(await cache.has("k")).toBe(false);
    expect(await cache.ttl("k")).toBeUndefined();
    expect(await cache.getAll({ keys })).toEqual(new Map());
    expect(await cache.countAll()).toBe(0);
  });

  test.each<[string, (cache: StoreNode["cache"]) => Promise<unknown>, unknown[][]]>([
    ["put", (cache) => cache.put("k", 2), [["inserted", "k", 2, undefined]]],
    ["putNew", (cache) => cache.putNew("k", 2), [["inserted", "k", 2, undefined]]],
    ["replace", (cache) => cache.replace("k", 2), []],
    ["delete", (cache) => cache.delete("k"), []],
    ["take", (cache) => cache.take("k"), []],
    ["touch", (cache) => cache.touch("k"), []],
    ["increment", (cache) => cache.increment("k"), [["inserted", "k", 1, undefined]]],
    ["update", (cache) => cache.update("k", 5, () => 6), [["inserted", "k", 5, undefined]]],
    ["putAll", (cache) => cache.putAll([["k", 2]]), [["inserted", ["k"], { k: 2 }, undefined]]],
    ["deleteAll", (cache) => cache.deleteAll(), []],
  ])("are expired first by %s", async (command, act, after) => {
    await using a = await fresh(unswept);
    await a.cache.put("k", 1, { ttl: 20 });
    await waitFor(async () => (await a.cache.countAll()) === 0);
    await act(a.cache);
    const events = await a.has(2 + after.length);
    expect(events.map(shortly)).toEqual([
      ["inserted", "k", 1, undefined],
      ["expired", "k", undefined, 1],
      ...after,
    ]);
    expect(events[1]?.command).toBe(command);
  });

  test("that the server has evicted are noticed, by writes and by a walk", async () => {
    await using a = await fresh();
    await a.cache.put("written", 1);
    await a.cache.put("walked", 1);
    const tag = `{nebulex:${a.cache.name}:${a.cache.name}:0}`;
    await tellRedis(redis, `DEL ${tag}:e:swritten ${tag}:e:swalked`);
    await a.cache.put("written", 2);
    const events = await a.has(5);
    expect(events.slice(2, 4).map(shortly)).toEqual([
      ["evicted", "written", undefined, undefined],
      ["inserted", "written", 2, undefined],
    ]);
    expect(events[4]).toMatchObject({ type: "evicted", command: "sweep" });
    expect(await a.cache.countAll()).toBe(1);
    expect(await a.cache.info()).toMatchObject({ evictions: 2 });
  });

  test("carry a TTL of the server, so that it may evict them, and never the journal", async () => {
    await using a = await fresh();
    await a.cache.put("k", 1, { ttl: 60_000 });
    await a.cache.put("m", 1);
    const tag = `{nebulex:${a.cache.name}:${a.cache.name}:0}`;
    const ttl = async (key: string): Promise<number> =>
      Number(/^:(-?\d+)/m.exec(await tellRedis(redis, `PTTL ${tag}:${key}`))?.[1]);
    expect(await ttl("e:sk")).toBeGreaterThan(60_000);
    expect(await ttl("e:sm")).toBeGreaterThan(60_000);
    for (const key of ["log", "index", "meta"]) expect(await ttl(key)).toBe(-1);
  });
});
