import { AsyncResource } from "node:async_hooks";
import { beforeEach, describe, expect, test } from "@jest/globals";
import { defineCache } from "../../src/cache/define-cache.js";
import type { AnyCache, AsyncCache, Cache } from "../../src/cache/types.js";
import { FlightCycleError } from "../../src/errors.js";
import { failure, Gate, rest, until } from "../helpers/actors.js";
import { startCache } from "../helpers/caches.js";
import { Tree } from "../helpers/streams.js";
import { asyncAdapter } from "../invalidator/async-adapter.js";

/** What is done to ask for another key: at once, or when the load has run for a while. */
type Ask = "at once" | "later";

const places = ["in the process", "elsewhere"] as const;

/** What is common to both kinds of caches. */
type AnyKind = Pick<AsyncCache<unknown, number>, "childSpec" | "fetchOrStore"> & {
  [Name in "getAll" | "countAll" | "delete"]: (
    ...args: Parameters<Cache<unknown, number>[Name]>
  ) => MaybePromise<ReturnType<Cache<unknown, number>[Name]>>;
};
type MaybePromise<T> = T | Promise<T>;

function define(place: (typeof places)[number], name: string): AnyKind & AnyCache {
  return place === "in the process"
    ? defineCache<unknown, number>({ name })
    : defineCache<unknown, number>({ name, adapter: asyncAdapter() });
}

