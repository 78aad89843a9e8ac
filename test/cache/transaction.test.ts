import { AsyncLocalStorage } from "node:async_hooks";
import { beforeEach, describe, expect, test } from "@jest/globals";
import { defineCache } from "../../src/cache/define-cache.js";
import type { Cache } from "../../src/cache/types.js";
import { failure, Gate, rest } from "../helpers/actors.js";
import { startCache } from "../helpers/caches.js";

let cache: Cache<string, number>;

beforeEach(async () => {
  cache = defineCache<string, number>({ name: "transactions" });
  await startCache(cache);
});

test("when none is under way, a function runs at once and its result comes as it is", () => {
  expect(cache.transaction(() => cache.increment("n"))).toBe(1);
  expect(() =>
    cache.transaction(() => {
      throw new Error("broken");
    }),
  ).toThrow("broken");
  expect(cache.transaction(() => cache.increment("n"))).toBe(2);
});

test("a promise is part of the transaction: others wait, in order", async () => {
  const gate = new Gate();
  const seen: string[] = [];
  const first = cache.transaction(async () => {
    seen.push("first");
    await gate.promise;
    seen.push("first done");
    return 1;
  });
  const second = cache.transaction(() => seen.push("second"));
  const third = cache.transaction(async () => void seen.push("third"));
  const fourth = failure(
    cache.transaction(() => {
      throw new Error("broken");
    }) as unknown as Promise<unknown>,
  );
  expect(second).toBeInstanceOf(Promise);
  await rest();
  expect(seen).toEqual(["first"]);
  gate.open();
  expect(await first).toBe(1);
  expect(await second).toBe(3);
  await third;
  expect(await fourth).toMatchObject({ message: "broken" });
  expect(seen).toEqual(["first", "first done", "second", "third"]);
  expect(cache.transaction(() => "free")).toBe("free");
});

test("a rejection ends it", async () => {
  const first = cache.transaction(async () => {
    throw new Error("broken");
  });
  const second = cache.transaction(() => 2);
  await expect(first).rejects.toThrow("broken");
  expect(await second).toBe(2);
});

test("a lost update does not happen", async () => {
  cache.put("n", 0);
  await Promise.all(
    Array.from({ length: 50 }, () =>
      cache.transaction(async () => {
        const value = cache.fetch("n");
        await rest(1);
        cache.put("n", value + 1);
      }),
    ),
  );
  expect(cache.get("n")).toBe(50);
});

describe("a transaction within a transaction", () => {
  test("runs at once", async () => {
    expect(cache.transaction(() => cache.transaction(() => 1))).toBe(1);
    const result = await cache.transaction(async () => {
      await rest(1);
      return cache.transaction(() => cache.transaction(async () => 2));
    });
    expect(result).toBe(2);
  });

  test("of another instance too, and back", async () => {
    const other = cache.instance("other");
    await startCache(other);
    const result = cache.transaction(async () => {
      await rest(1);
      return await other.transaction(async () => {
        await rest(1);
        return cache.transaction(() => 3);
      });
    });
    expect(await result).toBe(3);
  });

  test("what a transaction has left running is not part of it any more", async () => {
    const later = new Gate();
    let left: Promise<unknown> = Promise.resolve();
    void cache.transaction(() => {
      left = later.promise.then(() => cache.transaction(() => "late"));
    });
    const gate = new Gate();
    const second = cache.transaction(() => gate.promise);
    later.open();
    let done = false;
    void left.then(() => (done = true));
    await rest();
    expect(done).toBe(false);
    gate.open();
    await second;
    expect(await left).toBe("late");
  });
});

test("instances do not wait for each other", () => {
  const gate = new Gate();
  void cache.transaction(() => gate.promise);
  const other = cache.instance("free");
  return startCache(other).then(() => {
    expect(other.transaction(() => 1)).toBe(1);
    gate.open();
  });
});

test("one that waits runs in the context of its caller", async () => {
  const context = new AsyncLocalStorage<string>();
  const gate = new Gate();
  const first = context.run("first", () => cache.transaction(() => gate.promise));
  const second = context.run("second", () => cache.transaction(() => context.getStore()));
  gate.open();
  await first;
  expect(await second).toBe("second");
});

test("however many wait", async () => {
  const gate = new Gate();
  const first = cache.transaction(() => gate.promise);
  const waiting = Array.from(
    { length: 20_000 },
    async () => await cache.transaction(() => cache.increment("n")),
  );
  gate.open();
  await first;
  await Promise.all(waiting);
  expect(cache.get("n")).toBe(20_000);
});
