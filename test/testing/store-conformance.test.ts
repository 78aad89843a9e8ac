import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, test } from "@jest/globals";
import { localAdapter, storeAdapter } from "../../src/index.js";
import type { AdapterContext, ChangeSink, Store } from "../../src/cache/adapter.js";
import { storeConformance } from "../../src/testing.js";

type AnyStore = Store<unknown, unknown>;
type Sink = ChangeSink<unknown, unknown>;

/** A fault of a store: what is put in place of its methods, or of those of its sink. */
interface Mutant {
  fault: string;
  /** The case that finds it. */
  by: string;
  store?: (store: AnyStore) => Partial<AnyStore>;
  sink?: (sink: Sink) => Partial<Sink>;
}

const mutants: Mutant[] = [
  {
    fault: "reads miss",
    by: "gives what was put, and nothing where nothing was",
    store: () => ({ get: (_key, absent) => absent }),
  },
  {
    fault: "puts store nothing",
    by: "gives what was put, and nothing where nothing was",
    store: () => ({ put: () => {} }),
  },
  {
    fault: "TTLs are ignored",
    by: "an entry is gone at its TTL, for all commands",
    store: (store) => ({ put: (key, value, _ttl, cause) => store.put(key, value, null, cause) }),
  },
  {
    fault: "TTLs are kept by put",
    by: "a put without a TTL ends the one that there was",
    store: (store) => ({
      put: (key, value, ttl, cause) =>
        store.has(key, cause)
          ? void store.update(key, value, () => value, undefined, cause)
          : store.put(key, value, ttl, cause),
    }),
  },
  {
    fault: "TTLs end with an increment",
    by: "increment and update keep the TTL of an entry",
    store: (store) => ({
      add: (key, amount, initial, ttl, cause) =>
        store.add(key, amount, initial, ttl ?? null, cause),
    }),
  },
  {
    fault: "putNew overwrites",
    by: "putNew stores only where there is no entry, replace only where there is one",
    store: (store) => ({
      putNew: (key, value, ttl, cause) => {
        store.put(key, value, ttl, cause);
        return true;
      },
    }),
  },
  {
    fault: "putNewAll stores some",
    by: "putNewAll stores all or nothing",
    store: (store) => ({
      putNewAll: (entries, ttl, cause) =>
        [...entries].map(([key, value]) => store.putNew(key, value, ttl, cause)).every(Boolean),
    }),
  },
  {
    fault: "delete is always true",
    by: "delete and take remove an entry once",
    store: () => ({ delete: () => true }),
  },
  {
    fault: "deleteAll by prefix deletes what contains it",
    by: "deleteAll removes what a query matches, and gives their number",
    store: (store) => ({
      deleteAll: (query, cause) =>
        query.kind === "prefix"
          ? store.deleteAll({ kind: "all" }, cause)
          : store.deleteAll(query, cause),
    }),
  },
  {
    fault: "a text is incremented",
    by: "increment and decrement add to a number, or to the default",
    store: (store) => ({
      add: (key, amount, initial, ttl, cause) => {
        const before = Number(store.get(key, initial, cause));
        store.put(key, before + amount, ttl, cause);
        return before + amount;
      },
    }),
  },
  {
    fault: "touch changes nothing",
    by: "touch restarts the TTL that an entry has",
    store: (store) => ({ touch: (key, cause) => store.has(key, cause) }),
  },
  {
    fault: "getOrStore stores nothing",
    by: "getOrStore and fetchOrStore ask their function once, where there is no entry",
    store: () => ({ getOrStore: (key, fn) => fn(key) }),
  },
  {
    fault: "counts nothing",
    by: "reads, counts and streams the entries that a query matches",
    store: () => ({ countAll: () => 0 }),
  },
  {
    fault: "info counts nothing",
    by: "info counts entries, and what commands found and changed",
    store: (store) => ({ info: () => ({ ...store.info(), hits: 0, writes: 0 }) }),
  },
  {
    fault: "stale values are given by get",
    by: "fetchOrStore answers a value that is stale at once, and refreshes it once",
    store: (store) => ({
      get: (key, absent, cause) => {
        const found = store.getStale?.(key, 3_600_000, cause);
        return found === undefined ? absent : (found.value as never);
      },
    }),
  },
  {
    fault: "stale values are never given",
    by: "fetchOrStore answers a value that is stale at once, and refreshes it once",
    store: () => ({ getStale: () => undefined }),
  },
  {
    fault: "events of single keys are missing",
    by: "the events of put of a new key",
    sink: () => ({ entry: () => {} }),
  },
  {
    fault: "events of several keys are missing",
    by: "the events of putAll",
    sink: () => ({ entries: () => {} }),
  },
  {
    fault: "events of queries are missing",
    by: "the events of deleteAll by prefix",
    sink: () => ({ query: () => {} }),
  },
  {
    fault: "expired events are missing",
    by: "an entry that is not read expires within a second, with one event",
    sink: (sink) => ({
      entry: (type, ...rest) => (type === "expired" ? undefined : sink.entry(type, ...rest)),
    }),
  },
  {
    fault: "expired events come twice",
    by: "an entry that is not read expires within a second, with one event",
    sink: (sink) => ({
      entry: (type, ...rest) => {
        if (type === "expired") sink.entry(type, ...rest);
        sink.entry(type, ...rest);
      },
    }),
  },
  {
    fault: "events lack the previous value",
    by: "the events of put of a key that is there",
    sink: (sink) => ({
      entry: (type, cause, key, value) => sink.entry(type, cause, key, value, undefined),
    }),
  },
  {
    fault: "expired events lack the value",
    by: "an entry that is not read expires within a second, with one event",
    sink: (sink) => ({
      entry: (type, cause, key, value, previous) =>
        sink.entry(type, cause, key, value, type === "expired" ? undefined : previous),
    }),
  },
  {
    fault: "every event is an update",
    by: "the events of put of a new key",
    sink: (sink) => ({
      entry: (type, ...rest) => sink.entry(type === "inserted" ? "updated" : type, ...rest),
    }),
  },
];

