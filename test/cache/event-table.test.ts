import { beforeEach, describe, expect, test } from "@jest/globals";
import { createSystem } from "../../src/actor.js";
import { localAdapter } from "../../src/cache/adapters/local-adapter.js";
import { defineCache } from "../../src/cache/define-cache.js";
import type { Cache } from "../../src/cache/types.js";
import type { CacheEntryEvent } from "../../src/event/types.js";
import { EventLog, ManualClock, startCache } from "../helpers/caches.js";

let clock: ManualClock;
let cache: Cache<string, number>;
let log: EventLog<string, number>;

beforeEach(async () => {
  clock = new ManualClock();
  ({ cache, log } = await open("event-table"));
  cache.putAll([
    ["a", 1],
    ["b", 2],
  ]);
  log.take();
});

async function open(
  name: string,
  options?: { maxEntries?: number; ttl?: number },
): Promise<{ cache: Cache<string, number>; log: EventLog<string, number> }> {
  const opened = defineCache<string, number>({ name, adapter: localAdapter(options) });
  await startCache(opened, createSystem({ clock }));
  return { cache: opened, log: new EventLog(opened) };
}

/** The values that an event has of its own, in order of name. */
function values(event: CacheEntryEvent): unknown {
  const own: Record<string, unknown> = {};
  for (const name of ["previous", "previousValues", "value", "values"] as const)
    if (name in event) own[name] = event[name] instanceof Map ? [...event[name]] : event[name];
  return own;
}

describe("commands on one key", () => {
  test.each<[string, () => unknown, string, number]>([
    ["put", () => cache.put("n", 5), "inserted put n", 5],
    ["putNew", () => cache.putNew("n", 5), "inserted putNew n", 5],
    ["increment", () => cache.increment("n", 5), "inserted increment n", 5],
    ["decrement", () => cache.decrement("n", 5), "inserted decrement n", -5],
    ["update", () => cache.update("n", 5, (v) => v + 1), "inserted update n", 5],
    ["getOrStore", () => cache.getOrStore("n", () => 5), "inserted getOrStore n", 5],
  ])("%s of a new key: inserted", (_, command, expected, value) => {
    command();
    const { events } = log;
    expect(events.map(values)).toEqual([{ value }]);
    expect(log.take()).toEqual([expected]);
    expect(cache.get("n")).toBe(value);
  });

  test("fetchOrStore of a new key: inserted", async () => {
    await cache.fetchOrStore("n", async () => 5);
    expect(log.take()).toEqual(["inserted fetchOrStore n"]);
  });

  test.each<[string, () => unknown, string, number]>([
    ["put", () => cache.put("a", 5), "updated put a", 5],
    ["replace", () => cache.replace("a", 5), "updated replace a", 5],
    ["increment", () => cache.increment("a", 5), "updated increment a", 6],
    ["decrement", () => cache.decrement("a", 5), "updated decrement a", -4],
    ["update", () => cache.update("a", 5, (v) => v + 1), "updated update a", 2],
    ["expire", () => cache.expire("a", 1000), "updated expire a", 1],
  ])("%s of an existing key: updated", (_, command, expected, value) => {
    command();
    expect(log.events.map(values)).toEqual([{ previous: 1, value }]);
    expect(log.take()).toEqual([expected]);
    expect(cache.get("a")).toBe(value);
  });

  test("touch of an entry with a TTL: updated", () => {
    cache.put("a", 1, { ttl: 1000 });
    log.take();
    expect(cache.touch("a")).toBe(true);
    expect(values(log.one())).toEqual({ previous: 1, value: 1 });
    cache.touch("a");
    expect(log.take()).toEqual(["updated touch a"]);
  });

  test.each<[string, () => unknown]>([
    ["delete", () => cache.delete("a")],
    ["take", () => cache.take("a")],
  ])("%s: deleted", (name, command) => {
    command();
    expect(log.events.map(values)).toEqual([{ previous: 1 }]);
    expect(log.take()).toEqual([`deleted ${name} a`]);
    expect(cache.has("a")).toBe(false);
  });
});

