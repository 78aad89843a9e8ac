import { beforeEach, describe, expect, test } from "@jest/globals";
import { defineCache } from "../../src/cache/define-cache.js";
import type { Cache } from "../../src/cache/types.js";
import type { ActorRef } from "../../src/actor.js";
import { failure, Gate } from "../helpers/actors.js";
import { EventLog, startCache } from "../helpers/caches.js";

let cache: Cache<string, number>;
let log: EventLog<string, number>;
let ref: ActorRef;

beforeEach(async () => {
  cache = defineCache<string, number>({ name: "flights" });
  ref = await startCache(cache);
  log = new EventLog(cache);
});

test("one flight a key: all calls meanwhile share it, and it is stored once", async () => {
  const gate = new Gate<number>();
  let calls = 0;
  const fetch = (key: string): Promise<number> => {
    calls++;
    expect(key).toBe("k");
    return gate.promise;
  };
  const asked = [cache.fetchOrStore("k", fetch), cache.fetchOrStore("k", fetch)];
  const other = cache.fetchOrStore("other", async () => 7);
  expect(calls).toBe(1);
  expect(await other).toBe(7);
  gate.open(5);
  expect(await Promise.all(asked)).toEqual([5, 5]);
  expect(await cache.fetchOrStore("k", fetch)).toBe(5);
  expect(calls).toBe(1);
  expect(log.take()).toEqual(["inserted fetchOrStore other", "inserted fetchOrStore k"]);
});

test("a failure goes to all callers, nothing is stored, and the next call tries again", async () => {
  const gate = new Gate<number>();
  const errors = [1, 2].map(() => failure(cache.fetchOrStore("k", () => gate.promise)));
  const broken = new Error("broken");
  gate.fail(broken);
  expect(await Promise.all(errors)).toEqual([broken, broken]);
  expect(log.take()).toEqual([]);
  expect(await cache.fetchOrStore("k", async () => 2)).toBe(2);
  expect(await cache.fetchOrStore("s", () => 3)).toBe(3);
});

describe("a write meanwhile wins: the callers get what was fetched, and it is not stored", () => {
  test.each<[string, () => unknown, number | undefined]>([
    ["put", () => cache.put("k", 1), 1],
    ["put with options", () => cache.put("k", 1, { ttl: 5000 }), 1],
    ["putNew", () => cache.putNew("k", 1), 1],
    ["putAll", () => cache.putAll([["k", 1]]), 1],
    ["putNewAll", () => cache.putNewAll([["k", 1]]), 1],
    ["increment", () => cache.increment("k"), 1],
    ["update", () => cache.update("k", 1, (v) => v), 1],
    ["getOrStore", () => cache.getOrStore("k", () => 1), 1],
    ["delete", () => cache.delete("k"), undefined],
    ["take", () => cache.take("k"), undefined],
    ["deleteAll", () => cache.deleteAll(), undefined],
    ["deleteAll by keys", () => cache.deleteAll({ keys: ["k"] }), undefined],
    ["deleteAll by prefix", () => cache.deleteAll({ prefix: "k" }), undefined],
    ["deleteAll where", () => cache.deleteAll({ where: () => false }), undefined],
  ])("%s", async (_, write, stored) => {
    const gate = new Gate<number>();
    const waiting = [1, 2].map(() => cache.fetchOrStore("k", () => gate.promise));
    write();
    const late = cache.fetchOrStore("k", async () => 9);
    gate.open(5);
    expect(await Promise.all(waiting)).toEqual([5, 5]);
    expect(await late).toBe(stored ?? 9);
    expect(cache.get("k")).toBe(stored ?? 9);
  });

  test.each<[string, () => unknown]>([
    ["put of another key", () => cache.put("x", 1)],
    ["deleteAll by other keys", () => cache.deleteAll({ keys: ["x"] })],
    ["deleteAll by another prefix", () => cache.deleteAll({ prefix: "x" })],
    [
      "reads",
      () => [
        cache.get("k"),
        cache.has("k"),
        cache.getAll(),
        cache.touch("k"),
        cache.expire("k", 5),
      ],
    ],
  ])("not so %s", async (_, command) => {
    const gate = new Gate<number>();
    const waiting = cache.fetchOrStore("k", () => gate.promise);
    command();
    gate.open(5);
    expect(await waiting).toBe(5);
    expect(cache.get("k")).toBe(5);
  });

  test("an old flight that lands does not end a newer one", async () => {
    const gates = [new Gate<number>(), new Gate<number>()] as const;
    const old = cache.fetchOrStore("k", () => gates[0].promise);
    cache.delete("k");
    const newer = cache.fetchOrStore("k", () => gates[1].promise);
    gates[0].open(1);
    expect(await old).toBe(1);
    const joined = cache.fetchOrStore("k", async () => 3);
    gates[1].open(2);
    expect(await Promise.all([newer, joined])).toEqual([2, 2]);
  });

  test("after a newer flight has landed, the old one changes nothing", async () => {
    const old = new Gate<number>();
    const waiting = cache.fetchOrStore("k", () => old.promise);
    cache.delete("k");
    expect(await cache.fetchOrStore("k", async () => 2)).toBe(2);
    old.open(1);
    expect(await waiting).toBe(1);
    expect(cache.get("k")).toBe(2);
  });
});

test("nothing is stored in another run of the cache", async () => {
  const gate = new Gate<number>();
  const waiting = cache.fetchOrStore("k", () => gate.promise);
  await ref.kill();
  gate.open(5);
  expect(await waiting).toBe(5);
  const again = cache.fetchOrStore("k", async () => 1);
  await expect(again).rejects.toThrow("cache not started");
  await startCache(cache);
  expect(cache.has("k")).toBe(false);
});
