import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { type ActorRef, createSystem } from "../../src/actor.js";
import { faultyAdapter } from "../../src/testing.js";
import { localAdapter } from "../../src/cache/adapters/local-adapter.js";
import { nilAdapter } from "../../src/cache/adapters/nil-adapter.js";
import { slotOf } from "../../src/cache/cache-handle.js";
import { defineCache } from "../../src/cache/define-cache.js";
import type { Cache } from "../../src/cache/types.js";
import { FetchTimeoutError, OptionError } from "../../src/errors.js";
import { channels } from "../../src/telemetry/channels.js";
import { failure, Gate, until } from "../helpers/actors.js";
import { EventLog, ManualClock, startCache } from "../helpers/caches.js";

let clock: ManualClock;
let cache: Cache<string, number>;
let log: EventLog<string, number>;
let ref: ActorRef;
let reported: { error: unknown; key: unknown; name: unknown }[];
const onReport = (message: unknown): void => void reported.push(message as never);

async function start(maxEntries?: number): Promise<void> {
  clock = new ManualClock();
  const adapter = localAdapter(maxEntries === undefined ? {} : { maxEntries });
  cache = defineCache<string, number>({ name: "products", adapter });
  ref = await startCache(cache, createSystem({ clock }));
  log = new EventLog(cache);
}

beforeEach(async () => {
  reported = [];
  channels.callbackError.subscribe(onReport);
  await start();
});

afterEach(() => {
  channels.callbackError.unsubscribe(onReport);
});

/** Stores a value that lives for 100 ms, and is kept for 1000 ms after that. */
const store = (key: string, value: number): Promise<number> =>
  cache.fetchOrStore(key, () => value, { ttl: 100, staleFor: 1000 });

const never = (): Promise<number> => {
  throw new Error("must not be called");
};

/** What a call is answered at once, if it is. */
async function staleOf(key: string, staleFor = 1000): Promise<number | undefined> {
  let isLoading = false;
  const answer = cache.fetchOrStore(
    key,
    () => {
      isLoading = true;
      throw new Error("not now");
    },
    { staleFor },
  );
  const value = await answer.catch(() => undefined);
  expect(isLoading).toBe(true);
  return value;
}