describe("no event when the store does not change", () => {
  test.each<[string, () => unknown, unknown]>([
    ["putNew of an existing key", () => cache.putNew("a", 5), false],
    [
      "putNewAll with an existing key",
      () =>
        cache.putNewAll([
          ["n", 1],
          ["a", 5],
        ]),
      false,
    ],
    ["putAll of nothing", () => cache.putAll([]), undefined],
    ["putNewAll of nothing", () => cache.putNewAll([]), true],
    ["replace of a missing key", () => cache.replace("n", 5), false],
    ["delete of a missing key", () => cache.delete("n"), false],
    ["take of a missing key", () => cache.take("n"), undefined],
    ["expire of a missing key", () => cache.expire("n", 5), false],
    ["touch of a missing key", () => cache.touch("n"), false],
    ["touch of an entry without a TTL", () => cache.touch("a"), true],
    ["expire without end of an entry without a TTL", () => cache.expire("a", null), true],
    ["getOrStore of an existing key", () => cache.getOrStore("a", () => 5), 1],
    ["deleteAll by keys that are not there", () => cache.deleteAll({ keys: ["n"] }), 0],
    ["deleteAll by a prefix of none", () => cache.deleteAll({ prefix: "n" }), 0],
    ["deleteAll where nothing is", () => cache.deleteAll({ where: () => false }), 0],
    ["get", () => cache.get("a"), 1],
    ["fetch", () => cache.fetch("a"), 1],
    ["has", () => cache.has("a"), true],
    ["ttl", () => cache.ttl("a"), null],
    ["getAll", () => cache.getAll().size, 2],
    ["countAll", () => cache.countAll(), 2],
    ["stream", () => [...cache.stream()].length, 2],
  ])("%s", (_, command, result) => {
    expect(command()).toBe(result);
    expect(log.take()).toEqual([]);
    expect(cache.getAll()).toEqual(
      new Map([
        ["a", 1],
        ["b", 2],
      ]),
    );
  });

  test("fetchOrStore of an existing key; deleteAll of nothing", async () => {
    expect(await cache.fetchOrStore("a", async () => 5)).toBe(1);
    expect(log.take()).toEqual([]);
    cache.deleteAll();
    log.take();
    expect(cache.deleteAll()).toBe(0);
    expect(log.take()).toEqual([]);
  });
});

describe("commands on several keys", () => {
  test("putAll: one inserted for the new keys, then one updated for the existing", () => {
    cache.putAll([
      ["b", 20],
      ["x", 30],
      ["a", 10],
      ["y", 40],
      ["x", 31],
    ]);
    expect(log.events.map(values)).toEqual([
      {
        values: [
          ["x", 31],
          ["y", 40],
        ],
      },
      {
        previousValues: [
          ["b", 2],
          ["a", 1],
        ],
        values: [
          ["b", 20],
          ["a", 10],
        ],
      },
    ]);
    expect(log.take()).toEqual(["inserted putAll [x y]", "updated putAll [b a]"]);
  });

  test("putAll of one kind only: one event", () => {
    cache.putAll([["x", 1]]);
    cache.putAll([["x", 1]]);
    expect(log.take()).toEqual(["inserted putAll [x]", "updated putAll [x]"]);
  });

  test("putNewAll: one inserted", () => {
    expect(
      cache.putNewAll(
        new Map([
          ["x", 1],
          ["y", 2],
        ]),
      ),
    ).toBe(true);
    expect(log.events.map(values)).toEqual([
      {
        values: [
          ["x", 1],
          ["y", 2],
        ],
      },
    ]);
    expect(log.take()).toEqual(["inserted putNewAll [x y]"]);
  });

  test("deleteAll by keys: those that were there", () => {
    expect(cache.deleteAll({ keys: ["b", "n", "b"] })).toBe(1);
    expect(log.events.map(values)).toEqual([{ previousValues: [["b", 2]] }]);
    expect(log.take()).toEqual(["deleted deleteAll [b]"]);
  });

  test("deleteAll where: those that were picked", () => {
    expect(cache.deleteAll({ where: (key, value) => key === "a" && value === 1 })).toBe(1);
    expect(log.take()).toEqual(["deleted deleteAll [a]"]);
  });

  test("deleteAll by prefix: the prefix, which is literal", () => {
    cache.putAll([
      ["a*", 3],
      ["a*b", 4],
    ]);
    log.take();
    expect(cache.deleteAll({ prefix: "a*" })).toBe(2);
    expect(log.events.map(values)).toEqual([{}]);
    expect(log.one().target).toEqual({ kind: "query", query: { prefix: "a*" } });
    expect(cache.countAll()).toBe(2);
  });

  test("deleteAll of everything: null", () => {
    expect(cache.deleteAll()).toBe(2);
    expect(log.one().target).toEqual({ kind: "query", query: null });
    expect(cache.countAll()).toBe(0);
  });
});

