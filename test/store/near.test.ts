import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { OptionError } from "../../src/index.js";
import { redisAdapter, redisJournal } from "../../src/redis.js";
import { waitFor } from "../../src/testing/wait-for.js";
import type { Broker } from "../helpers/brokers/broker.js";
import { describeWith } from "../helpers/brokers/describe-with.js";
import { Proxy } from "../helpers/brokers/proxy.js";
import { startRedis, tellRedis } from "../helpers/brokers/servers.js";
import { Collector } from "../telemetry/helpers.js";
import { StoreNode, type StoreNodeOptions } from "./store-lab.js";

const near = { maxEntries: 1000 };

const nearOf = async (node: StoreNode) => (await node.cache.info()).near;

describeWith("redis-server")("local copies in front of a shared store", () => {
  let redis: Broker;
  let caches = 0;
  beforeAll(async () => void (redis = await startRedis()));
  afterAll(() => redis[Symbol.asyncDispose]());

  const start = ({ adapter, journal, ...options }: StoreNodeOptions = {}): Promise<StoreNode> =>
    StoreNode.start({
      cache: `cache${caches}`,
      ...options,
      adapter: { near, ...adapter },
      // Copies are fresh however long a test is held up.
      journal: { url: `redis://127.0.0.1:${redis.port}`, heartbeat: 30_000, ...journal },
    });
  const fresh = (options: StoreNodeOptions = {}): Promise<StoreNode> => {
    caches++;
    return start(options);
  };

  test.each([1, 3])("answer reads, until the entry changes anywhere (%d partitions)", async (n) => {
    await using a = await fresh({ adapter: { partitions: n } });
    await using b = await start({ adapter: { partitions: n } });
    for (const key of ["k", 5, { id: 1 }]) {
      await b.cache.put(key, 1);
      await waitFor(async () => (await a.cache.get(key)) === 1);
      const before = (await nearOf(a))?.hits ?? 0;
      expect(await a.cache.get(key)).toBe(1);
      expect(await a.cache.fetch(key)).toBe(1);
      expect(await a.cache.fetchOrStore(key, () => Promise.resolve(0))).toBe(1);
      await b.cache.put(key, 2);
      await waitFor(async () => (await a.cache.get(key)) === 2);
      expect((await nearOf(a))?.hits).toBeGreaterThanOrEqual(before + 2);
    }
    expect((await nearOf(a))?.invalidations).toBeGreaterThanOrEqual(3);
    expect((await a.cache.info()).hits).toBeGreaterThanOrEqual(12);
  });

  test.each<[string, (cache: StoreNode["cache"]) => Promise<unknown>]>([
    ["delete", (cache) => cache.delete("k")],
    ["putAll", (cache) => cache.putAll([["k", 2]])],
    ["deleteAll of keys", (cache) => cache.deleteAll({ keys: ["k"] })],
    ["deleteAll of a prefix", (cache) => cache.deleteAll({ prefix: "k" })],
    ["deleteAll", (cache) => cache.deleteAll()],
    ["increment", (cache) => cache.increment("k")],
    ["take", (cache) => cache.take("k")],
  ])("go at once by the own %s, and soon by that of others", async (_what, change) => {
    await using a = await fresh();
    await using b = await start();
    for (const writer of [a, b]) {
      await a.cache.put("k", 1);
      expect(await a.cache.get("k")).toBe(1);
      expect(await a.cache.get("k")).toBe(1);
      await change(writer.cache);
      const isGone = async (): Promise<boolean> => (await a.cache.get("k")) !== 1;
      expect(writer === a ? await isGone() : await waitFor(isGone)).toBe(true);
    }
  });

  test("that are there are renewed by the own put, as it was stored", async () => {
    await using a = await fresh();
    await using b = await start();
    await a.cache.put("k", 1);
    // What is not read gets no copy.
    expect(await nearOf(a)).toMatchObject({ entries: 0 });
    expect(await a.cache.get("k")).toBe(1);
    const value = { n: 2 };
    await a.cache.put("k", value);
    value.n = 3;
    const before = await nearOf(a);
    expect(await a.cache.get("k")).toEqual({ n: 2 });
    expect(await nearOf(a)).toMatchObject({
      entries: 1,
      hits: (before?.hits ?? 0) + 1,
      misses: before?.misses,
    });
    // It knows its position: a later change removes it, its own event does not.
    await a.has(2);
    expect(await a.cache.get("k")).toEqual({ n: 2 });
    expect(await nearOf(a)).toMatchObject({ misses: before?.misses });
    await b.cache.put("k", 4);
    await waitFor(async () => (await a.cache.get("k")) === 4);
    await a.cache.put("k", 5, { ttl: 1 });
    await waitFor(async () => (await a.cache.get("k")) === undefined);
  });

  test("are in the metrics, and their hits among those of the cache", async () => {
    await using collector = new Collector();
    await using a = await fresh();
    await a.cache.put("k", 1);
    for (let n = 0; n < 3; n++) await a.cache.get("k");
    await a.cache.get("absent");
    const { entries, near: copies, ...counts } = await a.cache.info();
    expect({ entries, ...counts }).toMatchObject({ entries: 1, hits: 3, misses: 1, writes: 1 });
    const found = (await collector.points())
      .filter(
        ({ metric, attributes }) =>
          metric.startsWith("nebulex.cache.") && attributes["cache"] === a.cache.name,
      )
      .map(({ metric, value }) => [metric.slice("nebulex.cache.".length), value]);
    const nearCounts = Object.entries(copies ?? {}).map(([name, count]) => [`near.${name}`, count]);
    expect(Object.fromEntries(found)).toEqual({ ...counts, ...Object.fromEntries(nearCounts) });
    expect(copies?.hits).toBeGreaterThan(0);
  });

  test("end with the TTL of their entries, and with their own", async () => {
    await using a = await fresh();
    await a.cache.put("k", 1, { ttl: 150 });
    await a.cache.get("k");
    await waitFor(async () => (await a.cache.get("k")) === undefined);
    expect(await a.cache.has("k")).toBe(false);
    await using b = await start({ adapter: { near: { maxEntries: 5, ttl: 1 } } });
    await b.cache.put("m", 1);
    await b.cache.get("m");
    await waitFor(async () => {
      const { misses = 0 } = (await nearOf(b)) ?? {};
      await b.cache.get("m");
      return ((await nearOf(b))?.misses ?? 0) > misses;
    });
  });

  test("are not older than what the stream has brought", async () => {
    await using a = await fresh();
    await using b = await start();
    let stale = 0;
    a.cache.subscribe(async (event) => {
      const seen = event.value as number;
      if (((await a.cache.get("k")) as number) < seen) stale++;
    });
    for (let n = 0; n < 200; n++) {
      await b.cache.put("k", n);
      await a.cache.get("k");
    }
    await waitFor(async () => (await a.cache.get("k")) === 199);
    await a.has(200);
    expect(stale).toBe(0);
  });

  test.each(["bypass", "serve"] as const)(
    "while the journal can't be read: %s",
    async (mode) => {
      await using proxy = await Proxy.start({ host: "127.0.0.1", port: redis.port });
      await using a = await fresh({
        stream: false,
        adapter: { near: { ...near, whileDisconnected: mode } },
        journal: { url: `redis://127.0.0.1:${proxy.port}`, heartbeat: 500 },
      });
      await using b = await start({ stream: false });
      const settles = (step: () => Promise<boolean>): Promise<unknown> =>
        waitFor(() => step().catch(() => false), { timeout: 20_000 });
      const fails = (step: () => Promise<unknown>): Promise<unknown> =>
        waitFor(
          () =>
            step().then(
              () => false,
              () => true,
            ),
          { timeout: 20_000 },
        );
      await settles(() => a.cache.put("k", 1).then(() => true));
      await settles(async () => {
        await a.cache.get("k");
        return ((await nearOf(a))?.hits ?? 0) > 0;
      });
      await proxy.refuse();
      await settles(() => b.cache.put("k", 2).then(() => true));
      // What asks the server fails; so do copies, in the end, unless they are to be served.
      await fails(() => (mode === "bypass" ? a.cache.get("k") : a.cache.has("k")));
      const read = await a.cache.get("k").catch(() => "refused");
      expect(read).toBe(mode === "bypass" ? "refused" : 1);
      await proxy.restore();
      await settles(async () => (await a.cache.get("k")) === 2);
    },
    60_000,
  );

  test("go when the server has lost everything", async () => {
    await using own = await startRedis();
    await using a = await StoreNode.start({
      adapter: { near },
      journal: { url: `redis://127.0.0.1:${own.port}`, heartbeat: 300 },
    });
    const settles = (step: () => Promise<boolean>): Promise<unknown> =>
      waitFor(() => step().catch(() => false), { timeout: 20_000 });
    for (let n = 0; n < 5; n++) await settles(() => a.cache.put("k", n).then(() => true));
    await settles(async () => (await a.cache.get("k")) === 4);
    await tellRedis(own, "FLUSHALL");
    await settles(async () => (await a.cache.get("k")) === undefined);
    await settles(() => a.cache.put("k", "new").then(() => true));
    await settles(async () => (await a.cache.get("k")) === "new");
    expect((await nearOf(a))?.invalidations).toBeGreaterThan(0);
  });

  test("take checked options", () => {
    const journal = redisJournal({ url: "redis://127.0.0.1:1" });
    for (const wrong of [
      {},
      { maxEntries: 0 },
      { maxEntries: 1, ttl: 0 },
      { maxEntries: 1, whileDisconnected: "keep" },
      { maxEntries: 1, other: 1 },
      null,
    ])
      expect(() => redisAdapter({ journal, near: wrong as never })).toThrow(OptionError);
  });
});
