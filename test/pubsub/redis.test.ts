import { test, describe, expect, beforeAll, afterAll } from "@jest/globals";
import { createClient, createCluster } from "redis";
import { resolveRedis } from "../../src/pubsub/redis.js";
import { redisPubSub, type RedisOptions } from "../../src/redis.js";
import { waitFor } from "../../src/testing/wait-for.js";
import { failure } from "../helpers/actors.js";
import type { Broker } from "../helpers/brokers/broker.js";
import { Proxy } from "../helpers/brokers/proxy.js";
import { describeWith } from "../helpers/brokers/describe-with.js";
import { startRedis, tellRedis } from "../helpers/brokers/servers.js";
import { brokerSuite } from "./broker-suite.js";
import { Tapped, thrown } from "./transports.js";

const urlOf = ({ host, port }: { host: string; port: number }, auth = ""): string =>
  `redis://${auth}${host}:${port}`;

describeWith("redis-server")("a transport over Redis", () => {
  brokerSuite({
    start: () => startRedis(),
    settings: (address, connectionTimeout = 5000) =>
      resolveRedis({ url: urlOf(address), connectionTimeout }),
  });
});

describeWith("redis-server")("a transport over Redis by its older protocol", () => {
  let broker: Broker;
  beforeAll(async () => {
    broker = await startRedis();
  });
  afterAll(() => broker.stop());

  test("carries bytes, pings in between, and connects again", async () => {
    await using proxy = await Proxy.start(broker);
    const settings = resolveRedis({
      url: urlOf(proxy),
      options: { RESP: 2 },
      connectionTimeout: 300,
    });
    await using a = await Tapped.connected(settings, "c", "d");
    a.unsubscribe("d");
    await a.losing(() => proxy.stall());
    await proxy.restore();
    await a.until("connected");
    await a.publish("c", "x");
    await a.hears("c=x");
    expect(a.heard).toEqual(["c=x"]);
  });
});

describeWith("redis-server")("redisPubSub and its user's client", () => {
  let broker: Broker;
  beforeAll(async () => {
    broker = await startRedis();
  });
  afterAll(() => broker.stop());

  test("a copy of the client is used, and the client left as it is", async () => {
    await using proxy = await Proxy.start(broker);
    const client = createClient({ url: urlOf(proxy), name: "theirs" });
    client.on("error", () => {});
    await client.connect();
    const a = await Tapped.connected(resolveRedis({ client }), "c");
    await a.publish("c", "1");
    await a.hears("c=1");
    expect(await client.clientList()).toHaveLength(3);
    expect(client.isPubSubActive).toBe(false);
    await a.losing(() => proxy.cut());
    await a.until("connected");
    await a.transport.close();
    await waitFor(async () => (await client.clientList()).length === 1);
    expect(await client.set("key", "value")).toBe("OK");
    client.destroy();
  });

  test("a client that was never connected will do, and its password is used", async () => {
    await using guarded = await startRedis({ password: "secret" });
    const client = createClient({ url: urlOf(guarded, ":secret@") });
    await using a = await Tapped.connected(resolveRedis({ client }), "c");
    await a.publish("c", "1");
    await a.hears("c=1");
    expect(client.isOpen).toBe(false);
  });
});

describeWith("redis-server")("a Redis that wants a password", () => {
  let broker: Broker;
  beforeAll(async () => {
    broker = await startRedis({ password: "secret" });
  });
  afterAll(() => broker.stop());

  test.each([
    { what: "none", auth: "", options: {} as RedisOptions },
    { what: "none, by the older protocol", auth: "", options: { RESP: 2 } as RedisOptions },
    { what: "a wrong one", auth: ":wrong@", options: {} as RedisOptions },
    { what: "a wrong user", auth: "nobody:secret@", options: {} as RedisOptions },
  ])("refuses a start with $what", async ({ auth, options }) => {
    await using a = new Tapped(resolveRedis({ url: urlOf(broker, auth), options }));
    const error = await failure(a.transport.open(a));
    expect(String(error)).toMatch(/WRONGPASS|NOAUTH/);
    expect(a.statuses).toEqual([]);
  });

  test("takes it from the URL or from the options", async () => {
    await using a = await Tapped.connected(resolveRedis({ url: urlOf(broker, ":secret@") }), "c");
    const options = { password: "secret" };
    await using b = await Tapped.connected(resolveRedis({ url: urlOf(broker), options }));
    await b.publish("c", "1");
    await a.hears("c=1");
    expect(a.heard).toEqual(["c=1"]);
  });

  test("that is changed later is tried again, until it fits", async () => {
    await using a = await Tapped.connected(resolveRedis({ url: urlOf(broker, ":secret@") }), "c");
    const change = [
      "AUTH secret",
      "CONFIG SET requirepass other",
      "CLIENT KILL TYPE normal",
      "CLIENT KILL TYPE pubsub",
    ];
    await a.losing(() => tellRedis(broker, ...change));
    expect(a.now).toBe("reconnecting");
    await tellRedis(broker, "AUTH other", "CONFIG SET requirepass secret");
    await a.until("connected");
  });

  test("refuses a subscription that is not permitted, and that alone", async () => {
    const acl =
      "ACL SETUSER guest on >guest -@all +@connection +publish +subscribe +unsubscribe +client +hello resetchannels &open";
    expect(await tellRedis(broker, "AUTH secret", acl)).toContain("+OK");
    await using a = await Tapped.connected(
      resolveRedis({ url: urlOf(broker, "guest:guest@") }),
      "open",
    );
    expect(String(await failure(a.transport.subscribe("closed")))).toContain("NOPERM");
    expect(String(await failure(a.publish("closed", "x")))).toContain("NOPERM");
    await a.publish("open", "x");
    await a.hears("open=x");
    expect(a.statuses).toEqual(["connected"]);
  });
});

