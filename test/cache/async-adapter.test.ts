import { setImmediate as nextTurn } from "node:timers/promises";
import { beforeEach, describe, expect, test } from "@jest/globals";
import type { AdapterContext, AsyncAdapter, AsyncStore, Store } from "../../src/cache/adapter.js";
import { type ActorContext, type ActorSystem, createSystem, spawn } from "../../src/actor.js";
import { localAdapter } from "../../src/cache/adapters/local-adapter.js";
import { slotOf } from "../../src/cache/cache-handle.js";
import { defineCache } from "../../src/cache/define-cache.js";
import type { AsyncCache, Cache } from "../../src/cache/types.js";
import {
  ActorExitError,
  CacheNotStartedError,
  KeyNotFoundError,
  OptionError,
  SupervisorError,
} from "../../src/errors.js";
import { failure, Gate, until } from "../helpers/actors.js";
import { brief, EventLog, startCache } from "../helpers/caches.js";

/**
 * A store somewhere else: a local one, one request after the other and each a turn of the event
 * loop away.
 */
class Remote {
  readonly opening = new Gate();
  opened = 0;
  closed = 0;
  closeError: Error | undefined;

  constructor() {
    this.opening.open();
  }

  readonly adapter: AsyncAdapter = {
    async: true,
    open: async <K, V>(context: AdapterContext<K, V>): Promise<AsyncStore<K, V>> => {
      const local = localAdapter({ maxEntries: 100 }).open(context);
      this.opened++;
      await this.opening.promise;
      let last: Promise<unknown> = Promise.resolve();
      const later = <R>(request: () => R): Promise<R> => {
        const answer = last.then(() => nextTurn()).then(request);
        last = answer.catch(() => {});
        return answer;
      };
      const store: Record<string, unknown> = {
        stream: async function* (...args: Parameters<Store<K, V>["stream"]>) {
          yield* await later(() => local.stream(...args));
        },
        close: async () => {
          await nextTurn();
          local.close();
          this.closed++;
          if (this.closeError !== undefined) throw this.closeError;
        },
      };
      const names = [
        "get",
        "has",
        "ttl",
        "put",
        "putNew",
        "replace",
        "putAll",
        "putNewAll",
        "delete",
        "take",
        "expire",
        "touch",
        "add",
        "update",
        "getOrStore",
        "getAll",
        "deleteAll",
        "countAll",
        "info",
      ] as const;
      for (const name of names) {
        const command = local[name] as (...args: unknown[]) => unknown;
        store[name] = (...args: unknown[]) => later(() => command.apply(local, args));
      }
      return store as unknown as AsyncStore<K, V>;
    },
  };
}

let remote: Remote;
let cache: AsyncCache<string, number>;

beforeEach(() => {
  remote = new Remote();
  cache = defineCache<string, number>({ name: "remote", adapter: remote.adapter });
});

test("types: the same names with promises", () => {
  const typed = (of: AsyncCache<string, number>): unknown => {
    const value: Promise<number | undefined> = of.get("a");
    const stored: Promise<boolean> = of.putNew("a", 1, { ttl: 5 });
    const all: Promise<Map<string, number>> = of.getAll({ prefix: "a" });
    const fetched: Promise<number> = of.fetchOrStore("a", async () => 1);
    const instance: AsyncCache<string, number> = of.instance("x");
    const stream: AsyncIterable<[string, number]> = of.stream();
    // @ts-expect-error a cache with promises is no cache without
    const sync: Cache<string, number> = of;
    return [value, stored, all, fetched, instance, stream, sync];
  };
  expect(typed).toBeInstanceOf(Function);
});

