import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { RedisEngine } from "../../src/journal/redis-engine.js";
import { resolveRedisJournal } from "../../src/journal/redis-journal.js";
import { journalConformance } from "../../src/testing/journal-conformance.js";
import type { Broker } from "../helpers/brokers/broker.js";
import { describeWith } from "../helpers/brokers/describe-with.js";
import { Proxy } from "../helpers/brokers/proxy.js";
import { startRedis, startRedisCluster, tellRedis } from "../helpers/brokers/servers.js";

const connectionTimeout = 5000;

describeWith("redis-server")("redisJournal", () => {
  let redis: Broker;
  /** More than a case has nodes: each node reaches the server through one of its own. */
  const proxies: Proxy[] = [];
  const proxyOf = new Map<string, Proxy>();
  beforeAll(async () => {
    redis = await startRedis();
    for (let index = 0; index < 8; index++) proxies.push(await Proxy.start(redis));
  });
  afterAll(async () => {
    await Promise.all(proxies.map((proxy) => proxy.refuse()));
    await redis.stop();
  });

  test.each(
    journalConformance({
      create: (context) => {
        const { nodeName } = context;
        const proxy = proxyOf.get(nodeName) ?? proxies[proxyOf.size % proxies.length];
        proxyOf.set(nodeName, proxy as Proxy);
        const url = `redis://127.0.0.1:${proxy?.port}`;
        return new RedisEngine(context, resolveRedisJournal({ url, connectionTimeout }));
      },
      disconnect: (nodeName) => proxyOf.get(nodeName)?.refuse(),
      connect: (nodeName) => proxyOf.get(nodeName)?.restore(),
      flush: async () => void (await tellRedis(redis, "FLUSHALL")),
    }),
  )("$name", async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});

describeWith("redis-server")("redisJournal in a Redis Cluster", () => {
  let brokers: Broker[];
  beforeAll(async () => {
    brokers = await startRedisCluster(3);
  }, 60_000);
  afterAll(async () => {
    await Promise.all(brokers.map((broker) => broker.stop()));
  });

  test.each(
    journalConformance({
      create: (context) => {
        const rootNodes = brokers.map(({ port }) => ({ url: `redis://127.0.0.1:${port}` }));
        return new RedisEngine(context, resolveRedisJournal({ rootNodes, connectionTimeout }));
      },
      flush: async () => {
        await Promise.all(brokers.map((broker) => tellRedis(broker, "FLUSHALL")));
      },
    }),
  )("$name", async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});
