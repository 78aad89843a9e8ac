import { beforeEach, describe, expect, test } from "@jest/globals";
import {
  CacheNotStartedError,
  KeyNotFoundError,
  OptionError,
  StreamNotFoundError,
} from "../../src/errors.js";
import { localAdapter } from "../../src/cache/adapters/local-adapter.js";
import { defineCache } from "../../src/cache/define-cache.js";
import type { Cache } from "../../src/cache/types.js";
import { EventLog, startCache } from "../helpers/caches.js";

let cache: Cache<string, number>;

beforeEach(async () => {
  cache = defineCache<string, number>({ name: "commands" });
  await startCache(cache);
});

describe("what commands answer", () => {
  test("get, fetch, has, ttl", () => {
    cache.put("a", 1);
    expect([cache.get("a"), cache.fetch("a"), cache.has("a"), cache.ttl("a")]).toEqual([
      1,
      1,
      true,
      null,
    ]);
    expect([cache.get("n"), cache.has("n"), cache.ttl("n")]).toEqual([undefined, false, undefined]);
    expect(() => cache.fetch("n")).toThrow(KeyNotFoundError);
    expect(() => cache.fetch("n")).toThrow(
      expect.objectContaining({ cache: "commands", key: "n" }),
    );
  });

  test("putNew and replace return whether they stored", () => {
    expect([cache.putNew("a", 1), cache.putNew("a", 2), cache.get("a")]).toEqual([true, false, 1]);
    expect([cache.replace("a", 3), cache.replace("n", 3), cache.get("a")]).toEqual([
      true,
      false,
      3,
    ]);
  });

  test("putNewAll stores all or nothing", () => {
    expect(
      cache.putNewAll([
        ["a", 1],
        ["b", 2],
      ]),
    ).toBe(true);
    expect(
      cache.putNewAll([
        ["c", 1],
        ["b", 3],
      ]),
    ).toBe(false);
    expect(cache.getAll()).toEqual(
      new Map([
        ["a", 1],
        ["b", 2],
      ]),
    );
  });

  test("delete and take", () => {
    cache.putAll([
      ["a", 1],
      ["b", 2],
    ]);
    expect([cache.delete("a"), cache.delete("a")]).toEqual([true, false]);
    expect([cache.take("b"), cache.take("b")]).toEqual([2, undefined]);
  });

  test("increment and decrement", () => {
    expect(cache.increment("n")).toBe(1);
    expect(cache.increment("n", 4)).toBe(5);
    expect(cache.decrement("n")).toBe(4);
    expect(cache.increment("d", 5, { default: 10 })).toBe(15);
    expect(cache.decrement("e", 5, { default: 10 })).toBe(5);
    expect(cache.increment("n", 0.5)).toBe(4.5);
  });

  test("update gives what it stored; a new key gets the initial value", () => {
    expect(cache.update("u", 10, (v) => v + 1)).toBe(10);
    expect(cache.update("u", 10, (v) => v + 1)).toBe(11);
    expect(cache.get("u")).toBe(11);
  });

  test("getOrStore calls the function with the key, once", () => {
    const asked: string[] = [];
    const make = (key: string): number => asked.push(key);
    expect([cache.getOrStore("k", make), cache.getOrStore("k", make)]).toEqual([1, 1]);
    expect(asked).toEqual(["k"]);
  });

  test("queries by keys, prefix, function, and of everything", () => {
    cache.putAll([
      ["user:1", 1],
      ["user:2", 2],
      ["group:1", 3],
    ]);
    expect(cache.getAll({ keys: new Set(["user:1", "n"]) })).toEqual(new Map([["user:1", 1]]));
    expect([...cache.getAll({ prefix: "user:" }).values()]).toEqual([1, 2]);
    expect([...cache.getAll({ where: (_, value) => value > 1 }).values()]).toEqual([2, 3]);
    expect(cache.countAll()).toBe(3);
    expect(cache.countAll({ keys: ["user:1", "user:1", "n"] })).toBe(1);
    expect(cache.countAll({ prefix: "user:" })).toBe(2);
    expect(cache.countAll({ where: (key) => key === "group:1" })).toBe(1);
    expect([...cache.stream({ prefix: "g" })]).toEqual([["group:1", 3]]);
    expect([...cache.stream({ keys: ["user:2", "n"] })]).toEqual([["user:2", 2]]);
    expect([...cache.stream({ where: (_, value) => value === 1 })]).toEqual([["user:1", 1]]);
    expect([...cache.stream()].length).toBe(3);
    expect(cache.deleteAll({ keys: ["user:1", "n"] })).toBe(1);
    expect(cache.deleteAll({ where: (_, value) => value === 3 })).toBe(1);
    expect(cache.deleteAll({ prefix: "user:" })).toBe(1);
    cache.put("x", 1);
    expect(cache.deleteAll()).toBe(1);
  });

  test("a prefix matches strings only", async () => {
    const mixed = defineCache<unknown, string>({ name: "mixed" });
    await startCache(mixed);
    mixed.putAll([
      [1, "number"],
      ["1", "string"],
      [["1"], "array"],
    ]);
    expect([...mixed.getAll({ prefix: "1" }).values()]).toEqual(["string"]);
  });

  test("keys are compared as in a Map", async () => {
    const keyed = defineCache<unknown, string>({
      name: "keyed",
      adapter: localAdapter({ maxEntries: 10 }),
    });
    await startCache(keyed);
    const object = {};
    keyed.putAll([
      [1, "number"],
      ["1", "string"],
      [NaN, "nan"],
      [0, "zero"],
      [object, "object"],
      [undefined, "undefined"],
      [null, "null"],
    ]);
    expect([keyed.get(1), keyed.get("1"), keyed.get(NaN), keyed.get(-0)]).toEqual([
      "number",
      "string",
      "nan",
      "zero",
    ]);
    expect([keyed.get(object), keyed.get({})]).toEqual(["object", undefined]);
    expect([keyed.get(undefined), keyed.get(null)]).toEqual(["undefined", "null"]);
  });

  test("undefined is a value", async () => {
    const holder = defineCache<string, undefined>({
      name: "holder",
      adapter: localAdapter({ maxEntries: 10 }),
    });
    await startCache(holder);
    const log = new EventLog(holder);
    holder.put("k", undefined);
    expect([holder.has("k"), holder.fetch("k"), holder.countAll()]).toEqual([true, undefined, 1]);
    expect("value" in log.one()).toBe(true);
    expect(
      holder.getOrStore("k", () => {
        throw new Error("not asked");
      }),
    ).toBe(undefined);
    holder.take("k");
    expect("previous" in log.one()).toBe(true);
  });

  test("info counts in entries", () => {
    cache.putAll([
      ["a", 1],
      ["b", 2],
      ["c", 3],
    ]);
    cache.get("a");
    cache.get("n");
    cache.getAll({ keys: ["a", "b", "n"] });
    cache.take("a");
    cache.getOrStore("g", () => 1);
    cache.increment("b");
    cache.deleteAll({ prefix: "b" });
    expect(cache.info()).toEqual({
      hits: 4,
      misses: 3,
      writes: 5,
      deletions: 2,
      evictions: 0,
      expirations: 0,
      entries: 2,
    });
  });
});

