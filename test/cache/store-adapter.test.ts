import { beforeEach, describe, expect, test } from "@jest/globals";
import { createSystem } from "../../src/actor.js";
import { storeAdapter, type StoreAdapterOptions } from "../../src/cache/adapters/store-adapter.js";
import { defineCache } from "../../src/cache/define-cache.js";
import type { AsyncCache } from "../../src/cache/types.js";
import { OptionError, StoreUnavailableError } from "../../src/errors.js";
import { channels } from "../../src/telemetry/channels.js";
import { failure, Gate, until } from "../helpers/actors.js";
import { EventLog, ManualClock, startCache } from "../helpers/caches.js";

type Functions = StoreAdapterOptions<string, unknown>;

let map: Map<string, unknown>;
let clock: ManualClock;

/** The three functions that there have to be, over a Map. */
function three(): Functions {
  return {
    get: async (key) => map.get(key),
    set: async (key, value) => void map.set(key, value),
    delete: async (key) => void map.delete(key),
  };
}

async function start(
  options: Partial<Functions> = {},
  name = "functions",
): Promise<{
  cache: AsyncCache<string, unknown>;
  log: EventLog<string, unknown>;
  stop: () => Promise<void>;
}> {
  const cache = defineCache<string, unknown>({
    name,
    adapter: storeAdapter({ ...three(), ...options }),
  });
  const ref = await startCache(cache, createSystem({ clock }));
  const log = new EventLog<string, unknown>(cache as never);
  return { cache, log, stop: () => ref.stop() };
}

beforeEach(() => {
  map = new Map();
  clock = new ManualClock();
});

test("three functions are enough for what is about keys that are given", async () => {
  const { cache, log } = await start();
  await cache.put("a", 1);
  await cache.putAll([
    ["a", 2],
    ["b", 3],
  ]);
  expect([...map]).toEqual([
    ["a", 2],
    ["b", 3],
  ]);
  map.set("elsewhere", 4);
  expect(await cache.get("elsewhere")).toBe(4);
  expect(await cache.getAll({ keys: ["a", "n", "b"] })).toEqual(
    new Map([
      ["a", 2],
      ["b", 3],
    ]),
  );
  expect(await cache.countAll({ keys: ["a", "n"] })).toBe(1);
  expect(await cache.deleteAll({ keys: ["a", "n"] })).toBe(1);
  expect(log.take()).toEqual([
    "inserted put a",
    "inserted putAll [b]",
    "updated putAll [a]",
    "deleted deleteAll [a]",
  ]);
  expect((await cache.info()).entries).toBe(NaN);
});

test("without listeners a put reads nothing", async () => {
  const reads: string[] = [];
  const adapter = storeAdapter<string>({
    ...three(),
    get: (key) => {
      reads.push(key);
      return map.get(key);
    },
  });
  const cache = defineCache<string, unknown>({ name: "unheard", adapter });
  await startCache(cache, createSystem({ clock }));
  await cache.put("a", 1);
  await cache.putAll([["b", 1]]);
  expect(reads).toEqual([]);
});

describe("what needs an optional function", () => {
  test.each<[string, (c: AsyncCache<string, unknown>) => unknown]>([
    ["getAll", (c) => c.getAll()],
    ["getAll by prefix", (c) => c.getAll({ prefix: "a" })],
    ["countAll", (c) => c.countAll()],
    ["deleteAll", (c) => c.deleteAll()],
    ["deleteAll where", (c) => c.deleteAll({ where: () => true })],
    ["invalidateAll", (c) => c.invalidateAll({ prefix: "a" })],
    [
      "stream",
      async (c) => {
        for await (const entry of c.stream()) void entry;
      },
    ],
  ])("%s is an OptionError that names the function", async (_, command) => {
    const { cache, log } = await start();
    await cache.put("a", 1);
    log.take();
    const error = (await failure(command(cache) as Promise<unknown>)) as OptionError;
    expect(error).toBeInstanceOf(OptionError);
    expect(error.message).toContain('the function "entries" of storeAdapter');
    expect(log.take()).toEqual([]);
    expect(map.size).toBe(1);
  });

  test("clear alone deletes everything, and cannot count it", async () => {
    const { cache, log } = await start({ clear: () => map.clear() });
    await cache.put("a", 1, { ttl: 100 });
    expect(await cache.deleteAll()).toBe(NaN);
    expect(await cache.invalidateAll()).toBe(NaN);
    clock.advance(1000);
    expect(log.take()).toEqual([
      "inserted put a",
      "deleted deleteAll *",
      "deleted invalidateAll *",
    ]);
    expect(map.size).toBe(0);
  });

  test("has is asked, and nothing is read", async () => {
    const asked: string[] = [];
    const { cache } = await start({
      get: () => {
        throw new Error("must not be called");
      },
      has: (key) => {
        asked.push(key);
        return key === "a";
      },
    });
    expect([await cache.has("a"), await cache.has("b")]).toEqual([true, false]);
    expect(asked).toEqual(["a", "b"]);
  });
});

