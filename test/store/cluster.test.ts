import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { waitFor } from "../../src/testing/wait-for.js";
import type { Broker } from "../helpers/brokers/broker.js";
import { describeWith } from "../helpers/brokers/describe-with.js";
import { startRedis, startRedisCluster, tellRedis } from "../helpers/brokers/servers.js";
import { recordWarnings } from "../helpers/warnings.js";
import { StoreNode } from "./store-lab.js";

describeWith("redis-server")("a shared store", () => {
  const warnings = recordWarnings();
  let brokers: readonly Broker[];
  beforeAll(async () => void (brokers = await startRedisCluster(2)), 60_000);
  afterAll(async () => void (await Promise.all(brokers.map((it) => it[Symbol.asyncDispose]()))));

  const start = (): Promise<StoreNode> =>
    StoreNode.start({
      journal: { rootNodes: brokers.map(({ port }) => ({ url: `redis://127.0.0.1:${port}` })) },
      adapter: { partitions: 8 },
    });

  test("in a Redis Cluster has each partition in one slot", async () => {
    await using a = await start();
    await using b = await start();
    const pairs = Array.from({ length: 40 }, (_, n) => [`k${n}`, n] as const);
    await a.cache.putAll(pairs);
    expect(await b.cache.countAll()).toBe(40);
    expect(await b.cache.getAll({ keys: ["k1", "k2"] })).toEqual(
      new Map([
        ["k1", 1],
        ["k2", 2],
      ]),
    );
    expect(
      await b.cache.putNewAll([
        ["new", 1],
        ["k3", 1],
      ]),
    ).toBe(false);
    expect(await a.cache.has("new")).toBe(false);
    await Promise.all(pairs.map(([key]) => b.cache.increment(key)));
    expect(await a.cache.get("k39")).toBe(40);
    expect(await a.cache.deleteAll({ where: (_key, value) => (value as number) <= 20 })).toBe(20);
    await b.cache.put("k1", 1, { ttl: 30 });
    await waitFor(() => a.events.some(({ type }) => type === "expired"));
    expect(await a.cache.fetchOrStore("k1", () => Promise.resolve(5))).toBe(5);
    expect(await b.cache.deleteAll()).toBe(21);
    expect(await a.cache.countAll()).toBe(0);
    const events = a.events.filter(({ target }) => target.kind === "key");
    for (const { metadata } of events) expect(metadata.position).not.toBeNull();
  }, 60_000);

  test("warns of a server that may evict its journal", async () => {
    await using redis = await startRedis();
    await tellRedis(redis, "CONFIG SET maxmemory-policy allkeys-lru");
    await using _a = await StoreNode.start({ journal: { url: `redis://127.0.0.1:${redis.port}` } });
    await waitFor(() => warnings.length > 0);
    expect(warnings.join("\n")).toContain("may evict the journal");
  });
});
