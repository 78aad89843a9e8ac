import { expect, test } from "@jest/globals";
import { resolveRedis } from "../../src/pubsub/redis.js";
import { type RedisOptions, redisPubSub, type RedisPubSubOptions } from "../../src/redis.js";
import { waitFor } from "../../src/testing/wait-for.js";
import type { Broker } from "../helpers/brokers/broker.js";
import { documentAt, rowsOf } from "../helpers/documents.js";
import { Certificate } from "../helpers/brokers/certificate.js";
import { describeWith } from "../helpers/brokers/describe-with.js";
import {
  addClusterReplica,
  startRedis,
  startRedisCluster,
  startSentinel,
  tellRedis,
  tellSentinel,
} from "../helpers/brokers/servers.js";
import { recordWarnings } from "../helpers/warnings.js";
import { Tapped } from "../pubsub/transports.js";
import {
  configuration,
  allIsWell,
  patient,
  exchange,
  settled,
  startFailure,
  startNode,
} from "./nodes.js";

const password = "s3cret";
const login = { username: "streams", password };
const rightsOf = (acl: string): string[] => acl.split(" ").filter((word) => /^[+&]/.test(word));

const pubsub = (nodeName: string, options: RedisPubSubOptions) =>
  redisPubSub({ nodeName, heartbeat: patient, ...options });
const at = ({ port }: Broker, path = ""): string => `redis://127.0.0.1:${port}${path}`;

const warnings = recordWarnings();

describeWith("redis-server")("the ACL of docs/production.md", () => {
  const acl = configuration("Redis: the ACL", password);

  test("is enough for two nodes, and for doctor", async () => {
    await using broker = await startRedis({ config: [acl, "user default off"] });
    await using a = await startNode(pubsub("a", { url: at(broker), options: login }));
    await using b = await startNode(pubsub("b", { url: at(broker), options: login }));
    await exchange(a, b);
    const url = `redis://streams:${password}@127.0.0.1:${broker.port}`;
    await allIsWell("--redis", url);
    expect(warnings).toEqual([]);
  });

  test.each([
    ["&nebulex:*", "refused"],
    ["+publish", "refused"],
    ["+subscribe", "refused"],
    ["+ping", "connect_failed"],
  ])("without %s the start fails: %s", async (right, reason) => {
    await using broker = await startRedis({ config: [acl.replace(` ${right}`, "")] });
    const error = await startFailure(startNode(pubsub("a", { url: at(broker), options: login })));
    expect(error).toMatchObject({ name: "PubSubError", reason });
    expect(error.message).toContain("NOPERM");
  });

  test("has no other right", () => {
    const tested = ["&nebulex:*", "+ping", "+publish", "+subscribe", "+unsubscribe"];
    expect(rightsOf(acl)).toEqual(tested);
  });

  test("of another namespace is not enough", async () => {
    await using broker = await startRedis({ config: [acl] });
    const options = { url: at(broker), options: login, namespace: "other" };
    const error = await startFailure(startNode(pubsub("a", options)));
    expect(error).toMatchObject({ name: "PubSubError", reason: "refused" });
    expect(error.message).toContain("other:bus:stream:users:users:node");
  });

  test("without +unsubscribe: what is not read any more still comes, and nothing breaks", async () => {
    await using broker = await startRedis({ config: [acl.replace(" +unsubscribe", "")] });
    const settings = resolveRedis({ url: at(broker), options: login });
    await using a = await Tapped.connected(settings, "nebulex:a", "nebulex:b");
    a.unsubscribe("nebulex:a");
    await a.publish("nebulex:a", "1");
    await a.publish("nebulex:b", "1");
    await a.hears("nebulex:b=1");
    expect(a.heard).toEqual(["nebulex:b=1"]);
    expect(a.statuses).toEqual(["connected"]);
    expect(await tellRedis(broker, "PUBSUB NUMSUB nebulex:a")).toContain(":1");
  });

  test("does not permit a database number, which keeps nobody apart anyhow", async () => {
    await using broker = await startRedis({ config: [acl] });
    const options = { url: at(broker, "/3"), options: login };
    const error = await startFailure(startNode(pubsub("a", options)));
    expect(error).toMatchObject({ name: "PubSubError", reason: "connect_failed" });
    await using a = await startNode(pubsub("a", { url: at(broker, "/3") }));
    await using b = await startNode(pubsub("b", { url: at(broker) }));
    await exchange(a, b);
    expect(warnings).toEqual([]);
  });

  test("leaves out what node-redis asks for besides, which breaks nothing", async () => {
    await using broker = await startRedis({ config: [acl] });
    const url = at(broker, "/");
    await using _ = await startNode(pubsub("a", { url, options: { ...login, RESP: 2 } }));
    expect(warnings).toEqual([]);
    expect(await tellRedis(broker, "ACL LOG")).not.toMatch(/nebulex|subscribe|publish|ping/);
  });
});