describe("staleFor", () => {
  test("a value is answered at once after its TTL, and refreshed once behind", async () => {
    await store("k", 1);
    clock.advance(150);
    const gate = new Gate<number>();
    let loads = 0;
    const load = (): Promise<number> => {
      loads++;
      return gate.promise;
    };
    const options = { ttl: 100, staleFor: 1000 };
    const asked = [1, 2, 3].map(() => cache.fetchOrStore("k", load, options));
    expect(await Promise.all(asked)).toEqual([1, 1, 1]);
    expect(loads).toBe(1);
    gate.open(2);
    await until(() => cache.has("k"));
    expect(await cache.fetchOrStore("k", load, options)).toBe(2);
    expect(loads).toBe(1);
    clock.advance(150);
    expect(await staleOf("k")).toBe(2);
  });

  test("the entry itself is gone at its TTL, with one event, for all other commands", async () => {
    await store("k", 1);
    clock.advance(50);
    expect(cache.get("k")).toBe(1);
    clock.advance(600);
    expect(log.take()).toEqual(["inserted fetchOrStore k", "expired sweep k"]);
    expect([cache.get("k"), cache.has("k"), cache.ttl("k")]).toEqual([undefined, false, undefined]);
    expect(cache.getAll().size + cache.countAll() + [...cache.stream()].length).toBe(0);
    expect(cache.info()).toMatchObject({ entries: 0, expirations: 1 });
    expect([cache.replace("k", 2), cache.expire("k", 5), cache.touch("k")]).toEqual([
      false,
      false,
      false,
    ]);
    expect(await staleOf("k")).toBe(1);
    clock.advance(2000);
    expect(log.take()).toEqual([]);
  });

  test("the call that finds an entry due makes its event", async () => {
    await store("k", 1);
    clock.jump(100);
    log.take();
    expect(await cache.fetchOrStore("k", () => 2, { staleFor: 1 })).toBe(1);
    await until(() => cache.has("k"));
    expect(log.take()).toEqual(["expired fetchOrStore k", "inserted fetchOrStore k"]);
  });

  test("no longer than the call that stored it, nor than the one that asks", async () => {
    await store("k", 1);
    clock.advance(100 + 499);
    expect(await staleOf("k", 500)).toBe(1);
    expect(await staleOf("k", 499)).toBe(undefined);
    clock.advance(500);
    expect(await staleOf("k", 5000)).toBe(1);
    clock.advance(1);
    expect(await staleOf("k", 5000)).toBe(undefined);
  });

  test("without staleFor the call waits, and stores nothing that is kept", async () => {
    await store("k", 1);
    clock.advance(150);
    expect(await cache.fetchOrStore("k", () => 2, { ttl: 100 })).toBe(2);
    clock.advance(150);
    expect(await staleOf("k")).toBe(undefined);
  });

  test("undefined and null are values", async () => {
    const values = defineCache<string, null | undefined>({ name: "values" });
    await startCache(values, createSystem({ clock }));
    for (const value of [undefined, null]) {
      const options = { ttl: 100, staleFor: 1000 };
      await values.fetchOrStore(String(value), () => value, options);
      clock.advance(150);
      const answer = values.fetchOrStore(String(value), never as never, options);
      expect(await answer).toBe(value);
    }
  });

  test("a loader that fails leaves it, is reported, and is called again by the next call", async () => {
    await store("k", 1);
    clock.advance(150);
    const broken = new Error("broken");
    for (let time = 1; time <= 2; time++) {
      const load = async (): Promise<number> => {
        throw broken;
      };
      expect(await cache.fetchOrStore("k", load, { staleFor: 1000 })).toBe(1);
      await until(() => reported.length === time);
    }
    expect(reported[1]).toMatchObject({ error: broken, key: "k", name: "products" });
  });

  test("a failure that a caller waits for is that caller's, and is not reported", async () => {
    await store("k", 1);
    clock.advance(150);
    const gate = new Gate<number>();
    const stale = cache.fetchOrStore("k", () => gate.promise, { staleFor: 1000 });
    const waiting = failure(cache.fetchOrStore("k", never));
    const broken = new Error("broken");
    gate.fail(broken);
    expect([await stale, await waiting]).toEqual([1, broken]);
    expect(reported).toEqual([]);
  });

  test("a refresh is no part of the load or the transaction that started it", async () => {
    await store("k", 1);
    clock.advance(150);
    const value = await cache.fetchOrStore("outer", async () => {
      // The refresh asks for the key whose load has started it: no cycle, since nobody waits for it.
      const load = (): Promise<number> => cache.fetchOrStore("outer", never);
      return (await cache.fetchOrStore("k", load, { staleFor: 1000 })) + 10;
    });
    expect(value).toBe(11);
    await until(() => cache.get("k") === 11);
    clock.advance(10);
    const order: string[] = [];
    await store("t", 1);
    clock.advance(150);
    await cache.transaction(async () => {
      const load = (): number | Promise<number> =>
        cache.transaction(() => {
          order.push("refresh");
          return 2;
        });
      await cache.fetchOrStore("t", load, { staleFor: 1000 });
      order.push("transaction");
    });
    await until(() => order.length === 2);
    expect(order).toEqual(["transaction", "refresh"]);
  });
});