describeWith("redis-server")("sharded pub/sub of a Redis Cluster", () => {
  brokerSuite({
    start: () => startRedis({ cluster: true }),
    // The node announces its own address; the one to use instead may be a proxy's.
    settings: (address, connectionTimeout = 5000) => {
      const client = createCluster({
        rootNodes: [{ url: urlOf(address) }],
        nodeAddressMap: () => ({ host: address.host, port: address.port }),
      });
      return resolveRedis({ client, sharded: true, connectionTimeout });
    },
  });

  test("takes a URL, or root nodes, and a password that counts for all nodes", async () => {
    await using guarded = await startRedis({ cluster: true, password: "secret" });
    const url = urlOf(guarded, ":secret@");
    await using a = await Tapped.connected(resolveRedis({ url, sharded: true }), "c");
    const rootNodes = [{ url: urlOf(guarded) }];
    const options = { password: "secret" };
    await using b = await Tapped.connected(resolveRedis({ rootNodes, sharded: true, options }));
    await b.publish("c", "1");
    await a.hears("c=1");

    const wrong = new Tapped(resolveRedis({ url: urlOf(guarded, ":wrong@"), sharded: true }));
    expect(String(await failure(wrong.transport.open(wrong)))).toContain("WRONGPASS");
    const plain = await startRedis();
    const alone = new Tapped(resolveRedis({ url: urlOf(plain), sharded: true }));
    expect(String(await failure(alone.transport.open(alone)))).toContain("cluster support");
    await plain.stop();
  });
});

describe("the options of redisPubSub", () => {
  const url = "redis://127.0.0.1:1";
  test.each([
    { wrong: "neither url nor client", options: {}, option: "url" },
    { wrong: "both", options: { url, client: createClient() }, option: "client" },
    { wrong: "another scheme", options: { url: "http://h" }, option: "url" },
    { wrong: "no URL", options: { url: "redis://[" }, option: "url" },
    { wrong: "no client", options: { client: {} }, option: "client" },
    { wrong: "rootNodes without sharded", options: { rootNodes: [{ url }] }, option: "rootNodes" },
    { wrong: "no rootNodes", options: { sharded: true, rootNodes: [] }, option: "rootNodes" },
    { wrong: "no cluster", options: { sharded: true, client: createClient() }, option: "client" },
    { wrong: "sharded", options: { url, sharded: 1 }, option: "sharded" },
    { wrong: "timeout", options: { url, connectionTimeout: 0 }, option: "connectionTimeout" },
    { wrong: "options", options: { url, options: 1 }, option: "options" },
    { wrong: "url in options", options: { url, options: { url } }, option: "url" },
    {
      wrong: "options beside a client",
      options: { client: createClient(), options: {} as RedisOptions },
      option: "options",
    },
    { wrong: "unknown", options: { url, topic: "x" }, option: "topic" },
    { wrong: "nodeName", options: { url, nodeName: "" }, option: "nodeName" },
  ])("$wrong: refused at once", ({ options, option }) => {
    expect(thrown(() => redisPubSub(options as never))).toMatchObject({
      name: "OptionError",
      option,
    });
  });

  test("the user's delays between attempts count", () => {
    const socket = { reconnectStrategy: (retries: number) => 7 + retries };
    const { delay } = resolveRedis({ url, options: { socket } });
    expect([0, 1].map((n) => delay?.(n, new Error("x"), Math.random))).toEqual([7, 8]);
    const giveUp = resolveRedis({ url, options: { socket: { reconnectStrategy: false } } });
    expect([0, 0.5].map((n) => giveUp.delay?.(20, new Error("x"), () => n))).toEqual([1000, 1500]);
  });
});
