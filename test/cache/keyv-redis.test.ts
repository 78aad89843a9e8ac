import { afterAll, beforeAll, expect, test } from "@jest/globals";
import KeyvRedis from "@keyv/redis";
import { Keyv } from "keyv";
import { keyvAdapter } from "../../src/keyv.js";
import { storeConformance } from "../../src/testing.js";
import type { Broker } from "../helpers/brokers/broker.js";
import { describeWith } from "../helpers/brokers/describe-with.js";
import { startRedis } from "../helpers/brokers/servers.js";

describeWith("redis-server")("keyvAdapter over @keyv/redis", () => {
  let broker: Broker;
  const opened: Keyv[] = [];
  beforeAll(async () => {
    broker = await startRedis();
  });
  afterAll(async () => {
    await Promise.all(opened.map((keyv) => keyv.disconnect()));
    await broker.stop();
  });

  const cases = storeConformance({
    timeout: 25_000,
    create: ({ name }) => {
      const store = new KeyvRedis(`redis://${broker.host}:${broker.port}`, { throwOnErrors: true });
      const keyv = new Keyv({ namespace: name, store, throwOnErrors: true });
      opened.push(keyv);
      return keyvAdapter(keyv, { sweepInterval: 50 });
    },
  });

  test.each(cases)("$name", async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});