describe("TTLs", () => {
  test("set gets them; the adapter ends them, read or unread, with one event each", async () => {
    const ttls: unknown[] = [];
    const { cache, log } = await start({
      ttl: 500,
      set: (key, value, ttl) => {
        ttls.push(ttl);
        map.set(key, value);
      },
    });
    await cache.put("a", 1);
    await cache.put("b", 2, { ttl: 50 });
    await cache.put("c", 3, { ttl: null });
    await cache.putNew("d", 4, { ttl: Infinity });
    expect(ttls).toEqual([500, 50, undefined, undefined]);
    clock.jump(50);
    expect(await cache.get("b")).toBe(undefined);
    clock.advance(1000);
    await until(() => map.size === 2);
    const expired = log.events.filter(({ type }) => type === "expired");
    expect(expired.map(({ command, previous }) => [command, previous])).toEqual([
      ["get", 2],
      ["sweep", 1],
    ]);
  });

  test("increment gives what is left of it", async () => {
    const ttls: unknown[] = [];
    const { cache } = await start({
      set: (key, value, ttl) => {
        ttls.push(ttl);
        map.set(key, value);
      },
    });
    await cache.increment("n", 1, { ttl: 100 });
    clock.jump(30.5);
    await cache.increment("n");
    await cache.touch("n");
    await cache.expire("n", null);
    expect(ttls).toEqual([100, 70, 100, undefined]);
  });

  test("go on when the instance is started again, also while it was down", async () => {
    const { cache, stop } = await start();
    await cache.put("a", 1, { ttl: 100 });
    await cache.put("b", 1, { ttl: 10_000 });
    await stop();
    expect(clock.pending).toBe(0);
    clock.advance(200);
    expect(map.size).toBe(2);
    await startCache(cache, createSystem({ clock }));
    expect(await cache.ttl("b")).toBe(9800);
    clock.advance(1000);
    await until(() => map.size === 1);
    expect(await cache.get("a")).toBe(undefined);
  });

  test("a sweep that fails is reported once, and tried again", async () => {
    const reported: unknown[] = [];
    const onReport = (message: unknown): void => void reported.push(message);
    channels.callbackError.subscribe(onReport);
    let isDown = true;
    const down = new Error("down");
    const { cache, log } = await start({
      delete: (key) => {
        if (isDown) throw down;
        map.delete(key);
      },
    });
    for (const key of ["a", "b", "c"]) await cache.put(key, 1, { ttl: 100 });
    clock.advance(1000);
    await until(() => reported.length > 0);
    for (let time = 0; time < 3; time++) {
      clock.advance(1500);
      await new Promise((resolve) => void setImmediate(resolve));
    }
    expect(await failure(cache.get("a"))).toBe(down);
    expect(reported).toEqual([expect.objectContaining({ error: down, cache: "functions" })]);
    isDown = false;
    clock.advance(2000);
    await until(() => map.size === 0);
    expect(log.events.filter(({ type }) => type === "expired")).toHaveLength(3);
    channels.callbackError.unsubscribe(onReport);
  });

  describe("of a store that has its own", () => {
    const due = new Map<string, number>();
    const expiring = (): Partial<Functions> => ({
      expires: true,
      get: (key) => ((due.get(key) ?? Infinity) <= clock.now() ? undefined : map.get(key)),
      set: (key, value, ttl) => {
        map.set(key, value);
        due.set(key, ttl === undefined ? Infinity : Math.ceil(clock.now() + ttl));
      },
      delete: () => {
        throw new Error("must not be called");
      },
    });

    test.each([50, 60_000])("expired events have the value: a TTL of %i ms", async (ttl) => {
      const { cache, log } = await start(expiring());
      await cache.put("a", "text", { ttl });
      for (let step = 0; step < ttl + 1000; step += 500) {
        clock.advance(500);
        await new Promise((resolve) => void setImmediate(resolve));
      }
      await until(() => log.events.length === 2);
      const [, event] = log.events;
      expect(event).toMatchObject({ type: "expired", command: "sweep", previous: "text" });
    });

    test("what another process has stored since stays, without an event", async () => {
      const { cache, log } = await start(expiring());
      await cache.put("a", 1, { ttl: 100 });
      due.set("a", Infinity);
      map.set("a", "newer");
      for (let step = 0; step < 6; step++) {
        clock.advance(500);
        await new Promise((resolve) => void setImmediate(resolve));
      }
      expect(await cache.get("a")).toBe("newer");
      expect(await cache.ttl("a")).toBe(null);
      expect(log.take()).toEqual(["inserted put a"]);
    });
  });
});