describe("what is kept is dropped", () => {
  const commands: [string, () => unknown][] = [
    ["put", () => cache.put("k", 9, { ttl: 1 })],
    ["putNew", () => cache.putNew("k", 9, { ttl: 1 })],
    ["putAll", () => cache.putAll([["k", 9]], { ttl: 1 })],
    ["putNewAll", () => cache.putNewAll([["k", 9]], { ttl: 1 })],
    ["increment", () => cache.increment("k", 1, { ttl: 1 })],
    ["update", () => cache.update("k", 1, (v) => v, { ttl: 1 })],
    ["getOrStore", () => cache.getOrStore("k", () => 9, { ttl: 1 })],
    ["delete", () => cache.delete("k")],
    ["take", () => cache.take("k")],
    ["invalidate", () => cache.invalidate("k")],
    ["deleteAll", () => cache.deleteAll()],
    ["deleteAll by keys", () => cache.deleteAll({ keys: ["x", "k"] })],
    ["deleteAll by prefix", () => cache.deleteAll({ prefix: "k" })],
    ["deleteAll where", () => cache.deleteAll({ where: () => false })],
    ["invalidateAll", () => cache.invalidateAll({ keys: ["k"] })],
  ];
  test.each(commands)("by %s of the key, after its TTL", async (_, command) => {
    await store("k", 1);
    clock.advance(600);
    command();
    clock.advance(600);
    expect(await staleOf("k")).toBe(undefined);
  });

  test.each(commands)("by %s of the key that is due and not yet found", async (_, command) => {
    await store("k", 1);
    clock.jump(100);
    command();
    clock.advance(600);
    expect(await staleOf("k")).toBe(undefined);
  });

  test.each<[string, () => unknown]>([
    ["put", () => cache.put("k", 9, { ttl: 50 })],
    ["replace", () => cache.replace("k", 9, { ttl: 50 })],
    ["putAll", () => cache.putAll([["k", 9]], { ttl: 50 })],
    ["delete", () => [cache.delete("k"), cache.put("k", 9, { ttl: 50 })]],
    ["deleteAll", () => [cache.deleteAll(), cache.put("k", 9, { ttl: 50 })]],
  ])("and not kept at all after %s before its TTL", async (_, command) => {
    await store("k", 1);
    command();
    clock.advance(600);
    expect(await staleOf("k")).toBe(undefined);
  });

  test.each<[string, () => unknown, number]>([
    ["expire", () => cache.expire("k", 50), 1],
    ["touch", () => cache.touch("k"), 1],
    ["increment", () => cache.increment("k"), 2],
    ["update", () => cache.update("k", 0, (v) => v + 1), 2],
    ["reads", () => [cache.get("k"), cache.has("k"), cache.getAll()], 1],
    ["writes of other keys", () => [cache.put("x", 1), cache.deleteAll({ prefix: "x" })], 1],
  ])("but not by %s before its TTL", async (_, command, value) => {
    await store("k", 1);
    command();
    clock.advance(600);
    expect(await staleOf("k")).toBe(value);
  });

  test("by a write while it is refreshed, which wins", async () => {
    await store("k", 1);
    clock.advance(150);
    const gate = new Gate<number>();
    expect(await cache.fetchOrStore("k", () => gate.promise, { staleFor: 1000 })).toBe(1);
    cache.delete("k");
    expect(await staleOf("k")).toBe(undefined);
    gate.open(2);
    await gate.promise;
    await new Promise((resolve) => void setImmediate(resolve));
    expect(cache.has("k")).toBe(false);
  });

  test("by the end of the instance", async () => {
    await store("k", 1);
    clock.advance(150);
    await ref.stop();
    expect(clock.pending).toBe(0);
    await startCache(cache, createSystem({ clock }));
    expect(await staleOf("k")).toBe(undefined);
  });

  test("while reads are bypassed it is not answered, and not kept", async () => {
    await store("k", 1);
    clock.advance(150);
    const end = slotOf(cache).bypass();
    expect(await staleOf("k")).toBe(undefined);
    await store("n", 1);
    end();
    expect(cache.has("n")).toBe(false);
    expect(await staleOf("k")).toBe(1);
  });

  test("at the end of its time, with no timer left", async () => {
    await store("k", 1);
    clock.advance(100 + 1000 + 500);
    expect(clock.pending).toBe(0);
  });
});

