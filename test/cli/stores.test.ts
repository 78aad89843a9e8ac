import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { main } from "../../src/cli/main.js";
import { handlerPool } from "../../src/index.js";
import { waitFor } from "../../src/testing/wait-for.js";
import type { Broker } from "../helpers/brokers/broker.js";
import { describeWith } from "../helpers/brokers/describe-with.js";
import { startRedis, tellRedis } from "../helpers/brokers/servers.js";
import { StoreNode } from "../store/store-lab.js";
import { TestOutput } from "./journal-fixture.js";

/** What is asserted of a report. */
interface Problems {
  readonly healthy: boolean;
  readonly problems: readonly { readonly kind: string; readonly message: string }[];
}

describeWith("redis-server")("shared stores, from the command line", () => {
  let redis: Broker;
  beforeAll(async () => {
    redis = await startRedis();
    // Nothing endangers journals.
    await tellRedis(redis, "CONFIG SET appendonly yes");
  });
  afterAll(() => redis[Symbol.asyncDispose]());

  const urlOf = (): string => `redis://127.0.0.1:${redis.port}`;
  const node = (
    namespace: string,
    name: string,
    rest: Omit<Parameters<typeof StoreNode.start>[0], "name" | "journal"> = {},
  ): Promise<StoreNode> => StoreNode.start({ name, journal: { url: urlOf(), namespace }, ...rest });
  /** Runs a command in this process. */
  async function run(namespace: string, command: string, ...rest: string[]) {
    const output = new TestOutput();
    const argv = [command, "--redis", urlOf(), "--namespace", namespace, ...rest];
    const status = await main(argv, output);
    return { status, out: output.out, err: output.err };
  }
  const reportOf = async <Report>(
    namespace: string,
    ...rest: string[]
  ): Promise<Report & Problems> => {
    const { out, err } = await run(namespace, "doctor", "--json", ...rest);
    if (out === "") throw new Error(err);
    return JSON.parse(out) as Report & Problems;
  };
  const doctorOf = (namespace: string, ...rest: string[]) =>
    reportOf<{ journal: { store: unknown } }>(
      namespace,
      "--cache",
      "products",
      "--timeout",
      "50",
      ...rest,
    );
  /** Until all processes have announced themselves. */
  const announced = (namespace: string, count: number): Promise<unknown> =>
    waitFor(
      async () => {
        const found = await tellRedis(redis, `HLEN {${namespace}:products:products}:store`);
        return found.includes(`:${count + 1}`);
      },
      { timeout: 10_000 },
    );

  test("doctor lists all stores, and those of other caches not", async () => {
    await using a = await node("all", "a", { stream: false, adapter: { partitions: 2 } });
    await using _b = await node("all", "b", { stream: false, adapter: { partitions: 2 } });
    await announced("all", 2);
    for (let n = 0; n < 10; n++) await a.cache.put(`k${n}`, n);
    await a.cache.delete("k0");

    const { status, out } = await run("all", "doctor");
    expect(out).toMatch(/^stores {3}1 in namespace all$/m);
    expect(out).toMatch(
      /^cache +instance +entries +due +events +journal +processes +near copies$/m,
    );
    expect(out).toMatch(/^products +products +9 +- +11 +[\d.]+ k?B +a, b +-$/m);
    expect(out).toMatch(/^All is well\.$/m);
    expect(status).toBe(0);

    const none = await run("nobody", "doctor");
    expect([none.status, none.out]).toEqual([
      0,
      expect.stringContaining("stores   0 in namespace nobody\n\nAll is well."),
    ]);
  });

  test("doctor says what a cache's store holds, and which processes use it, without a stream, too", async () => {
    await using a = await node("one", "a", { stream: false });
    await announced("one", 1);
    await a.cache.put("k", 1);
    const report = await doctorOf("one");
    expect(report).toMatchObject({
      healthy: true,
      problems: [],
      journal: {
        store: {
          entries: 1,
          due: 0,
          sweepDelay: 0,
          journal: { events: 1, bytes: expect.any(Number) },
          processes: [{ node: "a", silent: false, near: null }],
        },
      },
    });
    const { out } = await run("one", "doctor", "--cache", "products", "--timeout", "50");
    expect(out).toMatch(/^store {4}1 entry, none waits for the sweep$/m);
    expect(out).toMatch(/^events {3}1 in the journal, [\d.]+ k?B$/m);
    expect(out).toMatch(/^used by {2}1 process$/m);
    expect(out).toMatch(/^a +lives +-$/m);
  });

  test("near copies that processes announce are shown; what they announce else is not believed", async () => {
    await using _a = await node("near", "a", { stream: false });
    await announced("near", 1);
    const key = "{near:products:products}:store";
    const until = "99999999999999";
    const near = `{"near":{"entries":3,"maxEntries":10}}`.replaceAll('"', '\\"');
    await tellRedis(redis, `HSET ${key} n "${until} ${near}"`);
    await tellRedis(redis, `HSET ${key} odd "${until} {"`);
    await tellRedis(redis, `HSET ${key} foreign x`);
    const { out } = await run("near", "doctor", "--cache", "products", "--timeout", "50");
    expect(out).toMatch(/^n +lives +3 of at most 10$/m);
    expect(out).toMatch(/^odd +lives +-$/m);
    expect(out).not.toContain("foreign");
    const { out: all } = await run("near", "doctor");
    expect(all).toMatch(/ a, n, odd +n$/m);
  });

  test("a sweep that is behind, and one that nobody does, are problems, and silent processes", async () => {
    {
      await using a = await node("late", "a", { stream: false });
      await announced("late", 1);
      await a.cache.put("k", 1);
    }
    // It has said that it ends.
    await announced("late", 0);
    await tellRedis(redis, "ZADD {late:products:products:0}:index 1 sgone");
    const unswept = await doctorOf("late");
    expect(unswept.healthy).toBe(false);
    const kinds = unswept.problems.map(({ kind, message }) => `${kind}: ${message}`);
    expect(kinds).toEqual([
      expect.stringMatching(/^nobody: /),
      expect.stringMatching(
        /^sweep: 1 expired entry waits for the sweep of cache products, the oldest for \d+ ms: no process does it\./,
      ),
    ]);
    const key = "{late:products:products}:store";
    await tellRedis(redis, `HSET ${key} ghost "1 {}"`);
    await tellRedis(redis, `HSET ${key} busy "99999999999999 {}"`);
    const { status, out } = await run("late", "doctor");
    expect(status).toBe(1);
    expect(out).toMatch(/^PROBLEM {2}The process of node ghost, which uses the store of cache pr/m);
    expect(out).toMatch(/the oldest for \d+ ms: it is behind\./);
    expect(out).toMatch(/busy, ghost \(silent\)/);
  });

  test("an engine that may evict the journal, or persists nothing, is a problem", async () => {
    await using other = await startRedis();
    await tellRedis(other, "CONFIG SET maxmemory-policy allkeys-lru");
    const output = new TestOutput();
    expect(await main(["doctor", "--redis", `redis://127.0.0.1:${other.port}`], output)).toBe(1);
    expect(output.out).toMatch(/PROBLEM .* may evict the journal .*allkeys-lru/);
    expect(output.out).toMatch(/PROBLEM .* persists nothing/);
  });

  test("an engine that can't be reached", async () => {
    const output = new TestOutput();
    const argv = ["doctor", "--redis", "redis://127.0.0.1:1", "--timeout", "100"];
    expect(await main(argv, output)).toBe(2);
    expect(output.out).toMatch(/PROBLEM {2}can't reach redis:\/\/127\.0\.0\.1:1/);
  });

  test("tail shows the events with their values, groups the groups", async () => {
    let handled = 0;
    await using a = await node("tail", "a", {
      children: (cache) => [
        handlerPool({
          cache,
          group: "audit",
          scope: "cluster",
          from: "earliest",
          handler: () => void handled++,
        }),
      ],
    });
    await waitFor(async () => (await run("tail", "groups", "--cache", "products")).status === 0, {
      timeout: 10_000,
    });
    await a.cache.put("k", 1n);
    await a.cache.put("k", new Date(0));
    await a.cache.delete("k");
    await waitFor(() => handled === 3, { timeout: 10_000 });

    const output = new TestOutput();
    const argv = ["tail", "--redis", urlOf(), "--namespace", "tail", "--cache", "products"];
    const tail = main([...argv, "--journal", "--from", "earliest"], output);
    await waitFor(() => output.out.includes("deleted"), { timeout: 10_000 });
    output.interrupt();
    expect(await tail).toBe(0);
    const lines = output.out.trimEnd().split("\n");
    expect(lines).toEqual([
      expect.stringMatching(/ a 0 inserted put 'k' #0 @0 = 1n$/),
      expect.stringMatching(/ a 0 updated {2}put 'k' #1 @1 = 1970-01-01T00:00:00.000Z, was 1n$/),
      expect.stringMatching(/ a 0 deleted {2}delete 'k' #2 @2, was 1970-01-01T00:00:00.000Z$/),
    ]);
    const { out } = await run("tail", "groups", "--cache", "products");
    expect(out).toMatch(/^group +audit: a; 0 events wait$/m);
    const list = await run("tail", "groups");
    expect(list.out).toMatch(/^products +products +1 partition, .* a +audit$/m);
  });

  test("tail of the nodes' pubsubs says where the events of a journal are", async () => {
    const output = new TestOutput();
    const tail = main(["tail", "--redis", urlOf(), "--cache", "products"], output);
    await waitFor(() => output.err.includes("tail --journal"), { timeout: 10_000 });
    output.interrupt();
    expect(await tail).toBe(0);
  });
});
