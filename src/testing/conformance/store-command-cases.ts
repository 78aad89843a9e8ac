import assert from "node:assert/strict";
import { KeyNotFoundError, OptionError } from "../../errors.js";
import { rejection, sorted, type StoreCase, type StoreLab } from "./store-lab.js";

const three = [
  ["a1", 1],
  ["a2", 2],
  ["b1", 3],
] as const;

async function withThree({ cache }: StoreLab): Promise<void> {
  await cache.putAll(three);
}

async function contentOf({ cache }: StoreLab): Promise<Record<string, unknown>> {
  return Object.fromEntries(sorted(await cache.getAll()));
}

/** What commands return, and what they leave in the store. @internal */
export const storeCommandCases: readonly StoreCase[] = [
  [
    "gives what was put, and nothing where nothing was",
    async ({ cache }) => {
      assert.equal(await cache.get("k"), undefined);
      assert.equal(await cache.has("k"), false);
      assert.equal(await cache.ttl("k"), undefined);
      assert.ok((await rejection(cache.fetch("k"))) instanceof KeyNotFoundError);
      assert.equal(await cache.put("k", 1), undefined);
      assert.equal(await cache.get("k"), 1);
      assert.equal(await cache.fetch("k"), 1);
      assert.equal(await cache.has("k"), true);
      assert.equal(await cache.ttl("k"), null);
      await cache.put("k", 2);
      assert.equal(await cache.get("k"), 2);
    },
  ],
  [
    "keeps values of every kind that JSON has, and keys of every length and alphabet",
    async ({ cache }) => {
      const values = [0, -1.5, "", "text", true, false, [], [1, [2]], {}, { a: { b: [null] } }];
      const keys = ["", " ", "a:b", "ключ", "🗝", "%2F../*?[]{}", "x".repeat(500)];
      for (const value of values) {
        await cache.put("value", value);
        assert.deepEqual(await cache.get("value"), value);
      }
      for (const [index, key] of keys.entries()) await cache.put(key, index);
      for (const [index, key] of keys.entries()) assert.equal(await cache.get(key), index);
    },
  ],
  [
    "putNew stores only where there is no entry, replace only where there is one",
    async ({ cache }) => {
      assert.equal(await cache.replace("k", 0), false);
      assert.equal(await cache.has("k"), false);
      assert.equal(await cache.putNew("k", 1), true);
      assert.equal(await cache.putNew("k", 2), false);
      assert.equal(await cache.get("k"), 1);
      assert.equal(await cache.replace("k", 3), true);
      assert.equal(await cache.get("k"), 3);
    },
  ],
  [
    "putAll stores all, the last of each key",
    async ({ cache }) => {
      await cache.put("a", 0);
      await cache.putAll([
        ["a", 1],
        ["b", 2],
        ["a", 3],
      ]);
      assert.deepEqual([await cache.get("a"), await cache.get("b")], [3, 2]);
      await cache.putAll([]);
    },
  ],
  [
    "putNewAll stores all or nothing",
    async ({ cache }) => {
      const pairs = [
        ["a", 1],
        ["b", 2],
      ] as const;
      assert.equal(await cache.putNewAll(pairs), true);
      assert.equal(await cache.putNewAll([...pairs, ["c", 3]]), false);
      assert.equal(await cache.has("c"), false);
      assert.equal(await cache.putNewAll([["c", 3]]), true);
    },
  ],
  [
    "delete and take remove an entry once",
    async ({ cache }) => {
      await withEntries(cache);
      assert.equal(await cache.delete("a"), true);
      assert.equal(await cache.delete("a"), false);
      assert.equal(await cache.take("b"), 2);
      assert.equal(await cache.take("b"), undefined);
      assert.deepEqual([await cache.has("a"), await cache.has("b")], [false, false]);
    },
  ],
  [
    "increment and decrement add to a number, or to the default",
    async ({ cache }) => {
      assert.equal(await cache.increment("n"), 1);
      assert.equal(await cache.increment("n", 1.5), 2.5);
      assert.equal(await cache.decrement("n", 4), -1.5);
      assert.equal(await cache.increment("m", 2, { default: 40 }), 42);
      assert.equal(await cache.decrement("o", 2), -2);
      assert.equal(await cache.get("n"), -1.5);
      await cache.put("text", "1");
      assert.ok((await rejection(cache.increment("text"))) instanceof OptionError);
      assert.equal(await cache.get("text"), "1");
    },
  ],
  [
    "update stores what its function gives, or the initial value",
    async ({ cache }) => {
      assert.equal(await cache.update("k", 5, () => assert.fail("nothing to update")), 5);
      assert.equal(await cache.update("k", 0, (value) => (value as number) * 2), 10);
      assert.equal(await cache.get("k"), 10);
      const broken = new Error("broken");
      const failing = cache.update("k", 0, () => {
        throw broken;
      });
      assert.equal(await rejection(failing), broken);
      assert.equal(await cache.get("k"), 10);
    },
  ],
  [
    "getOrStore and fetchOrStore ask their function once, where there is no entry",
    async ({ cache }) => {
      assert.equal(await cache.getOrStore("g", (key) => `${key}!`), "g!");
      assert.equal(await cache.getOrStore("g", () => assert.fail("there is one")), "g!");
      let loads = 0;
      const load = async (key: string): Promise<unknown> => `${key}${++loads}`;
      const asked = await Promise.all([1, 2, 3].map(() => cache.fetchOrStore("f", load)));
      assert.deepEqual(asked, ["f1", "f1", "f1"]);
      assert.equal(await cache.fetchOrStore("f", load), "f1");
      assert.deepEqual([await cache.get("g"), await cache.get("f")], ["g!", "f1"]);
    },
  ],
  [
    "fetchOrStore stores nothing when its function fails, and tries again",
    async ({ cache }) => {
      const broken = new Error("broken");
      const fail = async (): Promise<never> => {
        throw broken;
      };
      assert.equal(await rejection(cache.fetchOrStore("k", fail)), broken);
      assert.equal(await cache.has("k"), false);
      assert.equal(await cache.fetchOrStore("k", () => 2), 2);
    },
  ],
  [
    "a write during fetchOrStore wins",
    async ({ cache }) => {
      let open = (): void => {};
      const gate = new Promise<void>((resolve) => (open = resolve));
      let isLoading = (): void => {};
      const loading = new Promise<void>((resolve) => (isLoading = resolve));
      const fetched = cache.fetchOrStore("k", async () => {
        isLoading();
        await gate;
        return "old";
      });
      await loading;
      await cache.put("k", "new");
      open();
      assert.equal(await fetched, "old");
      assert.equal(await cache.get("k"), "new");
    },
  ],
  [
    "reads, counts and streams the entries that a query matches",
    async (lab) => {
      const { cache } = lab;
      await withThree(lab);
      const isOdd = (_key: string, value: unknown): boolean => (value as number) % 2 === 1;
      const queries: [object | undefined, string[]][] = [
        [undefined, ["a1", "a2", "b1"]],
        [{ keys: ["b1", "n", "a1"] }, ["a1", "b1"]],
        [{ prefix: "a" }, ["a1", "a2"]],
        [{ prefix: "*" }, []],
        [{ where: isOdd }, ["a1", "b1"]],
      ];
      const values = new Map<string, unknown>(three);
      for (const [query, keys] of queries) {
        const expected = keys.map((key) => [key, values.get(key)]);
        const read = await cache.getAll(query as never);
        assert.deepEqual(sorted(read), expected);
        assert.equal(await cache.countAll(query as never), keys.length);
        const streamed: [string, unknown][] = [];
        for await (const entry of cache.stream(query as never)) streamed.push(entry);
        assert.deepEqual(sorted(streamed), expected);
      }
    },
  ],
  [
    "a stream can be left before its end",
    async (lab) => {
      await withThree(lab);
      let seen = 0;
      for await (const [key] of lab.cache.stream()) {
        assert.equal(typeof key, "string");
        seen++;
        break;
      }
      assert.equal(seen, 1);
      assert.equal(await lab.cache.countAll(), 3);
    },
  ],
  [
    "deleteAll removes what a query matches, and gives their number",
    async (lab) => {
      const { cache } = lab;
      await withThree(lab);
      assert.equal(await cache.deleteAll({ keys: ["a1", "n"] }), 1);
      assert.deepEqual(await contentOf(lab), { a2: 2, b1: 3 });
      assert.equal(await cache.deleteAll({ prefix: "b" }), 1);
      assert.equal(await cache.deleteAll({ prefix: "b" }), 0);
      assert.deepEqual(await contentOf(lab), { a2: 2 });
      await withThree(lab);
      assert.equal(await cache.deleteAll({ where: (_, value) => (value as number) > 1 }), 2);
      assert.deepEqual(await contentOf(lab), { a1: 1 });
      await withThree(lab);
      assert.equal(await cache.deleteAll(), 3);
      assert.equal(await cache.deleteAll(), 0);
      assert.deepEqual(await contentOf(lab), {});
      await cache.put("k", 1);
      assert.equal(await cache.get("k"), 1);
    },
  ],
  [
    "handles some hundred entries at once",
    async ({ cache }) => {
      const pairs = Array.from({ length: 300 }, (_, n) => [`k${n}`, n] as const);
      await cache.putAll(pairs);
      assert.equal(await cache.countAll(), 300);
      const keys = pairs.map(([key]) => key);
      assert.deepEqual(await cache.getAll({ keys }), new Map(pairs));
      assert.equal(await cache.deleteAll({ keys: keys.slice(0, 250) }), 250);
      assert.equal(await cache.deleteAll(), 50);
    },
  ],
  [
    "a where that throws rejects, and changes nothing",
    async (lab) => {
      await withThree(lab);
      const broken = new Error("broken");
      const where = (): never => {
        throw broken;
      };
      for (const command of ["getAll", "countAll", "deleteAll"] as const)
        assert.equal(await rejection(lab.cache[command]({ where })), broken);
      assert.equal(await lab.cache.countAll(), 3);
    },
  ],
  [
    "a wrong option is an OptionError, and changes nothing",
    async ({ cache }) => {
      await cache.put("k", 1);
      const wrong: Promise<unknown>[] = [
        cache.put("k", 2, { ttl: -1 }),
        cache.replace("k", 2, { ttl: 0 }),
        cache.putAll([["k", 2]], { ttl: NaN }),
        cache.expire("k", -5),
        cache.increment("k", Infinity),
        cache.deleteAll({} as never),
      ];
      for (const command of wrong) assert.ok((await rejection(command)) instanceof OptionError);
      assert.equal(await cache.get("k"), 1);
      assert.equal(await cache.ttl("k"), null);
    },
  ],
  [
    "info counts entries, and what commands found and changed",
    async ({ cache }) => {
      await withEntries(cache);
      await cache.get("a");
      await cache.get("n");
      await cache.getAll({ keys: ["a", "n"] });
      await cache.delete("a");
      const { entries, hits, misses, writes, deletions, expirations, evictions } =
        await cache.info();
      assert.deepEqual(
        { entries, hits, misses, writes, deletions, expirations, evictions },
        { entries: 1, hits: 2, misses: 2, writes: 2, deletions: 1, expirations: 0, evictions: 0 },
      );
    },
  ],
  [
    "takes no commands after its end, and takes them again after its next start",
    async (lab) => {
      await lab.cache.put("k", 1);
      await lab.restart();
      await lab.cache.put("k", 2);
      assert.equal(await lab.cache.get("k"), 2);
      assert.equal(await lab.cache.delete("k"), true);
    },
  ],
];

async function withEntries(cache: StoreLab["cache"]): Promise<void> {
  await cache.put("a", 1);
  await cache.put("b", 2);
}