describe("maxEntries", () => {
  beforeEach(() => start(3));

  const storeAll = async (keys: string[]): Promise<void> => {
    for (const key of keys) await store(key, 1);
  };

  test("a new entry takes the place of the oldest stale value, before that of an entry", async () => {
    await storeAll(["a", "b", "c"]);
    clock.advance(600);
    log.take();
    cache.put("x", 1);
    cache.put("y", 1);
    expect(log.take()).toEqual(["inserted put x", "inserted put y"]);
    expect([await staleOf("a"), await staleOf("b"), await staleOf("c")]).toEqual([
      undefined,
      undefined,
      1,
    ]);
    cache.put("z", 1);
    expect(await staleOf("c")).toBe(undefined);
    cache.put("w", 1);
    expect(log.take()).toEqual(["inserted put z", "evicted put x", "inserted put w"]);
  });

  test("its own stale value makes the room for a key", async () => {
    await storeAll(["a", "b", "c"]);
    clock.advance(600);
    cache.put("b", 2);
    expect([await staleOf("a"), await staleOf("c")]).toEqual([1, 1]);
  });

  test("an evicted entry leaves none", async () => {
    await storeAll(["a", "b", "c"]);
    cache.put("d", 1);
    expect(log.take()).toContain("evicted put a");
    expect(await staleOf("a")).toBe(undefined);
  });

  test("any number of times around", async () => {
    for (let round = 0; round < 50; round++) {
      await store(`k${round}`, round);
      clock.advance(round % 7 === 0 ? 150 : 20);
      let kept = 0;
      for (let key = 0; key <= round; key++)
        if (!cache.has(`k${key}`) && (await staleOf(`k${key}`)) !== undefined) kept++;
      expect(kept + cache.countAll()).toBeLessThanOrEqual(3);
    }
  });
});

describe("timeout and signal", () => {
  test("timeout ends the wait of one caller; the load goes on and is stored", async () => {
    const gate = new Gate<number>();
    const patient = cache.fetchOrStore("k", () => gate.promise);
    const hasty = failure(cache.fetchOrStore("k", never, { timeout: 50 }));
    clock.advance(50);
    const error = await hasty;
    expect(error).toBeInstanceOf(FetchTimeoutError);
    expect(error).toMatchObject({ code: "E_FETCH_TIMEOUT", cache: "products", key: "k" });
    expect((error as Error).message).toBe(
      "fetchOrStore had no value for 'k' of cache products within 50 ms",
    );
    gate.open(5);
    expect(await patient).toBe(5);
    expect(cache.get("k")).toBe(5);
    expect(clock.pending).toBe(0);
  });

  test("what the cache has by then is answered instead", async () => {
    const gate = new Gate<number>();
    const fresh = cache.fetchOrStore("k", () => gate.promise, { timeout: 50 });
    cache.put("k", 7);
    clock.advance(50);
    expect(await fresh).toBe(7);
    const stale = cache.fetchOrStore("s", () => gate.promise, { timeout: 700, staleFor: 1000 });
    cache.delete("s");
    await store("s", 8);
    clock.advance(700);
    expect(await stale).toBe(8);
  });

  test("a load that fails when nobody waits any more is reported", async () => {
    const gate = new Gate<number>();
    const controller = new AbortController();
    const { signal } = controller;
    const aborted = failure(cache.fetchOrStore("k", () => gate.promise, { signal }));
    const timedOut = failure(cache.fetchOrStore("k", never, { timeout: 50 }));
    const reason = new Error("gone");
    controller.abort(reason);
    expect(await aborted).toBe(reason);
    clock.advance(50);
    await timedOut;
    const broken = new Error("broken");
    gate.fail(broken);
    await until(() => reported.length > 0);
    expect(reported).toEqual([expect.objectContaining({ error: broken, key: "k" })]);
  });

  test("a signal that is aborted already: nothing is loaded, and nothing answered", async () => {
    cache.put("k", 1);
    const signal = AbortSignal.abort(new Error("early"));
    expect(await failure(cache.fetchOrStore("k", never, { signal }))).toBe(signal.reason);
    expect(await failure(cache.fetchOrStore("n", never, { signal }))).toBe(signal.reason);
  });

  test("a hit waits for nothing, and leaves no timer", async () => {
    cache.put("k", 1);
    expect(await cache.fetchOrStore("k", never, { timeout: 50 })).toBe(1);
    expect(clock.pending).toBe(0);
  });
});