describe("expired", () => {
  beforeEach(() => {
    cache.put("t", 7, { ttl: 100 });
    log.take();
  });

  test.each<[string, () => unknown, unknown]>([
    ["get", () => cache.get("t"), undefined],
    ["has", () => cache.has("t"), false],
    ["ttl", () => cache.ttl("t"), undefined],
    ["replace", () => cache.replace("t", 1), false],
    ["delete", () => cache.delete("t"), false],
    ["take", () => cache.take("t"), undefined],
    ["expire", () => cache.expire("t", 5), false],
    ["touch", () => cache.touch("t"), false],
    ["getAll", () => cache.getAll({ keys: ["t"] }).size, 0],
    ["deleteAll", () => cache.deleteAll({ keys: ["t"] }), 0],
    ["deleteAll", () => cache.deleteAll({ prefix: "t" }), 0],
  ])("found by %s", (name, command, result) => {
    clock.jump(99);
    expect(cache.has("t")).toBe(true);
    clock.jump(1);
    expect(command()).toBe(result);
    expect(log.events.map(values)).toEqual([{ previous: 7 }]);
    expect(log.take()).toEqual([`expired ${name} t`]);
  });

  test.each<[string, () => unknown]>([
    ["put", () => cache.put("t", 1)],
    ["putNew", () => cache.putNew("t", 1)],
    ["increment", () => cache.increment("t")],
    ["decrement", () => cache.decrement("t", -1)],
    ["update", () => cache.update("t", 1, () => 100)],
    ["getOrStore", () => cache.getOrStore("t", () => 1)],
  ])("found by %s, which then inserts", (name, command) => {
    clock.jump(100);
    command();
    expect(log.events.map(values)).toEqual([{ previous: 7 }, { value: 1 }]);
    expect(log.take()).toEqual([`expired ${name} t`, `inserted ${name} t`]);
    expect(cache.get("t")).toBe(1);
    expect(cache.ttl("t")).toBe(null);
  });

  test("found by fetch and fetchOrStore", async () => {
    clock.jump(100);
    expect(() => cache.fetch("t")).toThrow("key not found");
    expect(log.take()).toEqual(["expired fetch t"]);
    cache.put("t", 7, { ttl: 100 });
    clock.jump(100);
    await cache.fetchOrStore("t", async () => 1);
    expect(log.take()).toEqual([
      "inserted put t",
      "expired fetchOrStore t",
      "inserted fetchOrStore t",
    ]);
  });

  test("found by putAll and putNewAll: before what they insert", () => {
    clock.jump(100);
    cache.putAll([
      ["t", 1],
      ["a", 2],
    ]);
    expect(log.take()).toEqual(["expired putAll t", "inserted putAll [t]", "updated putAll [a]"]);
    cache.put("t", 7, { ttl: 100 });
    clock.jump(100);
    log.take();
    expect(cache.putNewAll([["t", 1]])).toBe(true);
    expect(log.take()).toEqual(["expired putNewAll t", "inserted putNewAll [t]"]);
  });

  test("found by deleteAll: before the deletion, and not part of it", () => {
    clock.jump(100);
    expect(cache.deleteAll()).toBe(2);
    expect(log.take()).toEqual(["expired deleteAll t", "deleted deleteAll *"]);
  });

  test("found by deleteAll where: not shown to the function", () => {
    clock.jump(100);
    expect(cache.deleteAll({ where: (key) => key !== "a" })).toBe(1);
    expect(log.take()).toEqual(["deleted deleteAll [b]"]);
  });

  test("not found by a command: by the sweep, within a second", () => {
    clock.advance(1100);
    expect(log.events.map(values)).toEqual([{ previous: 7 }]);
    expect(log.take()).toEqual(["expired sweep t"]);
  });
});

