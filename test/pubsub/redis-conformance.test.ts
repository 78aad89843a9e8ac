import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { createCluster } from "redis";
import { redisPubSub } from "../../src/redis.js";
import { pubSubConformance } from "../../src/testing/pubsub-conformance.js";
import type { Broker } from "../helpers/brokers/broker.js";
import { Proxy } from "../helpers/brokers/proxy.js";
import { describeWith } from "../helpers/brokers/describe-with.js";
import { startRedis } from "../helpers/brokers/servers.js";

describeWith("redis-server").each([
  { what: "redisPubSub", cluster: false },
  { what: "redisPubSub with sharded", cluster: true },
])("$what", ({ cluster }) => {
  let broker: Broker;
  let proxy: Proxy;
  beforeAll(async () => {
    broker = await startRedis({ cluster });
    proxy = await Proxy.start(broker);
  });
  afterAll(async () => {
    await proxy[Symbol.asyncDispose]();
    await broker.stop();
  });

  const cases = pubSubConformance({
    create: (options) => {
      const { host, port } = proxy;
      const url = `redis://${host}:${port}`;
      if (!cluster) return redisPubSub({ url, ...options });
      const nodeAddressMap = (): { host: string; port: number } => ({ host, port });
      const client = createCluster({ rootNodes: [{ url }], nodeAddressMap });
      return redisPubSub({ client, sharded: true, ...options });
    },
    interrupt: () => proxy.refuse(),
    restore: () => proxy.restore(),
  });

  test.each(cases)("$name", async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});
