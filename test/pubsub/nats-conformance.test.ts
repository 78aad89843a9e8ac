import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { natsPubSub } from "../../src/nats.js";
import { pubSubConformance } from "../../src/testing/pubsub-conformance.js";
import type { Broker } from "../helpers/brokers/broker.js";
import { Proxy } from "../helpers/brokers/proxy.js";
import { describeWith } from "../helpers/brokers/describe-with.js";
import { startNats } from "../helpers/brokers/servers.js";

describeWith("nats-server").each([
  { what: "natsPubSub", theirs: false },
  { what: "natsPubSub over its user's connections", theirs: true },
])("$what", ({ theirs }) => {
  let broker: Broker;
  let proxy: Proxy;
  let connections: NatsConnection[] = [];
  beforeAll(async () => {
    broker = await startNats();
    proxy = await Proxy.start(broker);
    const servers = `${proxy.host}:${proxy.port}`;
    const options = { servers, maxReconnectAttempts: -1, reconnectTimeWait: 50 };
    const count = theirs ? 4 : 0;
    connections = await Promise.all(Array.from({ length: count }, () => connect(options)));
  });
  afterAll(async () => {
    await Promise.all(connections.map((connection) => connection.close()));
    await proxy[Symbol.asyncDispose]();
    await broker.stop();
  });

  let made = 0;
  const cases = pubSubConformance({
    create: (options) => {
      const connection = connections[made++ % connections.length];
      if (connection !== undefined) return natsPubSub({ connection, ...options });
      return natsPubSub({ servers: `${proxy.host}:${proxy.port}`, ...options });
    },
    interrupt: () => proxy.refuse(),
    restore: () => proxy.restore(),
  });

  test.each(cases)("$name", async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});
