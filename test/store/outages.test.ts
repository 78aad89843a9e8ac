import { spawnSync } from "node:child_process";
import { expect, test } from "@jest/globals";
import { StoreUnavailableError } from "../../src/index.js";
import { waitFor } from "../../src/testing/wait-for.js";
import { failure } from "../helpers/actors.js";
import { describeWith } from "../helpers/brokers/describe-with.js";
import { freePort } from "../helpers/brokers/broker.js";
import { Proxy } from "../helpers/brokers/proxy.js";
import { startRedis, tellRedis } from "../helpers/brokers/servers.js";
import { shortly, StoreNode, type StoreNodeOptions } from "./store-lab.js";

const start = (port: number, options: StoreNodeOptions = {}): Promise<StoreNode> =>
  StoreNode.start({
    ...options,
    journal: {
      url: `redis://127.0.0.1:${port}`,
      connectionTimeout: 20_000,
      ...options.journal,
    },
  });

/** Waits until the store takes commands again. */
const answers = (node: StoreNode): Promise<unknown> =>
  waitFor(
    () =>
      node.cache.has("any").then(
        () => true,
        () => false,
      ),
    { timeout: 20_000 },
  );

describeWith("redis-server")("an outage of a shared store", () => {
  test("fails commands at once while there is no connection, and ends with it", async () => {
    await using redis = await startRedis({ persistent: true });
    await using a = await start(redis.port);
    await a.cache.put("k", 1);
    await redis.kill();
    await waitFor(async () => {
      const error = await failure(a.cache.get("k"));
      return error instanceof StoreUnavailableError && error.message.includes("no connection");
    });
    const error = (await failure(a.cache.put("k", 2))) as StoreUnavailableError;
    expect(error).toMatchObject({ code: "E_STORE_UNAVAILABLE", applied: "no", cache: "products" });
    expect(await a.cache.fetchOrStore("k", () => Promise.resolve("loaded"))).toBe("loaded");
    expect(
      await a.cache.fetchOrStore("k", () => Promise.resolve("stale"), { staleFor: 1000, ttl: 50 }),
    ).toBe("stale");
    expect((await a.cache.info()).unavailable).toContain("no connection");
    await redis.restart();
    await answers(a);
    const info = await a.cache.info();
    expect(info).toMatchObject({ entries: 1, writes: 1 });
    expect(info).not.toHaveProperty("unavailable");
    expect(await a.cache.get("k")).toBe(1);
    await a.cache.put("k", 3);
    expect((await a.has(2)).map(shortly)).toEqual([
      ["inserted", "k", 1, undefined],
      ["updated", "k", 3, 1],
    ]);
    expect(a.gaps).toEqual([]);
  }, 60_000);

  test("that no reply tells of: the fate of writes is unknown, and calls soon fail at once", async () => {
    await using redis = await startRedis();
    await using proxy = await Proxy.start({ host: "127.0.0.1", port: redis.port });
    await using a = await start(proxy.port, {
      journal: { connectionTimeout: 60_000 },
      adapter: { commandTimeout: 400, near: { maxEntries: 10 } },
    });
    await waitFor(
      () =>
        a.cache.put("k", 1).then(
          () => true,
          () => false,
        ),
      { timeout: 20_000 },
    );
    proxy.stall();
    const [read, write] = await Promise.all([
      failure(a.cache.get("k")),
      failure(a.cache.put("k", 2)),
    ]);
    expect(read).toMatchObject({ code: "E_STORE_UNAVAILABLE", applied: "no" });
    expect(write).toMatchObject({ code: "E_STORE_UNAVAILABLE", applied: "unknown" });
    expect((write as Error).message).toContain("400 ms");
    // The breaker is open: but for one trial in each timeout nothing is sent.
    const errors = await Promise.all(Array.from({ length: 20 }, () => failure(a.cache.get("k"))));
    const fast = errors.filter((error) => (error as Error).message.includes("does not answer"));
    expect(fast.length).toBeGreaterThanOrEqual(19);
    expect(await a.cache.fetchOrStore("k", () => Promise.resolve("loaded"))).toBe("loaded");
    const { entries, unavailable, writes, near } = await a.cache.info();
    expect({ entries, writes, near }).toMatchObject({ entries: NaN, writes: 1, near: {} });
    expect(unavailable).toMatch(/the store of cache products is unavailable: .* not answer/);
    await proxy.restore();
    await answers(a);
    expect([1, 2]).toContain(await a.cache.get("k"));
  }, 60_000);

  test("is none when this process was held up: replies that it has not read yet count", async () => {
    await using redis = await startRedis();
    await using a = await start(redis.port, { adapter: { commandTimeout: 300 } });
    await waitFor(
      () =>
        a.cache.put("k", 1).then(
          () => true,
          () => false,
        ),
      { timeout: 20_000 },
    );
    const began = performance.now();
    const write = a.cache.put("k", 2);
    // It has been sent by then.
    await new Promise((resolve) => setImmediate(resolve));
    // The server has answered this, hence also what came before.
    const ping = `require("net").connect(${redis.port}, "127.0.0.1", function () {
      this.on("data", () => this.destroy()).write("PING\\r\\n");
    })`;
    expect(spawnSync(process.execPath, ["-e", ping]).status).toBe(0);
    while (performance.now() - began < 400);
    await write;
  });

  test("does not hold up the start", async () => {
    const port = await freePort();
    await using a = await start(port, { stream: {} });
    await expect(a.cache.put("k", 1)).rejects.toThrow(StoreUnavailableError);
    expect(await a.cache.fetchOrStore("k", () => Promise.resolve(2))).toBe(2);
  });

  test("by a server that is full is no loss: the error says that nothing was done", async () => {
    await using redis = await startRedis();
    await using a = await start(redis.port);
    await a.cache.put("k", 1);
    await tellRedis(redis, "CONFIG SET maxmemory 1");
    expect(await failure(a.cache.put("k", 2))).toMatchObject({ applied: "no" });
    await tellRedis(redis, "CONFIG SET maxmemory 0");
    expect(await a.cache.get("k")).toBe(1);
    await a.cache.put("k", 3);
    expect((await a.has(2))[1]?.previous).toBe(1);
  });

  test("that loses everything begins a new generation, which readers are told of", async () => {
    await using redis = await startRedis();
    await using a = await start(redis.port);
    for (let n = 0; n < 3; n++) await a.cache.put("k", n);
    await a.has(3);
    await tellRedis(redis, "FLUSHALL");
    await a.cache.put("k", "new");
    await waitFor(() => a.events.some(({ value }) => value === "new"), { timeout: 10_000 });
    expect(a.gaps).toMatchObject([{ reason: "journal_lost" }]);
    expect(a.events.at(-1)?.metadata.position).toBe(0);
    expect(new Set(a.events.map(({ metadata }) => metadata.epoch)).size).toBe(2);
  });
});
