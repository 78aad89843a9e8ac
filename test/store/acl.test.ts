import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { StoreUnavailableError, type SupervisorError } from "../../src/index.js";
import { announceScript } from "../../src/store/redis-observe-scripts.js";
import { storeProbe } from "../../src/store/redis-rights.js";
import { allScripts } from "../../src/store/redis-scripts.js";
import { waitFor } from "../../src/testing/wait-for.js";
import { failure } from "../helpers/actors.js";
import type { Broker } from "../helpers/brokers/broker.js";
import { describeWith } from "../helpers/brokers/describe-with.js";
import { Proxy } from "../helpers/brokers/proxy.js";
import { startRedis, tellRedis } from "../helpers/brokers/servers.js";
import { documentAt } from "../helpers/documents.js";
import { recordWarnings } from "../helpers/warnings.js";
import { StoreNode, type StoreNodeOptions } from "./store-lab.js";

const page = documentAt("docs/shared-store.md").text;
const lineOf = (text: string, user: string): string =>
  String(new RegExp(`^user ${user} .*$`, "m").exec(text)?.[0]).replace("CHANGE-ME", "p");
const rightsOf = (line: string): string[] => line.split(" ").filter((word) => /^[+&~]/.test(word));
const acl = lineOf(page, "store");
const journalRights = rightsOf(lineOf(documentAt("docs/journal-redis.md").text, "journal"));

/** Without them a store works, too. */
const optional = ["+script|load", "+info"];
const ownRights = rightsOf(acl).filter((right) => !journalRights.includes(right));
const without = (...rights: string[]): string =>
  rights.reduce((line, right) => line.replace(` ${right} `, " "), `${acl} `);

const warnings = recordWarnings();

test("the probe tries each command of the scripts", () => {
  const commandsOf = (source: string, call: string): string[] =>
    [...source.matchAll(new RegExp(`\\b${call}\\('([A-Z]+)'`, "g"))].map(([, name]) =>
      String(name),
    );
  const used = [...allScripts, announceScript].flatMap(({ source }) => commandsOf(source, "call"));
  const tried = commandsOf(storeProbe.source, "try");
  expect([...new Set([...used, "DEL", "PUBLISH"])].sort()).toEqual(tried.toSorted());
});