describe("the least recently used entry makes room", () => {
  /** A cache that is full with the entries a and b. */
  async function startFull(): Promise<Cache<string, number>> {
    const small = defineCache<string, number>({
      name: "small",
      adapter: localAdapter({ maxEntries: 2 }),
    });
    await startCache(small);
    small.putAll([
      ["a", 1],
      ["b", 2],
    ]);
    return small;
  }

  test.each<[string, (of: Cache<string, number>) => unknown]>([
    ["get", (of) => of.get("a")],
    ["put", (of) => of.put("a", 2)],
    ["replace", (of) => of.replace("a", 2)],
    ["increment", (of) => of.increment("a")],
    ["getAll by keys", (of) => of.getAll({ keys: ["a"] })],
    ["getOrStore", (of) => of.getOrStore("a", () => 1)],
  ])("%s counts as a use", async (_, use) => {
    const small = await startFull();
    use(small);
    small.put("c", 3);
    expect([small.has("a"), small.has("b"), small.has("c")]).toEqual([true, false, true]);
  });

  test.each<[string, (of: Cache<string, number>) => unknown]>([
    ["has", (of) => of.has("a")],
    ["ttl", (of) => of.ttl("a")],
    ["putNew that stores nothing", (of) => of.putNew("a", 1)],
    ["countAll", (of) => of.countAll({ keys: ["a"] })],
    ["stream", (of) => [...of.stream()]],
  ])("%s does not", async (_, look) => {
    const small = await startFull();
    look(small);
    small.put("c", 3);
    expect(small.has("a")).toBe(false);
  });
});

