import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { NatsEngine } from "../../src/journal/nats-engine.js";
import { resolveNats } from "../../src/pubsub/nats.js";
import { journalConformance } from "../../src/testing/journal-conformance.js";
import type { Broker } from "../helpers/brokers/broker.js";
import { describeWith } from "../helpers/brokers/describe-with.js";
import { Proxy } from "../helpers/brokers/proxy.js";
import { startNats } from "../helpers/brokers/servers.js";

describeWith("nats-server").each([
  { what: "natsJournal", theirs: false },
  { what: "natsJournal over its user's connections", theirs: true },
])("$what", ({ theirs }) => {
  let broker: Broker;
  let admin: NatsConnection;
  let proxies: Proxy[] = [];
  let connections: NatsConnection[] = [];
  const proxyByNode = new Map<string, Proxy>();
  beforeAll(async () => {
    broker = await startNats({ jetStream: true });
    admin = await connect({ servers: `${broker.host}:${broker.port}` });
    proxies = await Promise.all(Array.from({ length: 6 }, () => Proxy.start(broker)));
    const reconnecting = { maxReconnectAttempts: -1, reconnectTimeWait: 50 };
    connections = await Promise.all(
      proxies.map(({ host, port }) => connect({ servers: `${host}:${port}`, ...reconnecting })),
    );
  });
  afterAll(async () => {
    await Promise.all([admin, ...connections].map((connection) => connection.close()));
    for (const proxy of proxies) await proxy[Symbol.asyncDispose]();
    await broker.stop();
  });

  /** Each node of a case has one of its own. */
  const proxyOf = (nodeName: string): Proxy => {
    const proxy = proxyByNode.get(nodeName) ?? proxies[proxyByNode.size % proxies.length];
    proxyByNode.set(nodeName, proxy as Proxy);
    return proxy as Proxy;
  };
  const cases = journalConformance({
    create: (context) => {
      const proxy = proxyOf(context.nodeName);
      const connection = connections[proxies.indexOf(proxy)] as NatsConnection;
      const servers = `${proxy.host}:${proxy.port}`;
      const dialing = resolveNats(theirs ? { connection } : { servers });
      return new NatsEngine(context, dialing(), 1);
    },
    disconnect: (nodeName) => proxyOf(nodeName).refuse(),
    connect: (nodeName) => proxyOf(nodeName).restore(),
    flush: async () => {
      const { streams } = await jetstreamManager(admin);
      for await (const name of streams.names()) await streams.delete(name);
    },
  });

  test.each(cases)("$name", async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});