describe("functions that misbehave", () => {
  const broken = new Error("broken");
  const fail = (): never => {
    throw broken;
  };
  const reject = (): Promise<never> => Promise.reject(broken);

  test.each([
    ["throws", fail],
    ["rejects", reject],
  ])("a function that %s rejects the command with what it throws", async (_, misbehave) => {
    for (const name of ["get", "set", "delete", "has", "entries", "clear"] as const) {
      const { cache, log } = await start({
        ...(name === "clear" ? undefined : { entries: () => map as Map<string, unknown> }),
        [name]: misbehave,
      });
      map.set("a", 1);
      const commands = {
        get: () => cache.get("a"),
        set: () => cache.put("b", 1),
        delete: () => cache.delete("a"),
        has: () => cache.has("a"),
        entries: () => cache.getAll(),
        clear: () => cache.deleteAll(),
      };
      expect(await failure(commands[name]())).toBe(broken);
      expect(log.take()).toEqual([]);
    }
  });

  test("a putAll or deleteAll that fails half-way reports what it did", async () => {
    let left = 2;
    const few = (): void => {
      if (left-- <= 0) throw broken;
    };
    const { cache, log } = await start({
      set: (key, value) => {
        few();
        map.set(key, value);
      },
      delete: (key) => {
        few();
        map.delete(key);
      },
      entries: () => map,
    });
    const pairs = ["a", "b", "c"].map((key) => [key, 1] as const);
    expect(await failure(cache.putAll(pairs))).toBe(broken);
    expect(log.take()).toEqual(["inserted putAll [a b]"]);
    map.set("c", 1);
    for (const query of [undefined, { prefix: "" }]) {
      map = new Map(pairs);
      left = 2;
      expect(await failure(cache.deleteAll(query))).toBe(broken);
      expect(log.take()).toEqual(["deleted deleteAll [a b]"]);
      expect([...map.keys()]).toEqual(["c"]);
    }
  });

  test.each<[string, object, (c: AsyncCache<string, unknown>) => Promise<unknown>]>([
    ["has", { has: () => "yes" }, (c) => c.has("a")],
    ["entries", { entries: () => 5 }, (c) => c.getAll()],
    ["entries", { entries: () => ["ab"] }, (c) => c.getAll()],
    ["entries", { entries: () => [["a"]] }, (c) => c.countAll()],
    ["entries", { entries: () => [null] }, (c) => c.deleteAll()],
  ])("%s that returns garbage is an OptionError", async (option, functions, command) => {
    const { cache } = await start(functions);
    expect(await failure(command(cache))).toMatchObject({ option });
  });

  test("undefined is no value", async () => {
    const { cache } = await start();
    for (const command of [
      cache.put("a", undefined),
      cache.putAll([["a", undefined]]),
      cache.update("a", undefined, (v) => v),
      cache.fetchOrStore("a", () => undefined),
    ])
      expect(await failure(command)).toMatchObject({ option: "value" });
    await cache.put("n", null);
    expect(await cache.get("n")).toBe(null);
  });

  test("info has what is known without a store that does not answer", async () => {
    const { cache } = await start({ commandTimeout: 100, entries: () => new Promise(() => {}) });
    await cache.put("k", 1);
    const asked = cache.info();
    clock.advance(100);
    const { entries, unavailable, writes } = await asked;
    expect({ entries, writes }).toEqual({ entries: NaN, writes: 1 });
    expect(unavailable).toMatch(/is unavailable: .*100 ms/);
  });

  test("a read that hangs is StoreUnavailableError after the timeout: nothing was applied", async () => {
    const { cache } = await start({ commandTimeout: 100, get: () => new Promise(() => {}) });
    const waiting = failure(cache.get("a"));
    clock.advance(100);
    const error = await waiting;
    expect(error).toBeInstanceOf(StoreUnavailableError);
    expect(error).toMatchObject({ cache: "functions", applied: "no" });
    expect((error as Error).message).toContain("not answered within 100 ms");
  });

  test("a write that hangs: its fate is unknown, and its event comes if it was carried out", async () => {
    const gate = new Gate();
    let isSlow = true;
    const { cache, log } = await start({
      commandTimeout: 100,
      set: async (key, value) => {
        if (isSlow) await gate.promise;
        map.set(key, value);
      },
    });
    const settle = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
    const first = failure(cache.put("a", 1));
    const second = failure(cache.put("a", 2));
    await settle();
    clock.advance(100);
    expect(await first).toMatchObject({ applied: "unknown" });
    expect(await second).toMatchObject({ applied: "no" });
    // At once, without a wait and without a call: the one before has not been answered.
    for (const command of [cache.put("a", 3), cache.get("a"), cache.putAll([["a", 1]])])
      expect(await failure(command)).toMatchObject({ applied: "no" });
    isSlow = false;
    await cache.put("b", 1);
    gate.open();
    await until(() => map.has("a"));
    await settle();
    expect(log.take()).toEqual(["inserted put b", "inserted put a"]);
    await cache.put("a", 4);
    expect(await cache.get("a")).toBe(4);
    expect(log.take()).toEqual(["updated put a"]);
  });

  test("a command of many calls has no limit as long as they are answered", async () => {
    const { cache } = await start({
      commandTimeout: 100,
      entries: async function* () {
        for (let n = 0; n < 5; n++) {
          clock.advance(90);
          await Promise.resolve();
          yield [`k${n}`, n] as const;
        }
      },
    });
    expect(await cache.countAll()).toBe(5);
    const stream = cache.stream()[Symbol.asyncIterator]();
    expect(await stream.next()).toEqual({ done: false, value: ["k0", 0] });
    await stream.return?.();
  });
});

