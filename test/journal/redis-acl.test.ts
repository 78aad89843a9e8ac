import { expect, test } from "@jest/globals";
import { describeWith } from "../helpers/brokers/describe-with.js";
import { startRedis, tellRedis } from "../helpers/brokers/servers.js";
import { documentAt } from "../helpers/documents.js";
import { OpenRedis } from "./redis-engines.js";

const page = documentAt("docs/journal-redis.md");
const acl = /^user journal .*$/m.exec(page.text)?.[0].replace("CHANGE-ME", "p") as string;
const rights = acl.split(" ").filter((word) => /^[+&~]/.test(word));
/** Without them a journal works, too. */
const optional = ["+hello", "+client|id", "+client|unblock"];

const partition = { cache: "orders", name: "main", partition: 0 };
const groupPartition = { ...partition, group: "mailer" };
const entry = { node: "a", epoch: "e", startedAt: 1, count: 1, payload: Buffer.from("x") };
const context = { namespace: "nebulex", retain: 0 };

describeWith("redis-server")("the ACL of docs/journal-redis.md", () => {
  test("is enough for everything", async () => {
    await using redis = await startRedis({ config: [acl] });
    const url = `redis://journal:p@127.0.0.1:${redis.port}`;
    await using opened = await OpenRedis.connected({ url }, { ...context, retainFor: 1 });
    const { engine } = opened;
    const life = { node: "b", epoch: "e", startedAt: 1, info: "{}" };
    await engine.shape(partition, "x");
    await engine.streams();
    for (let to = 0; to < 3; to++) await engine.append(partition, { ...entry, after: to - 1, to });
    await engine.markLost(partition, life, Buffer.from("m"));
    await engine.lastSequence(partition, "a", "e");
    await engine.renew(partition, (await engine.bounds(partition, 1)).generation);
    await engine.entryAt(partition, 1);
    await engine.beat(partition, life, 1000);
    await engine.leave(partition, "b", "e");
    await engine.createGroup(groupPartition, 2, "earliest");
    const unwatch = engine.watchGroup(groupPartition, () => {});
    await engine.joinGroup(groupPartition, "m", 1000);
    const state = await engine.acquire(groupPartition, "m", 10_000, "latest");
    const { fence = 0, seeks = 0, generation = "" } = state ?? {};
    const commit = { fence, seeks, generation, position: 1, leaseTime: 1000, retried: [] };
    const dead = [0, 1].map((position) => ({ position, record: Buffer.from("r") }));
    const { status } = await engine.commit(groupPartition, { ...commit, dead });
    expect(status).toBe("committed");
    const [first, second] = await engine.deadLetters(groupPartition, "resting", 10);
    expect(await engine.retry(groupPartition, [String(first?.id)])).toBe(1);
    expect(await engine.drop(groupPartition, [String(second?.id)])).toBe(1);
    const last = { ...commit, leaseTime: 0, dead: [], retried: [String(first?.id)] };
    await engine.commit(groupPartition, last);
    await engine.seek(groupPartition, "earliest");
    await engine.setPaused(groupPartition, true);
    await engine.trim(partition);
    await engine.leaveGroup(groupPartition, "m");
    unwatch();
    for (const index of [0, 1]) await engine.deleteGroup({ ...groupPartition, partition: index });
    expect(await engine.groups(partition)).toEqual([]);
    expect(await engine.health?.()).toEqual([]);
    const denied = await tellRedis(redis, "ACL LOG");
    const commands = [...denied.matchAll(/^object\r\n\$\d+\r\n(.*)\r$/gm)].map(([, it]) => it);
    const known = new Set<unknown>(["client|setinfo", "config|get", "info"]);
    expect(commands.filter((command) => !known.has(command))).toEqual([]);
  });

  test.each(rights.filter((right) => !optional.includes(right)))(
    "without %s the start fails",
    async (right) => {
      await using redis = await startRedis({ config: [acl.replace(` ${right}`, "")] });
      const url = `redis://journal:p@127.0.0.1:${redis.port}`;
      await using opened = new OpenRedis({ url }, context);
      const opening = opened.open();
      await expect(opening).rejects.toThrow(/NOPERM|can't|no permissions/i);
    },
  );

  test.each(optional)("without %s it works", async (right) => {
    await using redis = await startRedis({ config: [acl.replace(` ${right}`, "")] });
    const url = `redis://journal:p@127.0.0.1:${redis.port}`;
    await using opened = await OpenRedis.connected({ url }, context);
    const { engine } = opened;
    engine.watchGroup(groupPartition, () => {})();
    const result = await engine.append(partition, { ...entry, after: -1, to: 0 });
    expect(result.status).toBe("appended");
    expect(opened.statuses).toEqual(["connected"]);
  });

  test("is enough for a Redis Cluster with what the page adds", async () => {
    const [, added = ""] = /In a Redis Cluster, `([^`]+)` besides/.exec(page.text) ?? [];
    await using redis = await startRedis({ cluster: true, config: [`${acl} ${added}`] });
    const rootNodes = [{ url: `redis://journal:p@127.0.0.1:${redis.port}` }];
    await using opened = await OpenRedis.connected({ rootNodes }, context);
    const { engine } = opened;
    const result = await engine.append(partition, { ...entry, after: -1, to: 0 });
    expect(result.status).toBe("appended");
    const unwatch = engine.watchGroup(groupPartition, () => {});
    await engine.createGroup(groupPartition, 2, "earliest");
    expect(await engine.groups(partition)).toEqual(["mailer"]);
    unwatch();
    expect(opened.statuses).toEqual(["connected"]);
  });
});
