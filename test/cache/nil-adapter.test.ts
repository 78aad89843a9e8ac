import { expect, test } from "@jest/globals";
import { nilAdapter } from "../../src/cache/adapters/nil-adapter.js";
import { defineCache } from "../../src/cache/define-cache.js";
import { KeyNotFoundError, OptionError } from "../../src/errors.js";
import { EventLog, startCache } from "../helpers/caches.js";

test("stores nothing, emits nothing, and answers as a cache that loses everything at once", async () => {
  const cache = defineCache<string, number>({ name: "nil", adapter: nilAdapter() });
  await startCache(cache);
  const log = new EventLog(cache);
  cache.put("a", 1);
  cache.putAll([["a", 1]]);
  expect([cache.putNew("a", 1), cache.putNewAll([["a", 1]]), cache.replace("a", 1)]).toEqual([
    true,
    true,
    false,
  ]);
  expect([cache.get("a"), cache.has("a"), cache.ttl("a"), cache.take("a")]).toEqual([
    undefined,
    false,
    undefined,
    undefined,
  ]);
  expect(() => cache.fetch("a")).toThrow(KeyNotFoundError);
  expect([cache.delete("a"), cache.expire("a", 5), cache.touch("a")]).toEqual([
    false,
    false,
    false,
  ]);
  expect([cache.increment("a", 2, { default: 3 }), cache.decrement("a")]).toEqual([5, -1]);
  expect(cache.update("a", 1, (v) => v + 1)).toBe(1);
  expect(cache.getOrStore("a", (key) => key.length)).toBe(1);
  expect(await cache.fetchOrStore("a", async () => 2)).toBe(2);
  expect([
    cache.getAll().size,
    cache.countAll(),
    cache.deleteAll(),
    [...cache.stream()].length,
  ]).toEqual([0, 0, 0, 0]);
  expect(cache.transaction(() => 1)).toBe(1);
  expect(Object.values(cache.info())).toEqual([0, 0, 0, 0, 0, 0, 0]);
  expect(log.take()).toEqual([]);
  expect(() => cache.put("a", 1, { ttl: 0 })).toThrow(OptionError);
  expect(() => cache.deleteAll({} as never)).toThrow(OptionError);
});
