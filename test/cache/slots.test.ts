import { describe, expect, test } from "@jest/globals";
import { createSystem } from "../../src/actor.js";
import { localAdapter } from "../../src/cache/adapters/local-adapter.js";
import { StoreClock } from "../../src/cache/adapters/store-clock.js";
import type { HashMemo } from "../../src/cache/adapter.js";
import { defineCache } from "../../src/cache/define-cache.js";
import { tap } from "../../src/cache/listener.js";
import { systemClock } from "../../src/clock.js";
import { monotonicNow, nextTurn } from "../../src/timers.js";
import { ManualClock, startCache } from "../helpers/caches.js";

/** A tap that keeps a number with each key as a stream keeps its hash, and notes if it is wrong. */
function hashingTap() {
  const numbers = new Map<unknown, number>();
  const wrong: string[] = [];
  let reused = 0;
  const noop = (): void => {};
  const entry = (...[, , key, , , memo]: unknown[]): void => {
    const own = numbers.get(key) ?? numbers.size + 1;
    numbers.set(key, own);
    const { hash } = (memo ?? {}) as Partial<HashMemo>;
    if (hash === undefined) {
      if (memo !== undefined) (memo as HashMemo).hash = own;
      return;
    }
    reused++;
    if (hash !== own) wrong.push(`${String(key)}: ${hash} for ${own}`);
  };
  const recorder = { entry, entries: noop, query: noop };
  return { listener: Object.assign(noop, { [tap]: recorder }), wrong, reused: () => reused };
}

describe.each([undefined, 8])("the hash of a key, maxEntries %p", (maxEntries) => {
  const limit = maxEntries === undefined ? {} : { maxEntries };

  test("is kept with its entry, and with no other that gets its slot", async () => {
    const cache = defineCache<string, number>({
      name: `hashes-${maxEntries}`,
      adapter: localAdapter(limit),
    });
    await startCache(cache);
    const { listener, wrong, reused } = hashingTap();
    cache.registerEventListener(listener as never);
    for (let n = 0; n < 2000; n++) {
      const key = `k${(n * 7919) % 23}`;
      if (n % 5 === 0) cache.delete(key);
      else cache.put(key, n);
      if (n % 97 === 0) cache.deleteAll();
    }
    expect(wrong).toEqual([]);
    expect(reused()).toBeGreaterThan(500);
  });

  test("is not mixed up by listeners that change the cache while a change is reported", async () => {
    const clock = new ManualClock();
    const cache = defineCache<string, number>({
      name: `reentrant-${maxEntries}`,
      adapter: localAdapter({ ...limit, ttl: 10 }),
    });
    await startCache(cache, createSystem({ clock }));
    let left = 0;
    let n = 0;
    cache.registerEventListener(({ type }) => {
      if (left-- <= 0) return;
      n += 3;
      if (type === "inserted") cache.put(`k${n % 23}`, n);
      else cache.delete(`k${n % 19}`);
    });
    const { listener, wrong, reused } = hashingTap();
    cache.registerEventListener(listener as never);
    for (; n < 20_000; n++) {
      left = 3;
      cache.put(`k${(n * 7919) % 23}`, n);
      if (n % 11 === 0) clock.jump(6);
    }
    expect(wrong).toEqual([]);
    expect(reused()).toBeGreaterThan(500);
  });
});

test.each([undefined, 2])("undefined is a value like any other, maxEntries %p", async (max) => {
  const cache = defineCache<string, undefined>({
    name: `undefined-${max}`,
    adapter: localAdapter(max === undefined ? {} : { maxEntries: max }),
  });
  await startCache(cache);
  cache.put("a", undefined);
  cache.put("b", undefined);
  cache.put("a", undefined);
  expect([cache.has("a"), cache.countAll(), cache.fetch("a")]).toEqual([true, 2, undefined]);
  cache.put("c", undefined);
  expect([...cache.stream()].map(([key]) => key).sort()).toEqual(
    max === undefined ? ["a", "b", "c"] : ["a", "c"],
  );
});

describe("the clock of a store", () => {
  test("is looked at for one of many reads of a turn, and again in the next", async () => {
    let looks = 0;
    const original = systemClock.now;
    systemClock.now = () => {
      looks++;
      return 1000;
    };
    try {
      const clock = new StoreClock(systemClock);
      const inTenMinutes = clock.now() + 600_000;
      looks = 0;
      for (let n = 0; n < 1000; n++) expect(clock.hasCome(inTenMinutes)).toBe(false);
      expect(looks).toBeLessThan(40);
      await nextTurn();
      looks = 0;
      clock.hasCome(inTenMinutes);
      expect(looks).toBe(1);
    } finally {
      systemClock.now = original;
    }
  });

  test("is exact where the time is not Node's", () => {
    const manual = new ManualClock();
    const clock = new StoreClock(manual);
    for (let n = 0; n < 100; n++) expect(clock.hasCome(20_000)).toBe(false);
    manual.jump(20_000);
    expect(clock.hasCome(20_000)).toBe(true);
  });

  test("an entry that comes due in the middle of a turn is not served, however it was read", async () => {
    const cache = defineCache<string, number>({ name: "busy-turn", adapter: localAdapter() });
    await startCache(cache);
    cache.put("far", 1, { ttl: 600_000 });
    cache.put("near", 1, { ttl: 30 });
    const due = monotonicNow() + 31;
    while (monotonicNow() < due) {
      cache.get("far");
      cache.get("near");
    }
    expect(cache.get("near")).toBe(undefined);
    expect(cache.get("far")).toBe(1);
  });
});