describeWith("redis-server")("the ACL of docs/shared-store.md", () => {
  let redis: Broker;
  let caches = 0;
  beforeAll(async () => void (redis = await startRedis()));
  afterAll(() => redis[Symbol.asyncDispose]());

  const start = (options: StoreNodeOptions = {}): Promise<StoreNode> =>
    StoreNode.start({
      cache: `cache${caches++}`,
      ...options,
      journal: options.journal ?? { url: `redis://store:p@127.0.0.1:${redis.port}` },
      adapter: { partitions: 3, ...options.adapter },
    });
  const startFailure = async (options: StoreNodeOptions = {}): Promise<unknown> =>
    ((await failure(start(options))) as SupervisorError).cause;
  const permit = async (line: string): Promise<void> => {
    const command = line.replace("user store", "ACL SETUSER store reset");
    expect(await tellRedis(redis, command)).toContain("+OK");
  };

  test("is that of the journal and these rights", () => {
    expect(rightsOf(acl)).toEqual(expect.arrayContaining(journalRights));
    expect(ownRights).toEqual(expect.arrayContaining(optional));
  });

  test("is enough for everything", async () => {
    await permit(acl);
    await tellRedis(redis, "ACL LOG RESET");
    await using a = await start({ adapter: { near: { maxEntries: 100 } } });
    const { cache } = a;
    await cache.putAll([
      ["a", 1],
      ["b", 2],
    ]);
    await cache.put("due", 1, { ttl: 1 });
    await cache.putNew("new", 1, { ttl: 60_000 });
    await cache.replace("new", 2);
    await cache.increment("n");
    await cache.update("n", 0, (n) => (n as number) + 1);
    await cache.touch("new");
    await cache.expire("new", 1000);
    await cache.ttl("new");
    await cache.has("a");
    await cache.fetchOrStore("loaded", () => 1, { ttl: 1, staleFor: 1000 });
    await cache.fetchOrStore("loaded", () => 2, { staleFor: 1000 });
    await cache.getAll({ keys: ["a", "b"] });
    await cache.deleteAll({ where: (key) => key === "a" });
    await cache.deleteAll({ prefix: "b" });
    await cache.invalidate("x");
    await cache.take("new");
    await waitFor(() => a.events.some(({ type }) => type === "expired"), { timeout: 10_000 });
    await cache.info();
    await cache.deleteAll();
    const denied = await tellRedis(redis, "ACL LOG");
    const commands = [...denied.matchAll(/^object\r\n\$\d+\r\n(.*)\r$/gm)].map(([, it]) => it);
    const known = new Set<unknown>(["client|setinfo", "config|get"]);
    expect(commands.filter((command) => !known.has(command))).toEqual([]);
    expect(warnings).toEqual([]);
  });

  test.each(ownRights.filter((right) => !optional.includes(right)))(
    "without %s the start fails, and says so",
    async (right) => {
      await permit(without(right));
      const error = await startFailure();
      expect(error).toBeInstanceOf(StoreUnavailableError);
      const { message } = error as StoreUnavailableError;
      expect(message).toContain(`${right.slice(1).toUpperCase()} is not permitted`);
      expect(message).toContain('keys that match "{nebulex:*"');
      expect(warnings).toEqual([]);
    },
  );

  test.each([
    ["the first partitions", "{nebulex:few:few:0}:* ~{nebulex:few:few:1}:* ~{nebulex:few:few}:*"],
    ["the store's own", "{nebulex:few:few:*"],
  ])("for no other keys than %s the start fails", async (_, pattern) => {
    await permit(acl.replace("~{nebulex:*", `~{nebulex:}:* ~${pattern}`));
    const error = (await startFailure({ cache: "few" })) as StoreUnavailableError;
    expect(error).toBeInstanceOf(StoreUnavailableError);
    expect(error.message).toMatch(/keys that match "\{nebulex:\*".*NOPERM.*keys/);
  });

  test("is needed by a start that found no server, too: it warns, and commands reject", async () => {
    await permit(without("+zscan"));
    await using proxy = await Proxy.start({ host: "127.0.0.1", port: redis.port });
    await proxy.refuse();
    const url = `redis://store:p@127.0.0.1:${proxy.port}`;
    await using a = await start({ journal: { url }, stream: false });
    await proxy.restore();
    const refused = /ZSCAN is not permitted/;
    await waitFor(() => warnings.some((warning) => refused.test(warning)), { timeout: 20_000 });
    await expect(a.cache.put("k", 1)).rejects.toThrow(refused);
    await permit(acl);
    await a.cache.put("k", 1);
    expect(warnings.filter((warning) => refused.test(warning))).toHaveLength(1);
  });

  test.each(optional)("without %s it works, and finds what was evicted", async (right) => {
    await permit(without(right));
    await using a = await start({ adapter: { partitions: 1 } });
    await a.cache.put("k", 1);
    const entry = `{nebulex:cache${caches - 1}:cache${caches - 1}:0}:e:sk`;
    expect(await tellRedis(redis, `DEL ${entry}`)).toContain(":1");
    await waitFor(() => a.events.some(({ type }) => type === "evicted"), { timeout: 10_000 });
    expect(warnings).toEqual([]);
  });

  test("is enough for a Redis Cluster with what the page adds", async () => {
    const [, added = ""] = /In a Redis Cluster, `([^`]+)` besides/.exec(page) ?? [];
    await using cluster = await startRedis({ cluster: true, config: [`${acl} ${added}`] });
    const rootNodes = [{ url: `redis://store:p@127.0.0.1:${cluster.port}` }];
    await using a = await start({ journal: { rootNodes } });
    await a.cache.put("k", 1);
    expect(await a.cache.get("k")).toBe(1);
    expect(warnings).toEqual([]);
  });
});
