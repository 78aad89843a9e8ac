import assert from "node:assert/strict";
import { SeededRandom } from "../random.js";
import { sorted, type StoreCase, type StoreLab } from "./store-lab.js";

type Command = (cache: StoreLab["cache"]) => Promise<unknown>;

/** A command on `{ a1: 1, a2: 2, b1: 3 }`, and its events. */
const table: readonly (readonly [string, Command, ...string[]])[] = [
  ["put of a new key", (c) => c.put("k", 5), "inserted put k 5"],
  ["put of a key that is there", (c) => c.put("a1", 5), "updated put a1 5 < 1"],
  ["putNew", (c) => c.putNew("k", 5), "inserted putNew k 5"],
  ["putNew of a key that is there", (c) => c.putNew("a1", 5)],
  ["replace", (c) => c.replace("a1", 5), "updated replace a1 5 < 1"],
  ["replace of a key that is not there", (c) => c.replace("k", 5)],
  [
    "putAll",
    (c) =>
      c.putAll([
        ["k", 4],
        ["a1", 5],
        ["l", 6],
        ["b1", 7],
      ]),
    "inserted putAll [k 4 l 6]",
    "updated putAll [a1 5 < 1 b1 7 < 3]",
  ],
  ["putAll of nothing", (c) => c.putAll([])],
  [
    "putNewAll",
    (c) =>
      c.putNewAll([
        ["k", 4],
        ["l", 5],
      ]),
    "inserted putNewAll [k 4 l 5]",
  ],
  [
    "putNewAll with a key that is there",
    (c) =>
      c.putNewAll([
        ["k", 4],
        ["a1", 5],
      ]),
  ],
  ["delete", (c) => c.delete("a1"), "deleted delete a1 < 1"],
  ["delete of a key that is not there", (c) => c.delete("k")],
  ["take", (c) => c.take("a1"), "deleted take a1 < 1"],
  ["take of a key that is not there", (c) => c.take("k")],
  ["expire", (c) => c.expire("a1", 60_000), "updated expire a1 1 < 1"],
  ["expire of a key that is not there", (c) => c.expire("k", 60_000)],
  ["expire of no TTL to none", (c) => c.expire("a1", null)],
  ["touch without a TTL", (c) => c.touch("a1")],
  ["touch of a key that is not there", (c) => c.touch("k")],
  ["increment", (c) => c.increment("a1", 2), "updated increment a1 3 < 1"],
  ["increment of a new key", (c) => c.increment("k", 2), "inserted increment k 2"],
  ["decrement", (c) => c.decrement("a1"), "updated decrement a1 0 < 1"],
  ["update", (c) => c.update("a1", 0, () => 9), "updated update a1 9 < 1"],
  ["update of a new key", (c) => c.update("k", 0, () => 9), "inserted update k 0"],
  ["getOrStore", (c) => c.getOrStore("k", () => 9), "inserted getOrStore k 9"],
  ["getOrStore of a key that is there", (c) => c.getOrStore("a1", () => 9)],
  ["fetchOrStore", (c) => c.fetchOrStore("k", () => 9), "inserted fetchOrStore k 9"],
  ["fetchOrStore of a key that is there", (c) => c.fetchOrStore("a1", () => 9)],
  [
    "deleteAll by keys",
    (c) => c.deleteAll({ keys: ["a1", "k", "b1"] }),
    "deleted deleteAll [a1 < 1 b1 < 3]",
  ],
  [
    "deleteAll where",
    (c) => c.deleteAll({ where: (_, value) => (value as number) < 3 }),
    "deleted deleteAll [a1 < 1 a2 < 2]",
  ],
  ["deleteAll by prefix", (c) => c.deleteAll({ prefix: "a" }), "deleted deleteAll a*"],
  ["deleteAll", (c) => c.deleteAll(), "deleted deleteAll *"],
  ["deleteAll of keys that are not there", (c) => c.deleteAll({ keys: ["k"] })],
  ["deleteAll by a prefix that no key has", (c) => c.deleteAll({ prefix: "k" })],
  ["invalidate", (c) => c.invalidate("a1"), "deleted invalidate a1 < 1"],
  ["invalidate of a key that is not there", (c) => c.invalidate("k"), "deleted invalidate k"],
  [
    "invalidateAll by a prefix that no key has",
    (c) => c.invalidateAll({ prefix: "k" }),
    "deleted invalidateAll k*",
  ],
  ["invalidateAll", (c) => c.invalidateAll(), "deleted invalidateAll *"],
  [
    "reads",
    (c) =>
      Promise.all([c.get("a1"), c.has("a1"), c.ttl("a1"), c.fetch("a1"), c.getAll(), c.countAll()]),
  ],
];

const eventCases = table.map(([name, command, ...lines]): StoreCase => [
  `the events of ${name}`,
  async (lab) => {
    await lab.cache.putAll([
      ["a1", 1],
      ["a2", 2],
      ["b1", 3],
    ]);
    lab.take();
    await command(lab.cache);
    lab.expectEvents(...lines);
  },
]);