describe.each([{}, { maxEntries: 100 }])("stream, %j", (options) => {
  beforeEach(async () => {
    cache = defineCache({ name: "streamed", adapter: localAdapter(options) });
    await startCache(cache);
    cache.putAll([
      ["a", 1],
      ["b", 2],
      ["c", 3],
    ]);
  });

  test("is lazy, and may be iterated again", () => {
    const entries = cache.stream();
    cache.put("d", 4);
    expect([...entries].length).toBe(4);
    expect([...entries].length).toBe(4);
  });

  test("tolerates changes: each key at most once, as it is when its turn comes", () => {
    const seen = new Map<string, number>();
    for (const [key, value] of cache.stream()) {
      expect(seen.has(key)).toBe(false);
      seen.set(key, value);
      cache.get(key);
      cache.delete(key);
      cache.put(key, 100);
      cache.put(`${key}${seen.size}`, 0);
      for (const other of ["a", "b", "c"]) if (!seen.has(other)) cache.put(other, 50);
    }
    expect([...seen.keys()].sort()).toEqual(["a", "b", "c"]);
    expect([...seen.values()].sort((a, b) => a - b)).toEqual([expect.any(Number), 50, 50]);
    let count = 0;
    for (const _ of cache.stream({ prefix: "" })) count += cache.deleteAll();
    expect(count).toBeGreaterThan(3);
  });

  test("ends when the cache does", async () => {
    const other = defineCache<string, number>({ name: "ending", adapter: localAdapter(options) });
    const ref = await startCache(other);
    other.putAll([
      ["a", 1],
      ["b", 2],
    ]);
    let count = 0;
    for (const _ of other.stream()) {
      count++;
      void ref.kill();
    }
    expect(count).toBe(1);
  });
});

describe("a function of the caller's that throws changes nothing", () => {
  const broken = (): never => {
    throw new Error("broken");
  };

  test.each<[string, () => unknown]>([
    ["update", () => cache.update("a", 0, broken)],
    ["getOrStore", () => cache.getOrStore("n", broken)],
    ["getAll where", () => cache.getAll({ where: broken })],
    ["countAll where", () => cache.countAll({ where: broken })],
    ["deleteAll where", () => cache.deleteAll({ where: (key) => (key === "a" ? true : broken()) })],
    ["stream where", () => [...cache.stream({ where: broken })]],
    [
      "putAll of a broken iterable",
      () =>
        cache.putAll(
          (function* () {
            yield ["x", 1] as const;
            broken();
          })(),
        ),
    ],
  ])("%s", (_, command) => {
    cache.putAll([
      ["a", 1],
      ["b", 2],
    ]);
    const log = new EventLog(cache);
    expect(command).toThrow("broken");
    expect(log.take()).toEqual([]);
    expect(cache.getAll()).toEqual(
      new Map([
        ["a", 1],
        ["b", 2],
      ]),
    );
  });

  test("fetchOrStore", async () => {
    await expect(cache.fetchOrStore("n", broken)).rejects.toThrow("broken");
    expect(cache.countAll()).toBe(0);
  });
});

describe("a function of the caller's may use the cache", () => {
  test("update over what its function did", () => {
    cache.put("a", 1);
    const log = new EventLog(cache);
    cache.update("a", 0, (value) => {
      cache.put("a", 10);
      return value + 1;
    });
    expect(log.events.map((event) => event.previous)).toEqual([1, 10]);
    expect(log.take()).toEqual(["updated put a", "updated update a"]);
    cache.update("a", 0, () => {
      cache.delete("a");
      return 5;
    });
    expect(log.take()).toEqual(["deleted delete a", "inserted update a"]);
    expect(cache.get("a")).toBe(5);
  });

  test("getOrStore does not store over what its function stored", () => {
    expect(cache.getOrStore("a", () => (cache.put("a", 1), 2))).toBe(1);
    expect(cache.get("a")).toBe(1);
  });

  test("deleteAll where: what was given a TTL meanwhile is deleted, what was written meanwhile is not", () => {
    cache.putAll([
      ["a", 1],
      ["b", 2],
      ["c", 3],
    ]);
    const pick = (key: string): boolean => {
      if (key === "b") {
        cache.expire("a", 5000);
        cache.expire("c", 5000);
        cache.delete("b");
        cache.put("b", 5);
      }
      return true;
    };
    expect(cache.deleteAll({ where: pick })).toBe(2);
    expect([...cache.getAll()]).toEqual([["b", 5]]);
  });

  test("deleteAll where: what went meanwhile is not deleted again", () => {
    cache.putAll([
      ["a", 1],
      ["b", 2],
    ]);
    const log = new EventLog(cache);
    expect(cache.deleteAll({ where: () => (cache.delete("a"), true) })).toBe(1);
    expect(log.take()).toEqual(["deleted delete a", "deleted deleteAll [b]"]);
  });
});

