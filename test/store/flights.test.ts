import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { waitFor } from "../../src/testing/wait-for.js";
import type { Broker } from "../helpers/brokers/broker.js";
import { describeWith } from "../helpers/brokers/describe-with.js";
import { startRedis } from "../helpers/brokers/servers.js";
import { StoreNode, type StoreNodeOptions } from "./store-lab.js";

/** A source whose answers are given by the test. */
class Source {
  calls = 0;
  #answer!: (value: unknown) => void;
  #fail!: (error: Error) => void;

  readonly load = (): Promise<unknown> => {
    this.calls++;
    return new Promise((resolve, reject) => {
      this.#answer = resolve;
      this.#fail = reject;
    });
  };

  called(times = 1): Promise<unknown> {
    return waitFor(() => this.calls === times, { message: `${times} loads` });
  }

  answer(value: unknown): void {
    this.#answer(value);
  }

  fail(): void {
    this.#fail(new Error("the source fails"));
  }
}

describeWith("redis-server")("fetchOrStore over several processes", () => {
  let redis: Broker;
  let caches = 0;
  beforeAll(async () => void (redis = await startRedis()));
  afterAll(() => redis[Symbol.asyncDispose]());

  const start = (options: StoreNodeOptions = {}): Promise<StoreNode> =>
    StoreNode.start({
      cache: `cache${caches}`,
      stream: false,
      ...options,
      journal: { url: `redis://127.0.0.1:${redis.port}`, ...options.journal },
    });
  const fresh = (options: StoreNodeOptions = {}): Promise<StoreNode> => {
    caches++;
    return start(options);
  };

  test("loads once: the others wait for the value", async () => {
    await using a = await fresh();
    await using b = await start();
    const source = new Source();
    const first = a.cache.fetchOrStore("k", source.load);
    await source.called();
    const others = [b.cache.fetchOrStore("k", source.load), a.cache.fetchOrStore("k", source.load)];
    await b.cache.put("other", 1);
    source.answer("value");
    expect(await Promise.all([first, ...others])).toEqual(["value", "value", "value"]);
    expect(source.calls).toBe(1);
    expect(await a.cache.get("k")).toBe("value");
  });

  test("loads elsewhere after the lease, or at once where the load has failed", async () => {
    await using a = await fresh({ adapter: { flightLease: 300 } });
    await using b = await start({ adapter: { flightLease: 300 } });
    const hanging = new Source();
    const never = a.cache.fetchOrStore("k", hanging.load);
    await hanging.called();
    expect(await b.cache.fetchOrStore("k", () => Promise.resolve("b"))).toBe("b");
    hanging.answer("late");
    expect(await never).toBe("late");
    expect(["b", undefined]).toContain(await a.cache.get("k"));
    const failing = new Source();
    const rejected = a.cache.fetchOrStore("f", failing.load);
    await failing.called();
    const second = b.cache.fetchOrStore("f", () => Promise.resolve("from b"));
    failing.fail();
    await expect(rejected).rejects.toThrow("the source fails");
    expect(await second).toBe("from b");
    expect(await a.cache.get("f")).toBe("from b");
  });

  test.each<[string, (cache: StoreNode["cache"]) => Promise<unknown>, unknown]>([
    ["put", (cache) => cache.put("k", "newer"), "newer"],
    ["delete", (cache) => cache.delete("k"), undefined],
    ["invalidate", (cache) => cache.invalidate("k"), undefined],
    ["deleteAll", (cache) => cache.deleteAll(), undefined],
    [
      "a put that is deleted again",
      (cache) => cache.put("k", 1).then(() => cache.delete("k")),
      undefined,
    ],
  ])("a value loaded before %s elsewhere is not stored", async (_what, change, left) => {
    await using a = await fresh();
    await using b = await start();
    const source = new Source();
    const fetched = a.cache.fetchOrStore("k", source.load);
    await source.called();
    await change(b.cache);
    source.answer("older");
    expect(await fetched).toBe("older");
    expect(await a.cache.get("k")).toBe(left);
  });

  test("of each by itself, if that is wanted", async () => {
    const adapter = { flight: "process" } as const;
    await using a = await fresh({ adapter });
    await using b = await start({ adapter });
    const [one, other] = [new Source(), new Source()];
    const all = [a.cache.fetchOrStore("k", one.load), b.cache.fetchOrStore("k", other.load)];
    await one.called();
    await other.called();
    one.answer(1);
    other.answer(2);
    expect(await Promise.all(all)).toEqual([1, 2]);
  });

  test("gives a stale value, and refreshes it, once for all", async () => {
    await using a = await fresh();
    await using b = await start();
    const options = { ttl: 30, staleFor: 60_000 };
    expect(await a.cache.fetchOrStore("k", () => Promise.resolve(1), options)).toBe(1);
    await waitFor(async () => (await a.cache.get("k")) === undefined);
    // Also when its expiry has been swept.
    await waitFor(
      async () => (await a.cache.info()).expirations + (await b.cache.info()).expirations === 1,
    );
    const source = new Source();
    expect(await b.cache.fetchOrStore("k", source.load, options)).toBe(1);
    await source.called();
    expect(await a.cache.fetchOrStore("k", source.load, options)).toBe(1);
    expect(await a.cache.has("k")).toBe(false);
    source.answer(2);
    await waitFor(async () => (await a.cache.get("k")) === 2);
    expect(source.calls).toBe(1);
    await a.cache.delete("k");
    expect(await a.cache.fetchOrStore("k", () => Promise.resolve(3), options)).toBe(3);
  });
});