describe("evicted", () => {
  test("the victim before the entry that needed the room; command is the one that needed it", async () => {
    const small = await open("evicting", { maxEntries: 2 });
    small.cache.put("a", 1);
    small.cache.put("b", 2);
    small.cache.get("a");
    small.log.take();
    small.cache.increment("c");
    expect(small.log.events.map(values)).toEqual([{ previous: 2 }, { value: 1 }]);
    expect(small.log.take()).toEqual(["evicted increment b", "inserted increment c"]);
  });

  test("putAll: victims from before it come first, its own last", async () => {
    const small = await open("evicting-putall", { maxEntries: 3 });
    small.cache.putAll([
      ["a", 1],
      ["b", 2],
      ["c", 3],
    ]);
    small.log.take();
    small.cache.putAll([
      ["c", 30],
      ["d", 4],
      ["e", 5],
      ["f", 6],
      ["g", 7],
    ]);
    expect(small.log.take()).toEqual([
      "evicted putAll a",
      "evicted putAll b",
      "inserted putAll [d e f g]",
      "updated putAll [c]",
      "evicted putAll c",
      "evicted putAll d",
    ]);
    expect([...small.cache.getAll().keys()].sort()).toEqual(["e", "f", "g"]);
  });

  test("an entry that putAll evicts before its own turn comes is evicted, then inserted", async () => {
    const small = await open("evicting-own", { maxEntries: 2 });
    small.cache.put("a", 1);
    small.cache.put("b", 2);
    small.log.take();
    small.cache.putAll([
      ["c", 3],
      ["a", 10],
    ]);
    expect(small.log.take()).toEqual([
      "evicted putAll a",
      "evicted putAll b",
      "inserted putAll [c a]",
    ]);
  });

  test("a victim that has reached its TTL has expired", async () => {
    const small = await open("evicting-expired", { maxEntries: 1 });
    small.cache.put("a", 1, { ttl: 100 });
    clock.jump(100);
    small.log.take();
    small.cache.put("b", 2);
    expect(small.log.take()).toEqual(["expired put a", "inserted put b"]);
    expect(small.cache.info()).toMatchObject({ evictions: 0, expirations: 1 });
  });
});

describe("what events say besides", () => {
  test("cache, instance, metadata", async () => {
    const system = createSystem({ clock, name: "place" });
    const tenant = cache.instance("tenant");
    await startCache(tenant, system);
    const events = new EventLog(tenant);
    tenant.put("k", 1);
    clock.jump(250);
    tenant.delete("k");
    const [first, second] = events.events;
    expect(first).toMatchObject({ cache: "event-table", name: "tenant" });
    expect(first?.metadata).toEqual({
      topic: "tenant:inserted",
      partition: null,
      partitions: null,
      node: system.nodeName,
      epoch: expect.stringMatching(/^[0-9a-f]{16}$/),
      sequence: 0,
      position: null,
      timestamp: 1_700_000_000_000,
      origin: null,
      fill: false,
    });
    expect(second?.metadata).toMatchObject({ sequence: 1, timestamp: 1_700_000_000_250 });
    expect(second?.metadata.epoch).toBe(first?.metadata.epoch);
  });

  test("fills are marked", async () => {
    cache.put("p", 1, { fill: true });
    cache.put("p", 2, { fill: false });
    cache.putNew("q", 1, { fill: true });
    cache.replace("q", 1, { fill: true });
    cache.putAll([["r", 1]], { fill: true });
    cache.putNewAll([["s", 1]], { fill: true });
    cache.getOrStore("t", () => 1);
    await cache.fetchOrStore("u", async () => 1);
    cache.update("v", 1, (v) => v);
    expect(log.events.map((event) => event.metadata.fill)).toEqual([
      true,
      false,
      true,
      true,
      true,
      true,
      true,
      true,
      false,
    ]);
  });

  test("the origin of every command of a handle from a ref", async () => {
    const ref = await startCache(defineCache({ name: "somebody" }));
    const mine = cache.from(ref);
    mine.put("a", 2);
    mine.put("a", 2, { fill: true });
    mine.getOrStore("n", () => 1);
    mine.deleteAll();
    mine.put("e", 1, { ttl: 10 });
    clock.jump(10);
    mine.get("e");
    const { events } = log;
    expect(events.map((event) => event.metadata.origin === ref)).toEqual(events.map(() => true));
    expect(events.map((event) => event.metadata.fill)).toEqual([
      false,
      true,
      true,
      false,
      false,
      false,
    ]);
    log.take();
    cache.put("a", 3);
    expect(log.one().metadata.origin).toBe(null);
    mine.put("e", 1, { ttl: 10 });
    log.take();
    clock.advance(1000);
    expect(log.one().metadata.origin).toBe(null);
  });
});