describe("ttl as a function", () => {
  test("gets value and key; undefined is the default", async () => {
    const ttls: (number | null | undefined)[] = [250, null, undefined, Infinity];
    for (const [index, ttl] of ttls.entries()) {
      const seen: unknown[] = [];
      await cache.fetchOrStore(`k${index}`, () => index, {
        ttl: (value, key) => {
          seen.push(value, key);
          return ttl;
        },
      });
      expect(seen).toEqual([index, `k${index}`]);
      expect(cache.ttl(`k${index}`)).toBe(ttl === 250 ? 250 : null);
    }
  });

  test("what it throws, and a wrong TTL, reject the call; nothing is stored", async () => {
    const broken = new Error("broken");
    const throws = cache.fetchOrStore("k", () => 1, {
      ttl: () => {
        throw broken;
      },
    });
    expect(await failure(throws)).toBe(broken);
    for (const ttl of [-1, "5", Promise.resolve(5)])
      expect(
        await failure(cache.fetchOrStore("k", () => 1, { ttl: () => ttl as number })),
      ).toBeInstanceOf(OptionError);
    expect(cache.has("k")).toBe(false);
  });

  test("is not called for a hit, nor when a write wins", async () => {
    cache.put("k", 1);
    const ttl = (): number => {
      throw new Error("must not be called");
    };
    expect(await cache.fetchOrStore("k", never, { ttl })).toBe(1);
    const gate = new Gate<number>();
    const waiting = cache.fetchOrStore("w", () => gate.promise, { ttl });
    cache.put("w", 2);
    gate.open(3);
    expect(await waiting).toBe(3);
  });
});

test.each<[string, object]>([
  ["ttl", { ttl: 0 }],
  ["staleFor", { staleFor: 0 }],
  ["staleFor", { staleFor: Infinity }],
  ["staleFor", { staleFor: null }],
  ["timeout", { timeout: -1 }],
  ["timeout", { timeout: "1" }],
  ["signal", { signal: {} }],
  ["fill", { fill: true }],
  ["options", [5] as object],
])("a wrong option is an OptionError: %s %j", async (option, options) => {
  cache.put("k", 1);
  const error = await failure(cache.fetchOrStore("k", never, options));
  expect(error).toBeInstanceOf(OptionError);
  expect((error as OptionError).option).toBe(option);
});

test("an adapter that keeps no stale values refuses staleFor; nilAdapter takes it", async () => {
  const plain = localAdapter();
  const adapter = {
    open: (context: never) => {
      const opened = plain.open(context) as object;
      return Object.assign(Object.create(opened), {
        getStale: undefined,
        get: () => undefined,
        close: () => {},
      });
    },
  };
  const old = defineCache<string, number>({ name: "old", adapter: adapter as never });
  await startCache(old);
  const error = await failure(old.fetchOrStore("k", never, { staleFor: 5 }));
  expect(error).toMatchObject({ option: "staleFor" });
  const nil = defineCache<string, number>({ name: "nil", adapter: nilAdapter() });
  await startCache(nil);
  expect(await nil.fetchOrStore("k", () => 4, { staleFor: 5, timeout: 5 })).toBe(4);
  const faulty = faultyAdapter(localAdapter());
  const wrapped = defineCache<string, number>({ name: "wrapped", adapter: faulty });
  await startCache(wrapped);
  expect(await wrapped.fetchOrStore("k", () => 4, { staleFor: 5 })).toBe(4);
});
