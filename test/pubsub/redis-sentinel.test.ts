import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { createSentinel } from "redis";
import { resolveRedis } from "../../src/pubsub/redis.js";
import { redisPubSub, type RedisSentinel } from "../../src/redis.js";
import { waitFor } from "../../src/testing/wait-for.js";
import { failure } from "../helpers/actors.js";
import { type Broker, freePort } from "../helpers/brokers/broker.js";
import { describeWith } from "../helpers/brokers/describe-with.js";
import { Proxy } from "../helpers/brokers/proxy.js";
import { startRedis, startSentinel, tellRedis, tellSentinel } from "../helpers/brokers/servers.js";
import { Tapped, thrown } from "./transports.js";

const name = "main";
const settled = { timeout: 20_000 };
const placeOf = ({ host, port }: { host: string; port: number }) => ({ host, port });

const settingsOf = (sentinels: readonly { host: string; port: number }[]): RedisSentinel => ({
  name,
  sentinelRootNodes: sentinels.map(placeOf),
});

describeWith("redis-server")("redisPubSub and Sentinels", () => {
  let master: Broker;
  let sentinel: Broker;
  beforeAll(async () => {
    master = await startRedis();
    sentinel = await startSentinel({ master, name });
  });
  afterAll(async () => {
    await sentinel.stop();
    await master.stop();
  });

  test("a client of createSentinel is copied, with its options, and left as it is", async () => {
    const client = createSentinel({
      ...settingsOf([sentinel]),
      nodeClientOptions: { name: "theirs" },
      masterPoolSize: 1,
    } as never);
    await using a = await Tapped.connected(resolveRedis({ client }), "c");
    await a.publish("c", "1");
    await a.hears("c=1");
    expect(client.isOpen).toBe(false);
    expect((await tellRedis(master, "CLIENT LIST")).match(/name=theirs/g)).toHaveLength(2);
  });

  test("the first Sentinel that answers will do, and none is needed once it is known", async () => {
    await using proxy = await Proxy.start(sentinel);
    await using frozen = await startSentinel({ master, name });
    await frozen.freeze();
    const down = { host: "127.0.0.1", port: await freePort() };
    const sentinels = [down, placeOf(frozen), placeOf(proxy)];
    await using a = await Tapped.connected(
      resolveRedis({ sentinel: settingsOf(sentinels), connectionTimeout: 2000 }),
      "c",
    );
    expect(proxy.connections).toBe(1);
    await proxy.refuse();
    await a.publish("c", "1");
    await a.hears("c=1");
    await proxy.restore();
    await waitFor(() => proxy.connections === 1, settled);
    expect(a.statuses).toEqual(["connected"]);
    await a.transport.close();
    await waitFor(() => proxy.connections === 0, settled);
  });

  test("the address of the master is mapped", async () => {
    await using proxy = await Proxy.start(master);
    const nodeAddressMap = { [`127.0.0.1:${master.port}`]: placeOf(proxy) };
    const settings = { ...settingsOf([sentinel]), nodeAddressMap };
    await using a = await Tapped.connected(resolveRedis({ sentinel: settings }));
    expect(proxy.connections).toBe(2);
    await a.losing(() => proxy.cut());
    await a.until("connected");
    const map = () => undefined;
    await using _ = await Tapped.connected(
      resolveRedis({ sentinel: { ...settings, nodeAddressMap: map } }),
    );
  });

  test("a name that no Sentinel knows is refused at the start", async () => {
    const settings = { ...settingsOf([sentinel]), name: "other" };
    await using a = new Tapped(resolveRedis({ sentinel: settings }));
    expect(String(await failure(a.transport.open(a)))).toContain("knows no master named other");
  });

  test("no Sentinel that answers: it is tried again", async () => {
    const port = await freePort();
    const settings = settingsOf([{ host: "127.0.0.1", port }]);
    await using a = new Tapped(resolveRedis({ sentinel: settings }));
    await a.transport.open(a);
    expect(a.now).toBe("reconnecting");
    expect(String(a.errors)).toContain("ECONNREFUSED");
  });
});

