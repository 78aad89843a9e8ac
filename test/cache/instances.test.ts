import { describe, expect, test } from "@jest/globals";
import { createSystem, startSupervisor } from "../../src/actor.js";
import { localAdapter } from "../../src/cache/adapters/local-adapter.js";
import { isCache, slotOf } from "../../src/cache/cache-handle.js";
import { defineCache } from "../../src/cache/define-cache.js";
import type { Instance } from "../../src/cache/instance.js";
import { CacheNotStartedError, OptionError, SupervisorError } from "../../src/errors.js";
import { failure, until } from "../helpers/actors.js";
import { startCache } from "../helpers/caches.js";

describe("an instance", () => {
  test("starts from a children list: the cache itself, or its child spec", async () => {
    const cache = defineCache<string, number>({ name: "static" });
    await using supervisor = await startSupervisor({
      strategy: "one_for_one",
      children: [cache, cache.childSpec({ name: "a" }), cache.instance("b")],
    });
    const children = await supervisor.whichChildren();
    expect(children.map(({ id, type }) => [id, type])).toEqual([
      ["static", "worker"],
      ["a", "worker"],
      ["b", "worker"],
    ]);
    cache.put("k", 1);
    cache.instance("a").put("k", 2);
    cache.instance("b").put("k", 3);
    expect([cache.get("k"), cache.instance("a").get("k"), cache.instance("b").get("k")]).toEqual([
      1, 2, 3,
    ]);
  });

  test("has its own name, and one handle", () => {
    const cache = defineCache({ name: "named" });
    expect(cache.name).toBe("named");
    expect(cache.instance("a").name).toBe("a");
    expect(cache.instance("a")).toBe(cache.instance("a"));
    expect(cache.instance("a").instance("named")).toBe(cache);
    expect(cache.childSpec().id).toBe("named");
    expect(cache.instance("a").childSpec().id).toBe("a");
    expect(cache.instance("a").childSpec({ name: "b" }).id).toBe("b");
  });

  test("belongs to its definition: two of one name are two caches", async () => {
    const one = defineCache<string, number>({ name: "twin" });
    const two = defineCache<string, number>({ name: "twin" });
    const system = createSystem();
    await startCache(one, system);
    expect(() => two.get("k")).toThrow(CacheNotStartedError);
    await startCache(two, system);
    one.put("k", 1);
    expect(two.has("k")).toBe(false);
  });

  test("runs once at a time, also in two systems: already_started with the ref", async () => {
    const cache = defineCache<string, number>({ name: "once" });
    const ref = await startCache(cache);
    cache.put("k", 1);
    const error = await failure(startCache(cache, createSystem()));
    expect(error).toBeInstanceOf(SupervisorError);
    expect(error).toMatchObject({ reason: "already_started", childId: "once", ref });
    expect(cache.get("k")).toBe(1);
    await ref.kill();
    await startCache(cache, createSystem());
    expect(cache.has("k")).toBe(false);
  });

  test.each<[string, (ref: Awaited<ReturnType<typeof startCache>>) => Promise<void>]>([
    ["killed", (ref) => ref.kill()],
    ["stopped", (ref) => ref.stop()],
  ])("%s: takes no commands any more, and its entries are gone", async (_, end) => {
    const cache = defineCache<string, number>({
      name: "ended",
      adapter: localAdapter({ maxEntries: 5 }),
    });
    const ref = await startCache(cache);
    cache.put("k", 1);
    await end(ref);
    expect(() => cache.get("k")).toThrow(CacheNotStartedError);
    await startCache(cache);
    expect(cache.has("k")).toBe(false);
  });

  test("a kill ends it inside the call", async () => {
    const cache = defineCache<string, number>({ name: "fenced" });
    const ref = await startCache(cache);
    void ref.kill();
    expect(() => cache.put("k", 1)).toThrow(CacheNotStartedError);
    expect(() => cache.put("k", 1)).toThrow("it has been stopped, or waits for its restart");
  });

  test("is started again by its supervisor", async () => {
    const cache = defineCache<string, number>({ name: "reborn" });
    await using supervisor = await startSupervisor({ strategy: "one_for_one", children: [cache] });
    const first = slotOf(cache).running;
    void first?.ref.kill();
    await until(() => slotOf(cache).running !== undefined && slotOf(cache).running !== first);
    cache.put("k", 1);
    expect(cache.get("k")).toBe(1);
    expect((await supervisor.whichChildren())[0]?.ref).toBe(slotOf(cache).running?.ref);
  });

  test("an adapter that can't open its store fails the start", async () => {
    const cache = defineCache({
      name: "unopened",
      adapter: {
        open: () => {
          throw new Error("no store");
        },
      },
    });
    expect(await failure(startCache(cache))).toMatchObject({ message: "no store" });
    expect(slotOf(cache).running).toBe(undefined);
  });
});

describe("a handle from a ref", () => {
  test("is the same cache", async () => {
    const cache = defineCache<string, number>({ name: "origin" });
    const ref = await startCache(cache);
    await startCache(cache.instance("a"));
    const mine = cache.from(ref);
    mine.put("k", 1);
    expect([cache.get("k"), mine.name, mine.childSpec().id]).toEqual([1, "origin", "origin"]);
    expect(slotOf(mine)).toBe(slotOf(cache));
    const origins: unknown[] = [];
    cache.instance("a").registerEventListener((event) => void origins.push(event.metadata.origin));
    mine.instance("a").put("k", 2);
    mine.from(ref).instance("a").put("k", 3);
    cache.instance("a").put("k", 4);
    expect(origins.map((origin) => origin === ref)).toEqual([true, true, false]);
  });
});

describe("a slot", () => {
  test("notifies its watchers inside starts and ends", async () => {
    const cache = defineCache<string, number>({ name: "watched" });
    const seen: string[] = [];
    const runs: Instance[] = [];
    const watcher = {
      started: (run: Instance) => {
        runs.push(run);
        seen.push(`started ${slotOf(cache).running === run} ${run.ref.alive}`);
        cache.put("k", 1);
      },
      ended: (run: Instance) =>
        void seen.push(`ended ${runs.at(-1) === run} ${slotOf(cache).running === undefined}`),
    };
    const forget = slotOf(cache).watch(watcher);
    const also = slotOf(cache).watch(watcher);
    also();
    const starting = startCache(cache);
    expect(seen).toEqual([]);
    const ref = await starting;
    expect(seen).toEqual(["started true true"]);
    expect(cache.get("k")).toBe(1);
    void ref.kill();
    expect(seen).toEqual(["started true true", "ended true true"]);
    await (await startCache(cache)).stop();
    expect(seen.length).toBe(4);
    expect(runs[0]).not.toBe(runs[1]);
    forget();
    await startCache(cache);
    expect(seen.length).toBe(4);
  });

  test("is found from every handle, and from nothing else", async () => {
    const cache = defineCache({ name: "found" });
    expect([isCache(cache), isCache(cache.instance("a")), isCache({}), isCache(null)]).toEqual([
      true,
      true,
      false,
      false,
    ]);
    expect(slotOf(cache.instance("a"))).toMatchObject({ cacheName: "found", name: "a" });
    expect(() => slotOf({ name: "found" } as never)).toThrow(OptionError);
  });
});