describeWith("redis-server")("the sizing of docs/production.md", () => {
  test("is what three nodes cost Redis", async () => {
    const cells = rowsOf(documentAt("docs/production.md"));
    const said = (what: string): number =>
      Number(cells.find(([first = ""]) => first.startsWith(what))?.[2]);
    await using broker = await startRedis();
    const start = (name: string) => startNode(pubsub(name, { url: at(broker) }), 4);
    await using a = await start("a");
    await using b = await start("b");
    await using c = await start("c");
    await exchange(a, b);
    await exchange(b, c);
    const clients = (await tellRedis(broker, "CLIENT LIST"))
      .split("\n")
      .filter((line) => line.includes("id="));
    const subscriptions = clients.map((line) => Number(/ sub=(\d+)/.exec(line)?.[1]));
    expect(clients.length - 1).toBe(said("connections to Redis"));
    expect(subscriptions.reduce((sum, count) => sum + count, 0)).toBe(said("subscriptions"));
    const channels = await tellRedis(broker, "PUBSUB CHANNELS");
    expect(channels.match(/nebulex:/g)).toHaveLength(said("channels"));
  });
});

describeWith("redis-server")("a Redis with TLS", () => {
  const certificate = new Certificate();
  const tls: RedisOptions = { socket: { tls: true, ca: certificate.cert } };
  const own = {
    tls: true as const,
    ca: certificate.cert,
    cert: certificate.cert,
    key: certificate.key,
  };
  const over = ({ port }: Broker): string => `rediss://localhost:${port}`;

  test("is used with the CA, and with a certificate of the client's own", async () => {
    await using broker = await startRedis({ tls: certificate });
    await using mutual = await startRedis({ tls: certificate, tlsClients: true });
    for (const [server, options] of [
      [broker, tls],
      [mutual, { socket: own }],
    ] as const) {
      await using a = await startNode(pubsub("a", { url: over(server), options }));
      await using b = await startNode(pubsub("b", { url: over(server), options }));
      await exchange(a, b);
      expect(a.pubsub.status).toBe("connected");
    }
  });

  test("whose certificate is not trusted, or that wants one, is tried again, with a warning", async () => {
    await using broker = await startRedis({ tls: certificate });
    await using mutual = await startRedis({ tls: certificate, tlsClients: true });
    await using a = await startNode(pubsub("a", { url: over(broker) }));
    expect(a.pubsub.status).toBe("reconnecting");
    expect(warnings.join()).toMatch(/self-signed certificate.*pubsub a: no connection yet/);
    await using b = await startNode(pubsub("b", { url: over(mutual), options: tls }));
    expect(b.pubsub.status).toBe("reconnecting");
  });
});