describeWith("redis-server")("a fail-over", () => {
  test("by command, while the old master is up: the connection goes to the new one", async () => {
    await using old = await startRedis();
    await using replica = await startRedis({ replicaOf: old });
    await waitFor(async () => /state=online/.test(await tellRedis(old, "INFO replication")));
    await using sentinel = await startSentinel({ master: old, name });
    await using a = await Tapped.connected(resolveRedis({ sentinel: settingsOf([sentinel]) }), "c");
    // It takes a moment until it knows the replica.
    await a.losing(() =>
      waitFor(async () => {
        const answer = await tellSentinel(sentinel, "FAILOVER", name).catch(String);
        return answer === "OK";
      }, settled),
    );
    await a.until("connected");
    const url = `redis://127.0.0.1:${replica.port}`;
    await using b = await Tapped.connected(resolveRedis({ url }));
    await b.publish("c", "1");
    await a.hears("c=1");
    expect(a.heard).toEqual(["c=1"]);
  });

  test("that only the Sentinels know of ends the connection to the old master", async () => {
    await using old = await startRedis();
    await using next = await startRedis();
    await using sentinel = await startSentinel({ master: old, name });
    await using a = await Tapped.connected(
      resolveRedis({ sentinel: settingsOf([sentinel]), connectionTimeout: 2000 }),
      "c",
    );
    await a.losing(async () => {
      await tellSentinel(sentinel, "REMOVE", name);
      await tellSentinel(sentinel, "MONITOR", name, next.host, String(next.port), "1");
    });
    expect(String(a.errors)).toContain(`127.0.0.1:${next.port} the master of ${name}`);
    await a.until("connected");
    await waitFor(async () => !(await tellRedis(old, "CLIENT LIST")).includes("sub=1"), settled);
    expect(await tellRedis(next, "PUBLISH c 1")).toContain(":1");
  });
});

describe("the options of a sentinel", () => {
  const sentinelRootNodes = [{ host: "127.0.0.1", port: 1 }];
  const sentinel = { name, sentinelRootNodes };
  test.each([
    { wrong: "no object", options: { sentinel: 1 }, option: "sentinel" },
    { wrong: "beside a url", options: { url: "redis://h", sentinel }, option: "sentinel" },
    { wrong: "sharded", options: { sentinel, sharded: true }, option: "sentinel" },
    { wrong: "options", options: { sentinel, options: {} }, option: "options" },
    { wrong: "no name", options: { sentinel: { sentinelRootNodes } }, option: "sentinel.name" },
    { wrong: "no nodes", options: { sentinel: { name } }, option: "sentinelRootNodes" },
    {
      wrong: "a URL for a node",
      options: { sentinel: { name, sentinelRootNodes: ["redis://h"] } },
      option: "sentinelRootNodes",
    },
    {
      wrong: "a node without a port",
      options: { sentinel: { name, sentinelRootNodes: [{ host: "h" }] } },
      option: "sentinelRootNodes.port",
    },
    {
      wrong: "a pool",
      options: { sentinel: { ...sentinel, masterPoolSize: 2 } },
      option: "masterPoolSize",
    },
    {
      wrong: "a url in what clients are made with",
      options: { sentinel: { ...sentinel, nodeClientOptions: { url: "redis://h" } } },
      option: "url",
    },
    {
      wrong: "an address map",
      options: { sentinel: { ...sentinel, nodeAddressMap: 1 } },
      option: "nodeAddressMap",
    },
    {
      wrong: "a client that can't be copied",
      options: { client: { getSentinelNode: () => undefined } },
      option: "client",
    },
    {
      wrong: "a client with options",
      options: { client: createSentinel(sentinel), options: {} },
      option: "options",
    },
  ])("$wrong: refused at once", ({ options, option }) => {
    expect(thrown(() => redisPubSub(options as never))).toMatchObject({
      name: "OptionError",
      option,
    });
  });
});
