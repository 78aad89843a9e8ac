import { beforeEach, describe, expect, test } from "@jest/globals";
import { createSystem } from "../../src/actor.js";
import { localAdapter } from "../../src/cache/adapters/local-adapter.js";
import { defineCache } from "../../src/cache/define-cache.js";
import type { Cache } from "../../src/cache/types.js";
import { waitFor } from "../../src/testing/wait-for.js";
import { SimulatedClock } from "../../src/testing/simulated-clock.js";
import { EventLog, ManualClock, startCache } from "../helpers/caches.js";

let clock: ManualClock;
let cache: Cache<unknown, number>;

beforeEach(() => open({}));

async function open(options: {
  ttl?: number;
  maxEntries?: number;
  sweepInterval?: number;
}): Promise<void> {
  clock = new ManualClock();
  cache = defineCache({ name: "expiry", adapter: localAdapter(options) });
  await startCache(cache, createSystem({ clock }));
}

describe("the TTL of an entry", () => {
  test("is what is left of it", () => {
    cache.put("a", 1, { ttl: 1000 });
    expect(cache.ttl("a")).toBe(1000);
    clock.jump(400);
    expect(cache.ttl("a")).toBe(600);
    clock.jump(600);
    expect(cache.ttl("a")).toBe(undefined);
  });

  test("null and Infinity: none, also not the default", async () => {
    await open({ ttl: 1000 });
    cache.put("a", 1);
    cache.put("b", 1, { ttl: null });
    cache.put("c", 1, { ttl: Infinity });
    expect([cache.ttl("a"), cache.ttl("b"), cache.ttl("c")]).toEqual([1000, null, null]);
    expect([cache.expire("a", Infinity), cache.ttl("a")]).toEqual([true, null]);
  });

  test.each([undefined, 5000])(
    "put without one: the default (%p), whatever the entry had",
    async (ttl) => {
      await open(ttl === undefined ? {} : { ttl });
      const expected = ttl ?? null;
      for (const store of [
        () => cache.put("a", 2),
        () => cache.replace("a", 2),
        () => cache.putAll([["a", 2]]),
      ]) {
        cache.put("a", 1, { ttl: 100 });
        store();
        expect(cache.ttl("a")).toBe(expected);
        cache.put("a", 1, { ttl: null });
        store();
        expect(cache.ttl("a")).toBe(expected);
      }
      cache.putNew("n", 1);
      cache.putNewAll([["m", 1]]);
      cache.increment("i");
      cache.update("u", 1, (v) => v);
      cache.getOrStore("g", () => 1);
      await cache.fetchOrStore("f", async () => 1);
      expect(["n", "m", "i", "u", "g", "f"].map((key) => cache.ttl(key))).toEqual(
        Array(6).fill(expected),
      );
    },
  );

  test("increment, decrement and update keep it, unless one is given", async () => {
    await open({ ttl: 9000 });
    cache.put("a", 1, { ttl: 1000 });
    clock.jump(100);
    cache.increment("a");
    cache.decrement("a");
    cache.update("a", 0, (v) => v + 1);
    expect(cache.ttl("a")).toBe(900);
    cache.increment("a", 1, { ttl: 50 });
    expect(cache.ttl("a")).toBe(50);
    cache.update("a", 0, (v) => v, { ttl: null });
    expect(cache.ttl("a")).toBe(null);
    cache.decrement("a");
    expect(cache.ttl("a")).toBe(null);
  });

  test("is taken from the options of every command that stores", async () => {
    cache.put("1", 1, { ttl: 100 });
    cache.putNew("2", 1, { ttl: 100 });
    cache.replace("2", 1, { ttl: 100 });
    cache.putAll([["3", 1]], { ttl: 100 });
    cache.putNewAll([["4", 1]], { ttl: 100 });
    cache.increment("5", 1, { ttl: 100 });
    cache.update("6", 1, (v) => v, { ttl: 100 });
    cache.getOrStore("7", () => 1, { ttl: 100 });
    await cache.fetchOrStore("8", async () => 1, { ttl: 100 });
    expect([...cache.getAll().keys()].map((key) => cache.ttl(key))).toEqual(Array(8).fill(100));
  });

  test("expire sets it, touch restarts it", () => {
    cache.put("a", 1);
    expect(cache.expire("a", 500)).toBe(true);
    clock.jump(400);
    expect(cache.touch("a")).toBe(true);
    expect(cache.ttl("a")).toBe(500);
    cache.expire("a", null);
    expect(cache.ttl("a")).toBe(null);
  });

  test("may be a fraction, and longer than a timer takes", () => {
    cache.put("a", 1, { ttl: 0.25 });
    cache.put("b", 1, { ttl: Number.MAX_VALUE });
    expect(cache.ttl("a")).toBe(0.25);
    clock.advance(1000);
    expect([cache.has("a"), cache.has("b")]).toEqual([false, true]);
    expect(cache.ttl("b")).toBe(Number.MAX_VALUE);
  });

  test("what is past it is not counted and not shown", () => {
    cache.put("a", 1, { ttl: 100 });
    cache.put("b", 2);
    clock.jump(100);
    expect(cache.countAll()).toBe(1);
    expect(cache.info().entries).toBe(1);
    expect(cache.countAll({ keys: ["a", "b"] })).toBe(1);
    expect(cache.countAll({ where: () => true })).toBe(1);
    expect([...cache.stream()]).toEqual([["b", 2]]);
    expect([...cache.stream({ keys: ["a"] })]).toEqual([]);
    expect(cache.getAll()).toEqual(new Map([["b", 2]]));
  });
});