/** What events are made, and that they are in the order of the changes. @internal */
export const storeEventCases: readonly StoreCase[] = [
  ...eventCases,
  [
    "events say of whom they are, and which values are copies",
    async (lab) => {
      await lab.cache.put("k", 1);
      await lab.cache.put("k", 2, { fill: true });
      await lab.cache.fetchOrStore("f", () => 3);
      const fills = lab.events.map(({ metadata }) => metadata.fill);
      assert.deepEqual(fills, [false, true, true]);
      for (const { cache, name, metadata } of lab.events) {
        assert.deepEqual([cache, name], [lab.cache.name, lab.cache.name]);
        assert.equal(metadata.origin, null);
      }
    },
  ],
  [
    "concurrent commands of a key: each event has the previous value of the one before",
    async (lab) => {
      const { cache } = lab;
      await Promise.all(
        Array.from({ length: 30 }, (_, n) =>
          n % 10 === 9 ? cache.delete("k") : cache.put("k", n),
        ),
      );
      let held: unknown;
      for (const { type, value, previous } of lab.events) {
        assert.equal(previous, held);
        assert.equal(type === "inserted", held === undefined);
        held = value;
      }
      assert.equal(await cache.get("k"), held);
      assert.equal(lab.events.length, 30);
    },
  ],
  [
    "concurrent increments and updates are all counted",
    async ({ cache }) => {
      await Promise.all(
        Array.from({ length: 40 }, (_, n) =>
          n % 2 === 0 ? cache.increment("n") : cache.update("n", 1, (sum) => (sum as number) + 1),
        ),
      );
      assert.equal(await cache.get("n"), 40);
    },
  ],
  [
    "of concurrent putNew, getOrStore and take one succeeds",
    async ({ cache }) => {
      const eight = Array.from({ length: 8 }, (_, n) => n);
      const put = await Promise.all(eight.map((n) => cache.putNew("p", n)));
      assert.equal(put.filter(Boolean).length, 1);
      const pairs = (n: number): [string, number][] => [
        [`x${n}`, n],
        ["all", n],
      ];
      const all = await Promise.all(eight.map((n) => cache.putNewAll(pairs(n))));
      assert.equal(all.filter(Boolean).length, 1);
      const got = await Promise.all(eight.map((n) => cache.getOrStore("g", () => n)));
      assert.equal(new Set(got).size, 1);
      const taken = await Promise.all(eight.map(() => cache.take("g")));
      assert.equal(taken.filter((value) => value !== undefined).length, 1);
    },
  ],
  [
    "replaying the events of random commands gives the entries",
    async (lab) => {
      const random = new SeededRandom(1147);
      for (let step = 0; step < 150; step++) await randomCommand(lab.cache, random);
      assert.deepEqual(sorted(await lab.cache.getAll()), sorted(replay(lab)));
    },
  ],
  [
    "replaying the events of random concurrent commands gives the entries, per key in order",
    async (lab) => {
      const random = new SeededRandom(4711);
      const { cache } = lab;
      for (let round = 0; round < 12; round++)
        await Promise.all(Array.from({ length: 12 }, () => randomCommand(cache, random)));
      const entries = replay(lab);
      assert.deepEqual(sorted(await cache.getAll()), sorted(entries));
      const { writes, deletions } = await cache.info();
      assert.ok(writes > 0 && deletions > 0);
    },
  ],
];

function randomCommand(cache: StoreLab["cache"], random: SeededRandom): Promise<unknown> {
  const keys = ["a1", "a2", "b1", "b2"];
  const key = random.pick(keys) as string;
  const other = random.pick(keys) as string;
  const value = random.below(100);
  const commands: (() => Promise<unknown>)[] = [
    () => cache.put(key, value),
    () => cache.put(key, value, { ttl: 3_600_000 }),
    () => cache.putNew(key, value),
    () => cache.replace(key, value),
    () => cache.increment(key, value),
    () => cache.update(key, value, (sum) => (sum as number) + 1),
    () => cache.expire(key, 3_600_000),
    () => cache.touch(key),
    () => cache.delete(key),
    () => cache.take(key),
    () =>
      cache.putAll([
        [key, value],
        [other, value + 1],
      ]),
    () => cache.putNewAll([[key, value]]),
    () => cache.deleteAll({ keys: [key, other] }),
    () => cache.deleteAll({ prefix: "a" }),
    () => cache.deleteAll({ where: (_, stored) => stored === value }),
    () => cache.getOrStore(key, () => value),
    () => cache.fetchOrStore(key, async () => value),
    () => cache.invalidate(key),
  ];
  return (random.pick(commands) as () => Promise<unknown>)();
}

/** Applies the events in order, and fails where one does not fit those before it. */
function replay({ events }: StoreLab): Map<string, unknown> {
  const entries = new Map<string, unknown>();
  const apply = (
    type: string,
    command: string,
    key: string,
    value: unknown,
    previous: unknown,
  ): void => {
    const what = `${type} ${command} ${key}`;
    assert.deepEqual(previous, entries.get(key), what);
    assert.equal(type === "inserted", !entries.has(key) && type !== "deleted", what);
    if (value === undefined) entries.delete(key);
    else entries.set(key, value);
  };
  for (const { type, command, target, value, previous, values, previousValues } of events) {
    if (target.kind === "key") apply(type, command, target.key, value, previous);
    else if (target.kind === "keys")
      for (const key of target.keys)
        apply(type, command, key, values?.get(key), previousValues?.get(key));
    else
      for (const key of entries.keys())
        if (key.startsWith(target.query?.prefix ?? "")) entries.delete(key);
  }
  return entries;
}
