import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { redisAdapter, redisJournal } from "../../src/redis.js";
import { storeConformance } from "../../src/testing.js";
import type { Broker } from "../helpers/brokers/broker.js";
import { describeWith } from "../helpers/brokers/describe-with.js";
import { startRedis } from "../helpers/brokers/servers.js";

describeWith("redis-server")("redisAdapter", () => {
  let broker: Broker;
  beforeAll(async () => {
    broker = await startRedis();
  });
  afterAll(() => broker.stop());

  const cases = storeConformance({
    timeout: 25_000,
    create: ({ name }) => {
      const url = `redis://${broker.host}:${broker.port}`;
      const journal = redisJournal({ url, nodeName: name });
      return {
        adapter: redisAdapter({ journal, partitions: 3, commandTimeout: 20_000 }),
        children: [journal],
      };
    },
  });

  test.each(cases)("$name", async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});