describeWith("redis-server")("a Redis Cluster of three masters", () => {
  const acl = configuration("Redis: Cluster", password);

  test("is used with the ACL of docs/production.md, of which nothing can be left out, and fails over", async () => {
    const brokers = await startRedisCluster(3, { config: [acl] });
    await using _ = disposable(brokers);
    await using replica = await addClusterReplica(brokers, { config: [acl] });
    const rootNodes = brokers.slice(0, 2).map((broker) => ({ url: at(broker) }));
    const options = { sharded: true, rootNodes, options: login };
    const permit = async (line: string): Promise<void> => {
      const command = line.replace("user streams", "ACL SETUSER streams reset");
      for (const broker of [...brokers, replica])
        expect(await tellRedis(broker, command)).toContain("+OK");
    };
    for (const right of rightsOf(acl)) {
      if (right === "+sunsubscribe") continue;
      await permit(acl.replace(` ${right}`, ""));
      const error = await startFailure(startNode(pubsub("a", options), 8));
      const isBus = /^[&]|publish|ssubscribe/.test(right);
      expect([right, error]).toMatchObject([
        right,
        { name: "PubSubError", reason: isBus ? "refused" : "connect_failed" },
      ]);
      expect(error.message).toContain("NOPERM");
    }
    await permit(acl);
    await using a = await startNode(pubsub("a", options), 8);
    await using b = await startNode(pubsub("b", options), 8);
    await exchange(a, b);
    await brokers[0]?.kill();
    await waitFor(() => a.pubsub.status === "reconnecting", settled);
    expect(await tellRedis(replica, "CLUSTER FAILOVER TAKEOVER")).toContain("+OK");
    await exchange(a, b);
  });
});

describeWith("redis-server")("Redis Sentinel", () => {
  test("fails over: nodes go on at the new master, and gaps have been reported to readers", async () => {
    const acl = configuration("Redis: the ACL", password);
    const config = [configuration("Redis: Sentinel", password)];
    await using master = await startRedis({ config: [acl] });
    await using replica = await startRedis({ config: [acl], replicaOf: master });
    await waitFor(
      async () => (await tellRedis(master, "INFO replication")).includes("state=online"),
      settled,
    );
    await using watcher = await startSentinel({ master, name: "main", downAfter: 300, config });
    const sentinel = {
      name: "main",
      sentinelRootNodes: [{ host: watcher.host, port: watcher.port }],
      nodeClientOptions: login,
      sentinelClientOptions: login,
    };
    await using a = await startNode(pubsub("a", { sentinel, heartbeat: 300 }));
    await using b = await startNode(pubsub("b", { sentinel, heartbeat: 300 }));
    await exchange(a, b);
    await waitFor(
      async () => JSON.stringify(await tellSentinel(watcher, "REPLICAS", "main")).length > 9,
      settled,
    );
    await allIsWell(
      "--redis",
      `redis://streams:${password}@main`,
      "--sentinel",
      `redis://streams:${password}@${watcher.host}:${watcher.port}`,
    );
    b.cache.put("key", 0, { fill: true });
    await master.kill();
    await waitFor(() => a.pubsub.status === "reconnecting", settled);
    a.cache.put("key", 1);
    await exchange(a, b);
    await waitFor(() => b.cache.get("key") === undefined, settled);
    expect(await tellRedis(replica, "INFO replication")).toContain("role:master");
    // This node's own name stands for nodes that it may not have heard of.
    await waitFor(() => a.gaps.some(({ node }) => node === "a"), settled);
    expect(a.gaps).toContainEqual(expect.objectContaining({ reason: "transport", node: "a" }));
  });

  test("that the user may not ask, or that does not know the name, fails the start", async () => {
    await using master = await startRedis();
    const line = configuration("Redis: Sentinel", password);
    const config = [line.replace(/ \+\S*/, "")];
    await using watcher = await startSentinel({ master, name: "main", config });
    const sentinelRootNodes = [{ host: watcher.host, port: watcher.port }];
    const refused = { name: "main", sentinelRootNodes, sentinelClientOptions: login };
    const unknown = { name: "other", sentinelRootNodes };
    for (const [sentinel, text] of [
      [refused, "NOPERM"],
      [unknown, "no master named other"],
    ] as const) {
      const error = await startFailure(startNode(pubsub("a", { sentinel })));
      expect(error).toMatchObject({ name: "PubSubError", reason: "connect_failed" });
      expect(error.message).toContain(text);
    }
  });
});

function disposable(brokers: readonly Broker[]) {
  return {
    [Symbol.asyncDispose]: async (): Promise<void> => {
      await Promise.all(brokers.map((broker) => broker.stop()));
    },
  };
}