test("one store serves one instance; a function makes one for each", async () => {
  const cache = defineCache<string, unknown>({ name: "one", adapter: storeAdapter(three()) });
  await startCache(cache);
  const error = await failure(startCache(cache.instance("other")));
  expect(error).toMatchObject({ option: "adapter" });
  const maps = new Map<string, Map<string, unknown>>();
  const each = defineCache<string, unknown>({
    name: "each",
    adapter: storeAdapter(({ cache: of, name }) => {
      const own = new Map<string, unknown>();
      maps.set(`${of}/${name}`, own);
      return own;
    }),
  });
  for (const instance of [each, each.instance("b")]) {
    await startCache(instance);
    await instance.put(instance.name, 1);
  }
  expect([...maps].map(([name, own]) => [name, ...own.keys()])).toEqual([
    ["each/each", "each"],
    ["each/b", "b"],
  ]);
  const wrong = defineCache({ name: "wrong", adapter: storeAdapter((() => ({})) as never) });
  expect(await failure(startCache(wrong))).toMatchObject({ option: "get" });
});

test.each<[string, object]>([
  ["get", { get: undefined }],
  ["set", { set: 5 }],
  ["delete", { delete: null }],
  ["has", { has: true }],
  ["entries", { entries: [] }],
  ["clear", { clear: "all" }],
  ["ttl", { ttl: 0 }],
  ["expires", { expires: 1 }],
  ["commandTimeout", { commandTimeout: 0 }],
  ["sweepInterval", { sweepInterval: 0.5 }],
  ["maxStale", { maxStale: 0 }],
  ["max", { max: 5 }],
])("a wrong option is an OptionError: %s", (option, options) => {
  expect(() => storeAdapter({ ...three(), ...options } as never)).toThrow(
    expect.objectContaining({ option }),
  );
});

describe("staleFor", () => {
  test("keeps no more values than maxStale, and those of this process only", async () => {
    const { cache, log } = await start({ maxStale: 2 });
    const options = { ttl: 100, staleFor: 5000 };
    for (const key of ["a", "b", "c"]) await cache.fetchOrStore(key, () => key, options);
    clock.advance(1000);
    await until(() => map.size === 0);
    await until(() => log.events.length === 6);
    const answers = [];
    for (const key of ["a", "b", "c"])
      answers.push(await cache.fetchOrStore(key, () => "new", { ttl: 100, staleFor: 5000 }));
    expect(answers).toEqual(["new", "b", "c"]);
  });

  test("timeout also ends the wait for a store that hangs", async () => {
    const { cache } = await start({ get: () => new Promise(() => {}) });
    for (const options of [{ timeout: 50 }, { timeout: 50, staleFor: 5 }]) {
      const waiting = failure(cache.fetchOrStore("a", () => 1, options));
      clock.advance(50);
      expect(await waiting).toMatchObject({ code: "E_FETCH_TIMEOUT" });
    }
  });
});