describe("every command", () => {
  beforeEach(() => startCache(cache));

  test("answers with a promise, and its events come", async () => {
    const log = new EventLog<string, number>(cache);
    expect(cache.put("a", 1)).toBeInstanceOf(Promise);
    expect(await cache.get("a")).toBe(1);
    expect(await cache.fetch("a")).toBe(1);
    expect(await failure(cache.fetch("n"))).toBeInstanceOf(KeyNotFoundError);
    expect(await cache.has("a")).toBe(true);
    expect(await cache.ttl("a")).toBe(null);
    expect(await cache.putNew("a", 1)).toBe(false);
    expect(await cache.replace("a", 2)).toBe(true);
    await cache.putAll([
      ["a", 3],
      ["b", 4],
    ]);
    expect(await cache.putNewAll([["c", 5]])).toBe(true);
    expect(await cache.take("c")).toBe(5);
    expect(await cache.delete("b")).toBe(true);
    expect(await cache.expire("a", 60_000)).toBe(true);
    expect(await cache.touch("a")).toBe(true);
    expect(await cache.increment("a")).toBe(4);
    expect(await cache.decrement("a", 2)).toBe(2);
    expect(await cache.update("a", 0, (v) => v * 10)).toBe(20);
    expect(await cache.getOrStore("g", () => 6)).toBe(6);
    expect(await cache.fetchOrStore("f", async () => 7)).toBe(7);
    expect(await cache.getAll({ prefix: "g" })).toEqual(new Map([["g", 6]]));
    expect(await cache.countAll()).toBe(3);
    const streamed: unknown[] = [];
    for await (const entry of cache.stream({ keys: ["f"] })) streamed.push(entry);
    expect(streamed).toEqual([["f", 7]]);
    expect(await cache.info()).toMatchObject({ entries: 3 });
    expect(await cache.deleteAll()).toBe(3);
    expect(log.take()).toEqual([
      "inserted put a",
      "updated replace a",
      "inserted putAll [b]",
      "updated putAll [a]",
      "inserted putNewAll [c]",
      "deleted take c",
      "deleted delete b",
      "updated expire a",
      "updated touch a",
      "updated increment a",
      "updated decrement a",
      "updated update a",
      "inserted getOrStore g",
      "inserted fetchOrStore f",
      "deleted deleteAll *",
    ]);
  });

  test("rejects for what is wrong; it does not throw", async () => {
    expect(await failure(cache.put("a", 1, { ttl: -1 }))).toBeInstanceOf(OptionError);
    expect(await failure(cache.deleteAll({} as never))).toBeInstanceOf(OptionError);
    const off = cache.instance("off");
    expect(await failure(off.get("a"))).toBeInstanceOf(CacheNotStartedError);
    expect(await failure(off.info())).toBeInstanceOf(CacheNotStartedError);
  });

  test("events of a key come in the order of its changes, with origin", async () => {
    const seen: string[] = [];
    cache.registerEventListener((event) => void seen.push(`${brief(event)} ${event.value}`));
    const ref = slotOf(cache).running?.ref as never;
    await Promise.all([
      ...Array.from({ length: 20 }, (_, n) => cache.from(ref).put(`k${n % 2}`, n)),
      cache.delete("k0"),
      cache.put("k0", 100),
    ]);
    const ofKey = seen.filter((line) => line.includes("k0"));
    expect(ofKey[0]).toBe("inserted put k0 0");
    expect(ofKey.slice(1, 10)).toEqual(
      Array.from({ length: 9 }, (_, n) => `updated put k0 ${2 * n + 2}`),
    );
    expect(ofKey.slice(10)).toEqual(["deleted delete k0 undefined", "inserted put k0 100"]);
  });
});

describe("fetchOrStore", () => {
  beforeEach(() => startCache(cache));

  test("one flight a key, looking it up included", async () => {
    let calls = 0;
    const fetch = async (): Promise<number> => ++calls;
    expect(await Promise.all([1, 2, 3].map(() => cache.fetchOrStore("k", fetch)))).toEqual([
      1, 1, 1,
    ]);
    expect(await cache.fetchOrStore("k", fetch)).toBe(1);
    expect(await cache.get("k")).toBe(1);
  });

  test("a write meanwhile wins", async () => {
    const gate = new Gate<number>();
    const waiting = cache.fetchOrStore("k", () => gate.promise);
    await cache.put("k", 1);
    gate.open(5);
    expect(await waiting).toBe(5);
    expect(await cache.get("k")).toBe(1);
  });
});

describe("the life of an instance", () => {
  test("is up when its store is open", async () => {
    const later = new Remote();
    const gate = new Gate();
    Object.assign(later, { opening: gate });
    const other = defineCache({ name: "late", adapter: later.adapter });
    const starting = startCache(other);
    await until(() => slotOf(other).running === undefined);
    gate.open();
    await starting;
    expect(slotOf(other).running).not.toBe(undefined);
  });

  test("a stop waits until the store is closed; a kill closes it too", async () => {
    const ref = await startCache(cache);
    await ref.stop();
    expect(remote.closed).toBe(1);
    const again = await startCache(cache);
    await again.kill();
    await until(() => remote.closed === 2);
    expect(slotOf(cache).running).toBe(undefined);
  });

  test("killed while the store opens: it is closed, and nothing runs", async () => {
    const gate = new Gate();
    Object.assign(remote, { opening: gate });
    let context: ActorContext | undefined;
    const parent = await spawn(createSystem(), {
      init: (ctx: ActorContext) => void (context = ctx),
      receive: () => {},
    });
    const error = failure(startCache(cache, context as unknown as ActorSystem));
    await until(() => remote.opened === 1);
    await parent.kill();
    gate.open();
    expect(await error).toBeInstanceOf(ActorExitError);
    await until(() => remote.closed === 1);
    expect(slotOf(cache).running).toBe(undefined);
  });

  test("two starts at once: one runs, the other is already_started and closes its store", async () => {
    const gate = new Gate();
    Object.assign(remote, { opening: gate });
    const starting = [startCache(cache), startCache(cache)];
    await until(() => remote.opened === 2);
    gate.open();
    const starts = await Promise.allSettled(starting);
    expect(starts.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    const rejected = starts.find((start) => start.status === "rejected");
    expect(rejected?.reason).toBeInstanceOf(SupervisorError);
    expect(rejected?.reason).toMatchObject({ reason: "already_started" });
    expect(remote.closed).toBe(1);
    await cache.put("a", 1);
  });

  test("a store that fails to close: the reason of the end, never an unhandled rejection", async () => {
    const ref = await startCache(cache);
    remote.closeError = new Error("won't close");
    const reason = new Promise((resolve) => void ref.monitor((down) => resolve(down.reason)));
    await ref.stop();
    expect(await reason).toBe(remote.closeError);
  });
});
