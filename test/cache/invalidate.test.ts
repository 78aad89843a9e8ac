import { describe, expect, test } from "@jest/globals";
import {
  type ActorRef,
  type ActorSystem,
  type AsyncCache,
  type Cache,
  createSystem,
  defineCache,
  localAdapter,
  nilAdapter,
  OptionError,
} from "nebulex-streams";
import {
  failCommand,
  faultyAdapter,
  InjectedFaultError,
  injectFaults,
} from "nebulex-streams/testing";
import { failure, Gate } from "../helpers/actors.js";
import { EventLog, ManualClock, startCache } from "../helpers/caches.js";
import { asyncAdapter } from "../invalidator/async-adapter.js";

async function open(adapter = localAdapter()): Promise<{
  cache: Cache<string, number>;
  log: EventLog<string, number>;
  clock: ManualClock;
  ref: ActorRef;
  system: ActorSystem;
}> {
  const clock = new ManualClock();
  const cache = defineCache<string, number>({ name: "users", adapter });
  const system = createSystem({ clock });
  const ref = await startCache(cache, system);
  cache.putAll([
    ["a1", 1],
    ["a2", 2],
    ["b", 3],
  ]);
  return { cache, log: new EventLog(cache), clock, ref, system };
}

describe("a cache whose store is in the process", () => {
  test("invalidate: always one event, and whether there was an entry", async () => {
    const { cache, log } = await open();
    expect(cache.invalidate("b")).toBe(true);
    expect(log.one()).toMatchObject({ type: "deleted", command: "invalidate", previous: 3 });
    expect(cache.invalidate("b")).toBe(false);
    const event = log.one();
    expect(event).toMatchObject({ type: "deleted", target: { kind: "key", key: "b" } });
    expect([event.value, event.previous, event.metadata.fill]).toEqual([
      undefined,
      undefined,
      false,
    ]);
    expect(cache.info()).toMatchObject({ deletions: 1, entries: 2, misses: 0 });
  });

  test.each<[string, Parameters<Cache<string, number>["invalidateAll"]>[0], number, string[]]>([
    ["all", undefined, 3, ["deleted invalidateAll *"]],
    ["a prefix", { prefix: "a" }, 2, ["deleted invalidateAll a*"]],
    ["a prefix of nothing", { prefix: "x" }, 0, ["deleted invalidateAll x*"]],
    ["keys that are there", { keys: ["a1", "b"] }, 2, ["deleted invalidateAll [a1 b]"]],
    ["keys that are not", { keys: ["x", "y"] }, 0, ["deleted invalidateAll [x y]"]],
    [
      "some of both",
      { keys: ["x", "b"] },
      1,
      ["deleted invalidateAll [b]", "deleted invalidateAll [x]"],
    ],
    ["no keys", { keys: [] }, 0, []],
    ["where", { where: (_key, value) => value > 1 }, 2, ["deleted invalidateAll [a2 b]"]],
    ["where nothing", { where: () => false }, 0, []],
  ])("invalidateAll: %s", async (_, query, deleted, events) => {
    const { cache, log } = await open();
    expect(cache.invalidateAll(query)).toBe(deleted);
    expect(log.take()).toEqual(events);
    expect(cache.countAll()).toBe(3 - deleted);
  });

  test("invalidateAll of an empty cache is an event, and a wrong query changes nothing", async () => {
    const { cache, log } = await open();
    expect(() => cache.invalidateAll({ key: "a1" } as never)).toThrow(OptionError);
    expect(cache.deleteAll()).toBe(3);
    expect(cache.invalidateAll()).toBe(0);
    expect(log.take()).toEqual(["deleted deleteAll *", "deleted invalidateAll *"]);
  });

  test("an entry whose time has come has expired before", async () => {
    const { cache, log, clock } = await open();
    cache.expire("b", 10);
    log.take();
    clock.jump(10);
    expect(cache.invalidate("b")).toBe(false);
    expect(log.take()).toEqual(["expired invalidate b", "deleted invalidate b"]);
  });

  test("what a listener stores meanwhile comes behind it", async () => {
    const { cache, log, clock } = await open();
    cache.registerEventListener(({ type }) => {
      if (type === "expired") cache.put("b", 4);
    });
    cache.expire("b", 10);
    log.take();
    clock.jump(10);
    cache.invalidate("b");
    expect(log.take()).toEqual(["expired invalidate b", "deleted invalidate b", "inserted put b"]);
    expect(cache.get("b")).toBe(4);
  });

  test("a fetch under way is not stored", async () => {
    const { cache } = await open();
    for (const invalidate of [
      () => cache.invalidate("n"),
      () => cache.invalidateAll({ keys: ["n"] }),
      () => cache.invalidateAll({ prefix: "n" }),
      () => cache.invalidateAll(),
    ]) {
      const gate = new Gate<number>();
      const value = cache.fetchOrStore("n", () => gate.promise);
      invalidate();
      gate.open(5);
      expect(await value).toBe(5);
      expect(cache.has("n")).toBe(false);
    }
  });

  test("from a handle with an origin, and in a transaction", async () => {
    const { cache, log, ref } = await open();
    expect(cache.transaction(() => cache.from(ref).invalidate("x"))).toBe(false);
    expect(log.one().metadata.origin).toBe(ref);
  });

  test("where nothing is stored, it is an event all the same", async () => {
    const { cache, log } = await open(nilAdapter());
    expect([cache.invalidate("a"), cache.invalidateAll()]).toEqual([false, 0]);
    expect(log.take()).toEqual(["deleted invalidate a", "deleted invalidateAll *"]);
  });

  test("a store that fails: the command throws, and there is no event", async () => {
    const adapter = faultyAdapter(localAdapter());
    const { cache, log, system } = await open(adapter);
    injectFaults(system, { faults: [failCommand({ adapter, command: "invalidate", every: 2 })] });
    expect(cache.invalidate("x")).toBe(false);
    log.take();
    expect(() => cache.invalidate("b")).toThrow(InjectedFaultError);
    expect(log.take()).toEqual([]);
    expect(cache.invalidate("b")).toBe(true);
  });
});

describe("a cache whose store is elsewhere", () => {
  test("the same, with promises", async () => {
    const cache: AsyncCache<string, number> = defineCache<string, number>({
      name: "users",
      adapter: asyncAdapter(),
    });
    expect(await failure(cache.invalidate("a"))).toMatchObject({ code: "E_CACHE_NOT_STARTED" });
    await startCache(cache);
    await cache.putAll([
      ["a", 1],
      ["b", 2],
    ]);
    const log = new EventLog<string, number>(cache as never);
    expect([await cache.invalidate("a"), await cache.invalidate("a")]).toEqual([true, false]);
    expect(await cache.invalidateAll({ keys: ["a", "b"] })).toBe(1);
    expect([await cache.invalidateAll({ prefix: "x" }), await cache.invalidateAll()]).toEqual([
      0, 0,
    ]);
    expect(log.take()).toEqual([
      "deleted invalidate a",
      "deleted invalidate a",
      "deleted invalidateAll [b]",
      "deleted invalidateAll [a b]",
      "deleted invalidateAll x*",
      "deleted invalidateAll *",
    ]);
    expect(await failure(cache.invalidateAll({} as never))).toBeInstanceOf(OptionError);
  });
});
