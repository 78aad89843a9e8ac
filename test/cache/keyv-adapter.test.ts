import { beforeEach, describe, expect, test } from "@jest/globals";
import { Keyv } from "keyv";
import { defineCache } from "../../src/cache/define-cache.js";
import type { AsyncCache } from "../../src/cache/types.js";
import { keyvAdapter } from "../../src/keyv.js";
import { storeConformance } from "../../src/testing.js";
import { failure } from "../helpers/actors.js";
import { EventLog, startCache } from "../helpers/caches.js";

describe.each([
  { what: "a Keyv", make: () => new Keyv() },
  { what: "a Keyv without a namespace", make: nameless },
])("over a Map: $what", ({ make }) => {
  const cases = storeConformance({ create: () => keyvAdapter(make(), { sweepInterval: 50 }) });

  test.concurrent.each(cases)("$name", async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});

describe("a cache over a Keyv", () => {
  let keyv: Keyv;
  let cache: AsyncCache<string, unknown>;

  async function start(made: Keyv, options = {}): Promise<void> {
    keyv = made;
    cache = defineCache({ name: "users", adapter: keyvAdapter(keyv, options) });
    await startCache(cache);
  }

  beforeEach(() => start(new Keyv({ throwOnErrors: true })));

  test("has what the Keyv has, and the other way round", async () => {
    await cache.put("a", { name: "Ada" });
    expect(await keyv.get("a")).toEqual({ name: "Ada" });
    await keyv.set("b", 2);
    expect(await cache.get("b")).toBe(2);
    expect(await cache.countAll()).toBe(2);
    const log = new EventLog<string, unknown>(cache as never);
    await cache.put("b", 3);
    expect(log.events[0]).toMatchObject({ type: "updated", value: 3, previous: 2 });
  });

  test("gives the Keyv each TTL: none is none, also where the Keyv has a default", async () => {
    await start(new Keyv({ ttl: 50_000 }));
    await cache.put("a", 1);
    await cache.put("b", 1, { ttl: null });
    await cache.put("c", 1, { ttl: 10_000 });
    const left = async (key: string): Promise<number | undefined> => {
      const expires = (await keyv.getRaw(key))?.expires;
      return expires === undefined ? undefined : Math.round((expires - Date.now()) / 10_000);
    };
    expect([await left("a"), await left("b"), await left("c")]).toEqual([5, undefined, 1]);
    await start(new Keyv({ ttl: 50_000 }), { ttl: null });
    await cache.put("a", 1);
    expect(await left("a")).toBe(undefined);
  });

  test("a Keyv whose keys can't be listed rejects what needs them", async () => {
    const iterable = { ...storeWithoutIterator(), opts: { url: "redis" }, iterator: () => [] };
    const nameless = new Keyv({ store: iterable });
    nameless.namespace = undefined;
    expect(nameless.iterator).toBeInstanceOf(Function);
    for (const made of [nameless, new Keyv({ store: storeWithoutIterator() })]) {
      await start(made);
      await cache.put("a:b", 1);
      expect(await cache.get("a:b")).toBe(1);
      expect(await failure(cache.getAll())).toMatchObject({ option: "entries" });
      await cache.deleteAll();
      expect(await cache.has("a:b")).toBe(false);
    }
  });

  test("a Keyv that stores or deletes nothing rejects", async () => {
    const log = new EventLog<string, unknown>(cache as never);
    await cache.put("a", 1);
    log.take();
    keyv.set = async () => false;
    keyv.delete = async () => false;
    expect(await failure(cache.put("a", 2))).toMatchObject({ message: expect.any(String) });
    expect(await failure(cache.delete("a"))).toMatchObject({ message: expect.any(String) });
    expect(log.take()).toEqual([]);
  });

  test("what its store throws rejects the command", async () => {
    const broken = new Error("broken");
    const fail = async (): Promise<never> => {
      throw broken;
    };
    const store = { ...storeWithoutIterator(), get: fail, set: fail };
    await start(new Keyv({ store, throwOnErrors: true, emitErrors: false }));
    expect(await failure(cache.get("a"))).toBe(broken);
    expect(await failure(cache.put("a", 1))).toBe(broken);
  });

  test("keys are strings", async () => {
    const error = await failure(cache.put(5 as never, 1));
    expect(error).toMatchObject({ option: "key" });
  });

  test("a function makes one for each instance", async () => {
    const store = new Map<string, unknown>();
    const tenants = defineCache<string, number>({
      name: "tenants",
      adapter: keyvAdapter(({ name }) => new Keyv({ namespace: name, store })),
    });
    for (const instance of [tenants, tenants.instance("b")]) {
      await startCache(instance);
      await instance.put("k", instance.name.length);
    }
    expect([...store.keys()]).toEqual(["tenants:k", "b:k"]);
    expect(await tenants.getAll()).toEqual(new Map([["k", 7]]));
    expect(await tenants.deleteAll()).toBe(1);
    expect([...store.keys()]).toEqual(["b:k"]);
  });
});

test.each<[string, unknown, object]>([
  ["keyv", undefined, {}],
  ["keyv", {}, {}],
  ["keyv", new Map(), {}],
  ["ttl", new Keyv(), { ttl: -1 }],
  ["expires", new Keyv(), { expires: false }],
])("a wrong option is an OptionError: %s", (option, keyv, options) => {
  if (keyv instanceof Map) keyv.clear = undefined as never;
  expect(() => keyvAdapter(keyv as never, options)).toThrow(expect.objectContaining({ option }));
});

function storeWithoutIterator(): Record<string, unknown> {
  const entries = new Map<string, unknown>();
  return {
    opts: {},
    get: async (key: string) => entries.get(key),
    set: async (key: string, value: unknown) => void entries.set(key, value),
    delete: async (key: string) => entries.delete(key),
    clear: async () => entries.clear(),
    has: async (key: string) => entries.has(key),
    on: () => {},
  };
}

function nameless(): Keyv {
  const keyv = new Keyv();
  keyv.namespace = undefined;
  return keyv;
}