describe("expiry without a read", () => {
  test("comes within a second, each in its time", () => {
    const due = new Map<unknown, number>();
    const late = new Map<unknown, number>();
    cache.registerEventListener(({ type, target }) => {
      if (type === "expired" && target.kind === "key")
        late.set(target.key, clock.now() - (due.get(target.key) ?? NaN));
    });
    for (let n = 0; n < 400; n++) {
      const ttl = Math.round(1.05 ** n * 10);
      due.set(n, clock.now() + ttl);
      cache.put(n, n, { ttl });
      if (n % 7 === 0) clock.advance(33);
    }
    clock.advance(1.05 ** 400 * 20);
    expect(late.size).toBe(400);
    expect([...late.values()].filter((ms) => !(ms >= 0 && ms <= 1000))).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  test("an entry whose TTL was lengthened, shortened or dropped expires when it should", () => {
    const log = new EventLog(cache);
    cache.putAll(
      [
        ["longer", 1],
        ["shorter", 1],
        ["never", 1],
      ],
      { ttl: 5000 },
    );
    cache.expire("longer", 20_000);
    cache.expire("shorter", 1000);
    cache.expire("never", null);
    log.take();
    clock.advance(2000);
    expect(log.take()).toEqual(["expired sweep shorter"]);
    clock.advance(17_999);
    expect(log.take()).toEqual([]);
    clock.advance(1001);
    expect(log.take()).toEqual(["expired sweep longer"]);
    clock.advance(100_000);
    expect(cache.has("never")).toBe(true);
  });

  test("the clock is not asked, and no timer set, where nothing has a TTL", () => {
    const asked = countLooks(clock);
    cache.put("a", 1);
    cache.put("a", 2);
    cache.get("a");
    cache.delete("a");
    cache.putAll([
      ["a", 1],
      ["b", 2],
    ]);
    cache.increment("a");
    expect(asked()).toBe(0);
    expect(clock.pending).toBe(0);
  });

  test("100,000 entries: one timer, and slices that leave the event loop its turns", async () => {
    const simulated = new SimulatedClock();
    const many = defineCache<number, number>({ name: "many", adapter: localAdapter() });
    await startCache(many, createSystem({ clock: simulated }));
    let timers = 0;
    let expired = 0;
    const inTurn: number[] = [];
    many.registerEventListener((event) => {
      if (event.type !== "expired") return;
      if (expired++ === 0) setImmediate(() => inTurn.push(expired));
    });
    for (let n = 0; n < 100_000; n++) {
      many.put(n, n, { ttl: 1000 + (n % 100) });
      timers = Math.max(timers, simulated.pending);
    }
    expect(timers).toBe(1);
    await simulated.advance(2000);
    expect(expired).toBe(100_000);
    expect(inTurn[0]).toBeLessThan(50_000);
    expect(simulated.pending).toBe(0);
    expect(many.info()).toMatchObject({ entries: 0, expirations: 100_000 });
  });

  test("between two slices the rest is gone for readers, and may be written again", () => {
    for (let n = 0; n < 50_000; n++) cache.put(n, n, { ttl: 100 });
    const log = new EventLog(cache);
    const timers: (() => void)[] = [];
    clock.setTimeout = (fn) => timers.push(fn);
    clock.advance(1000);
    expect(log.events.length).toBe(20_000);
    expect(cache.info().entries).toBe(0);
    log.take();
    cache.put(49_999, 1);
    expect(cache.get(40_000)).toBe(undefined);
    expect(log.take()).toEqual(["expired put 49999", "inserted put 49999", "expired get 40000"]);
    while (timers.length > 0) timers.shift()?.();
    expect(log.events.length).toBe(29_998);
    expect(cache.info()).toMatchObject({ entries: 1, expirations: 50_000 });
  });

  test("entries that go before their time leave nothing behind", () => {
    for (let n = 0; n < 10_000; n++) {
      cache.put(n % 10, n, { ttl: 3_600_000 });
      if (n % 3 === 0) cache.delete(n % 10);
      clock.advance(100);
    }
    cache.deleteAll();
    clock.advance(7_200_000);
    expect(cache.info().expirations).toBe(0);
    expect(clock.pending).toBe(0);
  });

  test("a listener may clear the cache in the middle of a sweep", () => {
    for (let n = 0; n < 10; n++) cache.put(n, n, { ttl: 100 });
    cache.put("other", 1, { ttl: 60_000 });
    const log = new EventLog(cache);
    let cleared = false;
    cache.registerEventListener((event) => {
      if (event.type !== "expired" || cleared) return;
      cleared = true;
      cache.deleteAll();
      cache.put("after", 1, { ttl: 100 });
    });
    clock.advance(2000);
    expect(log.events.filter((event) => event.type === "expired").length).toBe(11);
    expect(cache.countAll()).toBe(0);
    expect(clock.pending).toBe(0);
  });

  test("a longer sweep interval gives the promise up", async () => {
    await open({ sweepInterval: 60_000 });
    const log = new EventLog(cache);
    cache.put("a", 1, { ttl: 100 });
    log.take();
    clock.advance(59_000);
    expect(log.take()).toEqual([]);
    expect(cache.countAll()).toBe(0);
    clock.advance(1000);
    expect(log.take()).toEqual(["expired sweep a"]);
  });

  test("the end of the cache clears the timer", async () => {
    const ending = defineCache<string, number>({ name: "ending" });
    const ref = await startCache(ending, createSystem({ clock }));
    ending.put("a", 1, { ttl: 1000 });
    expect(clock.pending).toBe(1);
    await ref.kill();
    expect(clock.pending).toBe(0);
  });

  test("in real time", async () => {
    const real = defineCache<string, number>({ name: "real" });
    await startCache(real);
    const expired: number[] = [];
    real.registerEventListener((event) => {
      if (event.type === "expired") expired.push(performance.now());
    });
    const begin = performance.now();
    real.put("a", 1, { ttl: 50 });
    await waitFor(() => expired.length > 0);
    expect((expired[0] ?? NaN) - begin).toBeGreaterThanOrEqual(50);
  });
});

/** Counts how often a clock is asked for the time from now on. */
function countLooks(target: ManualClock): () => number {
  let looks = 0;
  const now = target.now.bind(target);
  target.now = () => {
    looks++;
    return now();
  };
  return () => looks;
}