describe("what is wrong is refused, and changes nothing", () => {
  const wrong = <T>(value: unknown): T => value as T;

  test.each<[string, string, () => unknown]>([
    ["ttl of 0", "ttl", () => cache.put("a", 5, { ttl: 0 })],
    ["negative ttl", "ttl", () => cache.put("a", 5, { ttl: -1 })],
    ["ttl that is no number", "ttl", () => cache.putAll([["a", 5]], { ttl: NaN })],
    ["ttl that is text", "ttl", () => cache.replace("a", 5, { ttl: wrong("1") })],
    ["no ttl for expire", "ttl", () => cache.expire("a", wrong(undefined))],
    ["ttl of 0 for expire", "ttl", () => cache.expire("a", 0)],
    ["unknown option of put", "tll", () => cache.put("a", 5, wrong({ tll: 1 }))],
    ["options of put that are no object", "options", () => cache.put("a", 5, wrong(1000))],
    ["options of put that are null", "options", () => cache.put("a", 5, wrong(null))],
    ["fill that is no boolean", "fill", () => cache.put("a", 5, { fill: wrong(1) })],
    [
      "unknown option of increment",
      "initial",
      () => cache.increment("a", 1, wrong({ initial: 1 })),
    ],
    ["infinite amount", "amount", () => cache.increment("a", Infinity)],
    ["amount that is text", "amount", () => cache.decrement("a", wrong("1"))],
    ["default that is no number", "default", () => cache.increment("n", 1, { default: NaN })],
    ["fill of getOrStore", "fill", () => cache.getOrStore("n", () => 1, wrong({ fill: false }))],
    ["no function for update", "fn", () => cache.update("a", 1, wrong(undefined))],
    ["no function for getOrStore", "fn", () => cache.getOrStore("n", wrong(1))],
    ["no function for transaction", "fn", () => cache.transaction(wrong(1))],
    ["entries that are none", "entries", () => cache.putAll(wrong(5))],
    ["entries that are text", "entries", () => cache.putAll(wrong("ab"))],
    ["entries that are no pairs", "entries", () => cache.putAll(wrong([["x", 1], "yz"]))],
    ["query null", "query", () => cache.deleteAll(wrong(null))],
    ["query of no kind", "query", () => cache.deleteAll(wrong({}))],
    ["query of an unknown kind", "query", () => cache.deleteAll(wrong({ suffix: "a" }))],
    ["query of two kinds", "query", () => cache.deleteAll(wrong({ keys: ["a"], prefix: "a" }))],
    [
      "query with something besides",
      "query",
      () => cache.deleteAll(wrong({ prefix: "a", limit: 1 })),
    ],
    ["query that is a function", "query", () => cache.deleteAll(wrong(() => true))],
    ["query that is a list", "query", () => cache.deleteAll(wrong(["a"]))],
    ["keys that are text", "query", () => cache.deleteAll({ keys: wrong("ab") })],
    ["keys that are undefined", "query", () => cache.deleteAll({ keys: wrong(undefined) })],
    ["prefix that is no text", "query", () => cache.countAll({ prefix: wrong(1) })],
    ["where that is no function", "where", () => cache.getAll({ where: wrong(true) })],
    ["where of stream", "query", () => cache.stream(wrong({ whre: () => true }))],
    [
      "listener that is no function",
      "listener",
      () => cache.registerEventListener(wrong<() => void>(1)),
    ],
    [
      "filter that is no function",
      "filter",
      () => cache.registerEventListener(() => {}, { filter: wrong(1) }),
    ],
    [
      "unknown option of a listener",
      "meta",
      () => cache.registerEventListener(() => {}, wrong<object>({ meta: 1 })),
    ],
    ["origin that is no ref", "ref", () => cache.from(wrong({}))],
    ["instance with a colon", "name", () => cache.instance("a:b")],
    ["instance without a name", "name", () => cache.childSpec({ name: "" })],
    ["unknown option of childSpec", "id", () => cache.childSpec(wrong({ id: "x" }))],
  ])("%s", (_, option, command) => {
    cache.putAll([
      ["a", 1],
      ["b", 2],
    ]);
    const log = new EventLog(cache);
    expect(command).toThrow(OptionError);
    expect(command).toThrow(expect.objectContaining({ option }));
    expect(log.take()).toEqual([]);
    expect(cache.getAll()).toEqual(
      new Map([
        ["a", 1],
        ["b", 2],
      ]),
    );
  });

  test("adding to what is no number, and a sum that is too large", async () => {
    const texts = defineCache<string, unknown>({ name: "texts" });
    await startCache(texts);
    texts.putAll([
      ["t", "text"],
      ["n", Number.MAX_VALUE],
    ]);
    expect(() => texts.increment("t")).toThrow("expected the key of a number, got: 'text'");
    expect(() => texts.increment("n", Number.MAX_VALUE)).toThrow(OptionError);
    expect(() => texts.increment("x", Number.MAX_VALUE, { default: Number.MAX_VALUE })).toThrow(
      OptionError,
    );
    expect(texts.getAll()).toEqual(
      new Map<string, unknown>([
        ["t", "text"],
        ["n", Number.MAX_VALUE],
      ]),
    );
  });

  test("fetchOrStore rejects", async () => {
    await expect(cache.fetchOrStore("n", async () => 1, { ttl: 0 })).rejects.toThrow(OptionError);
    await expect(cache.fetchOrStore("n", wrong(1))).rejects.toThrow(OptionError);
    expect(cache.has("n")).toBe(false);
  });

  test.each<[string, string, () => unknown]>([
    ["no options", "options", () => defineCache(wrong(undefined))],
    ["no name", "name", () => defineCache(wrong({}))],
    ["a name with a colon", "name", () => defineCache({ name: "a:b" })],
    ["an empty name", "name", () => defineCache({ name: "" })],
    ["an unknown option", "ttl", () => defineCache(wrong({ name: "a", ttl: 1 }))],
    ["an adapter that is none", "adapter", () => defineCache({ name: "a", adapter: wrong({}) })],
    [
      "an adapter that was not called",
      "adapter",
      () => defineCache({ name: "a", adapter: wrong(localAdapter) }),
    ],
    ["maxEntries of 0", "maxEntries", () => localAdapter({ maxEntries: 0 })],
    [
      "maxEntries beyond what a Map takes",
      "maxEntries",
      () => localAdapter({ maxEntries: 2 ** 24 + 1 }),
    ],
    ["a default ttl of 0", "ttl", () => localAdapter({ ttl: 0 })],
    ["a sweep interval of 0", "sweepInterval", () => localAdapter({ sweepInterval: 0 })],
    ["an unknown adapter option", "max", () => localAdapter(wrong({ max: 1 }))],
    ["adapter options null", "options", () => localAdapter(wrong(null))],
  ])("a definition with %s", (_, option, define) => {
    expect(define).toThrow(OptionError);
    expect(define).toThrow(expect.objectContaining({ option }));
  });
});