describe.each(places)("a cache whose store is %s", (place) => {
  let cache: AnyKind & AnyCache;
  let other: AnyKind & AnyCache;

  beforeEach(async () => {
    cache = define(place, "users");
    other = define(place, "teams");
    await startCache(cache);
    await startCache(other);
  });

  const cycleOf = async (asked: Promise<unknown>): Promise<unknown> => {
    const error = await failure(asked);
    expect(error).toBeInstanceOf(FlightCycleError);
    expect(error).toMatchObject({ code: "E_FLIGHT_CYCLE", name: "FlightCycleError" });
    return (error as FlightCycleError).keys;
  };

  describe.each<Ask>(["at once", "later"])("loads that ask %s", (ask) => {
    const soon = async (): Promise<void> => (ask === "later" ? rest(3) : undefined);
    const chain = (keys: readonly unknown[]): Promise<number> =>
      cache.fetchOrStore(keys[0], async () => {
        if (ask === "later") await soon();
        return keys.length === 1 ? 1 : 1 + (await chain(keys.slice(1)));
      });

    test("a load that asks for its own key", async () => {
      expect(await cycleOf(chain(["k", "k"]))).toEqual(["k"]);
      expect(await cache.countAll()).toBe(0);
      expect(await chain(["k"])).toBe(1);
    });

    test("keys are compared as in a Map", async () => {
      expect(await cycleOf(chain([NaN, NaN]))).toEqual([NaN]);
      expect(await chain([{}, {}])).toBe(2);
      expect(await chain(["1", 1])).toBe(2);
    });

    test("loads that ask for each other: the cycle in order, without those that lead to it", async () => {
      expect(await cycleOf(chain(["a", "b", "a"]))).toEqual(["a", "b"]);
      expect(await cycleOf(chain(["before", "a", "b", "c", "a"]))).toEqual(["a", "b", "c"]);
      expect(await cache.countAll()).toBe(0);
    });

    test("through another cache: of which, it says too", async () => {
      const error = await failure(
        cache.fetchOrStore("a", async () => {
          await soon();
          return other.fetchOrStore("a", () => chain(["a"]));
        }),
      );
      expect(error).toMatchObject({ keys: ["a", "a"], caches: ["users", "teams"] });
      expect((error as Error).message).toBe(
        "loads wait for each other: 'a' of cache users -> 'a' of cache teams -> 'a' of cache users",
      );
      expect([await cache.countAll(), await other.countAll()]).toEqual([0, 0]);
    });

    test("a diamond, and one key asked for twice, are no cycle", async () => {
      const sum =
        (...keys: string[]) =>
        async () => {
          await soon();
          const values = await Promise.all(keys.map((key) => load(key)));
          return values.reduce((total, value) => total + value, 1);
        };
      const loads: Record<string, () => Promise<number>> = {
        top: sum("left", "right", "left"),
        left: sum("bottom"),
        right: sum("bottom", "left"),
        bottom: sum(),
      };
      const load = (key: string): Promise<number> =>
        cache.fetchOrStore(key, loads[key] as () => Promise<number>);
      expect(await Promise.all([load("right"), load("top")])).toEqual([4, 9]);
      expect(await cache.getAll()).toEqual(
        new Map<unknown, number>([
          ["bottom", 1],
          ["left", 2],
          ["right", 4],
          ["top", 9],
        ]),
      );
    });
  });

  test("two calls that began independently wait for each other", async () => {
    const gates = { a: new Gate(), b: new Gate() };
    const ask = (key: "a" | "b", next: "a" | "b"): Promise<number> =>
      cache.fetchOrStore(key, async () => {
        await gates[key].promise;
        return cache.fetchOrStore(next, () => 1);
      });
    const asked = [ask("a", "b"), ask("b", "a"), cache.fetchOrStore("a", () => 1)].map(failure);
    gates.a.open();
    await rest();
    gates.b.open();
    const [first, ...others] = await Promise.all(asked);
    expect(first).toMatchObject({ code: "E_FLIGHT_CYCLE", keys: ["a", "b"] });
    expect(others).toEqual([first, first]);
    expect(await cache.countAll()).toBe(0);
  });

  test("a load that waits for several: the cycle is through one of them", async () => {
    const gate = new Gate();
    const c = cache.fetchOrStore("c", async () => {
      await gate.promise;
      return cache.fetchOrStore("a", () => 1);
    });
    const all = cache.fetchOrStore("a", async () => {
      const values = ["b", "c", "d"].map((key) =>
        cache.fetchOrStore(key, () => rest().then(() => 1)),
      );
      return (await Promise.all(values)).length;
    });
    const failures = [failure(c), failure(all)];
    await rest();
    gate.open();
    const [error, same] = await Promise.all(failures);
    expect(error).toMatchObject({ keys: ["a", "c"] });
    expect(same).toBe(error);
    await until(async () => (await cache.countAll()) === 2);
    expect(await cache.getAll()).toEqual(
      new Map([
        ["b", 1],
        ["d", 1],
      ]),
    );
  });

  test("a load that does without what is in a cycle is stored", async () => {
    const value = await cache.fetchOrStore("a", () =>
      cache
        .fetchOrStore("b", () => cache.fetchOrStore("a", () => 1))
        .catch((error: FlightCycleError) => error.keys.length),
    );
    expect(value).toBe(2);
    expect(await cache.getAll()).toEqual(new Map([["a", 2]]));
  });

  test("a load that was written over waits all the same", async () => {
    const keys = await cycleOf(
      cache.fetchOrStore("a", () =>
        cache.fetchOrStore("b", async () => {
          await cache.delete("a");
          return cache.fetchOrStore("a", () => cache.fetchOrStore("b", () => 1));
        }),
      ),
    );
    expect(keys).toEqual(["b", "a"]);
    expect(await cache.countAll()).toBe(0);
  });

  test("what a load has begun and left behind may ask for its key afterwards", async () => {
    const gate = new Gate();
    let left: Promise<number> | undefined;
    const value = cache.fetchOrStore("a", () => {
      left = cache.fetchOrStore("b", async () => {
        await gate.promise;
        const again = await cache.fetchOrStore("a", () => -1);
        return again + 1;
      });
      return 1;
    });
    expect(await value).toBe(1);
    gate.open();
    expect(await left).toBe(2);
  });

  test("a call from outside of the load, while it begins, shares it", async () => {
    let shared: Promise<number> | undefined;
    const callFromOutside = AsyncResource.bind(() => {
      shared = cache.fetchOrStore("k", () => -1);
    });
    const value = await cache.fetchOrStore("k", () => {
      callFromOutside();
      return 5;
    });
    expect([value, await shared]).toEqual([5, 5]);
  });
});

test("readers and actors that a load wakes are no part of it", async () => {
  await using tree = await Tree.start();
  const { users } = tree;
  const refreshed: Promise<number>[] = [];
  users.subscribe(() => void refreshed.push(users.fetchOrStore("a", () => -1)));
  const value = await users.fetchOrStore("a", async () => {
    users.put("b", 1);
    await until(() => refreshed.length > 0);
    return 5;
  });
  expect([value, ...(await Promise.all(refreshed))]).toEqual([5, 5]);
});

test("a transaction of a reader that another transaction wakes waits for it", async () => {
  await using tree = await Tree.start();
  const { users } = tree;
  const steps: string[] = [];
  users.subscribe(() => void users.transaction(() => void steps.push("reader")));
  await users.transaction(async () => {
    users.put("b", 1);
    await rest();
    steps.push("writer");
  });
  await until(() => steps.length === 2);
  expect(steps).toEqual(["writer", "reader"]);
});
