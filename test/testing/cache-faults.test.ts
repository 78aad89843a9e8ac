import { describe, expect, test } from "@jest/globals";
import {
  type Adapter,
  type AsyncAdapter,
  type AsyncStore,
  type Cache,
  createSystem,
  defineCache,
  localAdapter,
  lookupStream,
  startSupervisor,
  streamServer,
} from "nebulex-streams";
import {
  actorsOf,
  failCommand,
  faultyAdapter,
  injectFaults,
  recordTree,
  refuseRegistration,
  SimulatedClock,
} from "nebulex-streams/testing";
import { failure, Listener, until } from "../helpers/actors.js";

const injected = expect.objectContaining({ code: "E_INJECTED_FAULT" });

describe("a cache that refuses registrations", () => {
  test("does so n times: the stream server retries, and then is registered", async () => {
    const clock = new SimulatedClock();
    const system = createSystem({ name: "refuse-n", clock });
    const cache = defineCache<string, number>({ name: "refuse-n" });
    using retries = new Listener<{ attempt: number; error: unknown }>(
      "nebulex.streams.registration_retry",
    );
    const faults = injectFaults(system, { faults: [refuseRegistration({ cache, times: 3 })] });
    const tree = await startSupervisor({
      system,
      strategy: "rest_for_one",
      children: [cache, streamServer({ cache, backoffInitial: 100 })],
    });
    expect(lookupStream(cache)?.registered).toBe(false);
    await clock.advance(1000);
    expect(lookupStream(cache)?.registered).toBe(true);
    expect(retries.messages.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
    expect(retries.messages.map(({ error }) => error)).toEqual([injected, injected, injected]);
    expect(faults.report()).toMatchObject({ injected: 3, bySubject: { "refuse-n": 3 } });
    faults.stop();
    await tree.stop();
    await system.stop();
  });

  test("distinguishes listeners by their ids, with an error of the tester's; several at once; and not any more when stopped", async () => {
    const system = createSystem({ name: "refuse-id" });
    const cache = defineCache<string, number>({ name: "refuse-id" });
    const tree = await startSupervisor({ system, strategy: "one_for_one", children: [cache] });
    const error = new Error("closed");
    const one = injectFaults(system, { faults: [refuseRegistration({ cache, id: "one", error })] });
    const two = injectFaults(system, { faults: [refuseRegistration({ cache, id: "two" })] });
    const register = (id: string): void => cache.registerEventListener(() => {}, { id });
    expect(() => register("one")).toThrow(error);
    expect(() => register("two")).toThrow(injected);
    register("three");
    one.stop();
    register("one");
    expect(() => register("two")).toThrow(injected);
    two.stop();
    register("two");
    await tree.stop();
    await system.stop();
  });
});

async function withCache(
  name: string,
  adapter: Adapter,
  run: (cache: Cache<string, number>, system: ReturnType<typeof createSystem>) => unknown,
): Promise<void> {
  const system = createSystem({ name });
  const cache = defineCache<string, number>({ name, adapter });
  await startSupervisor({ system, strategy: "one_for_one", maxRestarts: 10, children: [cache] });
  try {
    await run(cache, system);
  } finally {
    await system.stop();
  }
}

describe("a faulty adapter", () => {
  test("does what the other does, where there is no fault", async () => {
    await withCache("faulty-none", faultyAdapter(localAdapter()), (cache) => {
      cache.putAll([
        ["a", 1],
        ["b", 2],
      ]);
      cache.increment("a", 4);
      expect(cache.fetch("a")).toBe(5);
      expect([...cache.stream({ prefix: "b" })]).toEqual([["b", 2]]);
      expect(cache.info()).toMatchObject({ entries: 2 });
      expect(cache.deleteAll()).toBe(2);
    });
  });

  test("has the named command throw, by its trigger; it has changed nothing", async () => {
    const adapter = faultyAdapter(localAdapter());
    await withCache("faulty-named", adapter, (cache, system) => {
      const faults = injectFaults(system, {
        faults: [failCommand({ adapter, command: ["put", "decrement"], every: 2 })],
      });
      cache.put("a", 1);
      expect(() => cache.put("a", 2)).toThrow(injected);
      expect(cache.get("a")).toBe(1);
      expect(cache.increment("a")).toBe(2);
      expect(cache.decrement("a")).toBe(1);
      expect(() => cache.decrement("a")).toThrow(injected);
      expect(faults.report()).toMatchObject({
        byKind: { fail_command: 2 },
        bySubject: { "faulty-named": 2 },
      });
      faults.stop();
      cache.put("a", 3);
      expect(cache.get("a")).toBe(3);
    });
  });

  const calls: Record<string, (cache: Cache<string, number>) => unknown> = {
    get: (cache) => cache.get("a"),
    fetch: (cache) => cache.fetch("a"),
    has: (cache) => cache.has("a"),
    ttl: (cache) => cache.ttl("a"),
    put: (cache) => cache.put("a", 1),
    putNew: (cache) => cache.putNew("a", 1),
    replace: (cache) => cache.replace("a", 1),
    putAll: (cache) => cache.putAll([["a", 1]]),
    putNewAll: (cache) => cache.putNewAll([["a", 1]]),
    delete: (cache) => cache.delete("a"),
    take: (cache) => cache.take("a"),
    expire: (cache) => cache.expire("a", 1),
    touch: (cache) => cache.touch("a"),
    increment: (cache) => cache.increment("a"),
    decrement: (cache) => cache.decrement("a"),
    update: (cache) => cache.update("a", 1, (value) => value),
    getOrStore: (cache) => cache.getOrStore("a", () => 1),
    getAll: (cache) => cache.getAll(),
    deleteAll: (cache) => cache.deleteAll(),
    countAll: (cache) => cache.countAll(),
    stream: (cache) => cache.stream(),
  };

  test("has every command throw an error of the tester's, where none is named", async () => {
    const adapter = faultyAdapter(localAdapter());
    const error = new Error("disk on fire");
    await withCache("faulty-all", adapter, async (cache, system) => {
      injectFaults(system, { faults: [failCommand({ adapter, error })] });
      for (const call of Object.values(calls)) expect(() => call(cache)).toThrow(error);
      expect(await failure(cache.fetchOrStore("a", () => 1))).toBe(error);
      expect(cache.info()).toMatchObject({ entries: 0 });
    });
  });

  test("has an instance's start fail; the supervisor tries again", async () => {
    const adapter = faultyAdapter(localAdapter());
    await withCache("faulty-open", adapter, async (cache, system) => {
      cache.put("a", 1);
      using recorder = recordTree(system, { actor: "faulty-open" });
      injectFaults(system, { faults: [failCommand({ adapter, command: "open", times: 2 })] });
      await actorsOf(system).at(-1)?.kill();
      await until(() => recorder.count("started") === 1);
      expect(recorder.lines.map((line) => line.replace(/ injected.*/, ""))).toEqual([
        "exited faulty-open killed",
        "restart faulty-open 1",
        "start_failed faulty-open",
        "restart faulty-open 2",
        "start_failed faulty-open",
        "restart faulty-open 3",
        "started faulty-open",
      ]);
      expect(cache.has("a")).toBe(false);
    });
  });

  test("has an asynchronous store's commands reject", async () => {
    const map = new Map<unknown, unknown>();
    const store = {
      get: async (key: unknown, absent: unknown) => (map.has(key) ? map.get(key) : absent),
      put: async (key: unknown, value: unknown) => void map.set(key, value),
      async *stream() {
        yield* map;
      },
      close: async () => {},
    };
    const plain: AsyncAdapter = {
      async: true,
      open: async <K, V>() => store as unknown as AsyncStore<K, V>,
    };
    const adapter = faultyAdapter(plain);
    const system = createSystem({ name: "faulty-async" });
    const cache = defineCache<string, number>({ name: "faulty-async", adapter });
    const tree = await startSupervisor({ system, strategy: "one_for_one", children: [cache] });
    await cache.put("a", 1);
    const faults = injectFaults(system, { faults: [failCommand({ adapter, times: 3 })] });
    expect(await failure(cache.put("a", 2))).toEqual(injected);
    expect(await failure(cache.get("a"))).toEqual(injected);
    const all = async (): Promise<unknown[]> => {
      const entries: unknown[] = [];
      for await (const entry of cache.stream()) entries.push(entry);
      return entries;
    };
    expect(await failure(all())).toEqual(injected);
    expect(await cache.get("a")).toBe(1);
    expect(await all()).toEqual([["a", 1]]);
    expect(faults.report().injected).toBe(3);
    await tree.stop();
    await system.stop();
  });
});

describe("options of cache faults", () => {
  const cache = defineCache({ name: "cache-fault-options" });
  const adapter = faultyAdapter(localAdapter());

  test.each<{ option: string; make: () => unknown }>([
    { option: "cache", make: () => refuseRegistration({} as never) },
    { option: "cach", make: () => refuseRegistration({ cache, cach: 1 } as never) },
    { option: "times", make: () => refuseRegistration({ cache, times: 0.5 }) },
    { option: "error", make: () => refuseRegistration({ cache, error: 1 as never }) },
    { option: "adapter", make: () => faultyAdapter(undefined as never) },
    { option: "adapter", make: () => failCommand({ adapter: localAdapter() }) },
    { option: "command", make: () => failCommand({ adapter, command: "pot" as never }) },
    { option: "command", make: () => failCommand({ adapter, command: [] }) },
    { option: "actor", make: () => failCommand({ adapter, actor: "a" } as never) },
  ])("a wrong or unknown $option is refused: $make", ({ option, make }) => {
    expect(make).toThrow(expect.objectContaining({ code: "E_OPTION", option }));
  });
});