function adapterOf({ store, sink }: Mutant): ReturnType<typeof localAdapter> {
  const adapter = localAdapter({ sweepInterval: 50 });
  return {
    open<K, V>(context: AdapterContext<K, V>): Store<K, V> {
      const inner = context.sink as Sink;
      const own = withMethods(inner, sink?.(inner) ?? {});
      Object.defineProperty(own, "active", { get: () => inner.active });
      const opened = adapter.open({ ...context, sink: own as never }) as AnyStore;
      return withMethods(opened, store?.(opened) ?? {}) as Store<K, V>;
    },
  };
}

function withMethods<T extends object>(target: T, methods: Partial<T>): T {
  const wrapped: Record<PropertyKey, unknown> = {};
  for (let of: object = target; of !== Object.prototype; of = Object.getPrototypeOf(of) as object)
    for (const name of Object.getOwnPropertyNames(of)) {
      const method: unknown =
        name in wrapped ? undefined : (target as Record<string, unknown>)[name];
      if (typeof method === "function") wrapped[name] = method.bind(target) as unknown;
    }
  return Object.assign(wrapped, methods) as T;
}

/** The cases that fail, of those named or of all. */
async function failed(
  create: () => ReturnType<typeof localAdapter | typeof storeAdapter>,
  names?: string[],
): Promise<string[]> {
  const cases = storeConformance({ create, timeout: names === undefined ? 10_000 : 1500 });
  const run = cases.filter(({ name }) => names?.includes(name) ?? true);
  const outcomes = await Promise.allSettled(run.map((each) => each.run()));
  return run.flatMap(({ name }, index) => (outcomes[index]?.status === "rejected" ? [name] : []));
}

test("what is not broken passes", async () => {
  const create = (): ReturnType<typeof localAdapter> => adapterOf({ fault: "", by: "" });
  expect(await failed(create)).toEqual([]);
});

describe("finds that", () => {
  test.concurrent.each(mutants)("$fault", async (mutant) => {
    const create = (): ReturnType<typeof localAdapter> => adapterOf(mutant);
    expect(await failed(create, [mutant.by])).toEqual([mutant.by]);
  });

  test("changes of a key don't wait for each other", async () => {
    const create = (): ReturnType<typeof storeAdapter> => {
      const adapter = storeAdapter(new Map<string, unknown>());
      return {
        async: true,
        open: async (context) => {
          const store = await adapter.open(context);
          const add: typeof store.add = async (key, amount, initial, ttl, cause) => {
            const before = (await store.get(key, initial as never, cause)) as number;
            await nextTurn();
            await store.put(key, (before + amount) as never, ttl, cause);
            return before + amount;
          };
          return withMethods(store, { add } as never);
        },
      };
    };
    const by = "concurrent increments and updates are all counted";
    expect(await failed(create, [by])).toEqual([by]);
  });
});

test.each<[string, object]>([
  ["create", {}],
  ["ttl", { create: () => localAdapter(), ttl: 0 }],
  ["timeout", { create: () => localAdapter(), timeout: -1 }],
  ["staleFor", { create: () => localAdapter(), staleFor: 5 }],
  ["url", { create: () => localAdapter(), url: "" }],
])("a wrong option is an OptionError: %s", (option, options) => {
  expect(() => storeConformance(options as never)).toThrow(expect.objectContaining({ option }));
});