describe("without", () => {
  test("a running instance: CacheNotStartedError", async () => {
    const off = defineCache<string, number>({ name: "off" });
    const error = expect.objectContaining({
      code: "E_CACHE_NOT_STARTED",
      cache: "off",
      message: expect.stringMatching(/^cache not started: off: .*children list, and await/),
    });
    expect(() => off.put("a", 1)).toThrow(CacheNotStartedError);
    for (const command of [
      () => off.get("a"),
      () => off.delete("a"),
      () => off.getAll(),
      () => off.stream(),
      () => off.info(),
      () => off.increment("a"),
      () => off.transaction(() => 1),
      () => off.registerEventListener(() => {}),
    ])
      expect(command).toThrow(error);
    await expect(off.fetchOrStore("a", async () => 1)).rejects.toThrow(error);
    expect(off.unregisterEventListener("x")).toBe(false);
  });

  test("a stream: StreamNotFoundError", () => {
    const error = expect.objectContaining({
      stream: "tenant",
      message: "stream server not found: tenant",
    });
    const tenant = cache.instance("tenant");
    expect(() => tenant.subscribe(() => {})).toThrow(StreamNotFoundError);
    expect(() => tenant.subscribe(() => {})).toThrow(error);
    expect(() => tenant.events()).toThrow(error);
  });
});
