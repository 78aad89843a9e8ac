import { describe, expect, jest, test } from "@jest/globals";
import { defaultHash, defineCache, getStream, type Hash, whenIdle } from "../../src/index.js";
import { Listener } from "../helpers/actors.js";
import { type BroadcastReport, keys, show, Tree } from "../helpers/streams.js";

describe("the default hash", () => {
  test.each([1, 4, 8])(
    "puts all events of a key into one of %i partitions, whatever they are",
    async (partitions) => {
      await using tree = await Tree.start({ stream: { partitions } });
      const notes = tree.readAll();
      for (let round = 0; round < 2; round++) {
        for (const key of keys(0, 50)) {
          tree.users.put(key, 1);
          tree.users.replace(key, 2);
          tree.users.increment(key);
          tree.users.touch(key);
          tree.users.delete(key);
        }
        tree.users.putAll(keys(0, 50).map((key) => [key, 1] as const));
        tree.users.deleteAll({ keys: keys(0, 50) });
      }
      await whenIdle(tree.users);
      const partitionsOf = new Map<string, Set<unknown>>();
      for (const { target, metadata } of notes.events)
        for (const key of target.kind === "key"
          ? [target.key]
          : target.kind === "keys"
            ? target.keys
            : [])
          partitionsOf.set(key, (partitionsOf.get(key) ?? new Set()).add(metadata.partition));
      expect(partitionsOf.size).toBe(50);
      for (const found of partitionsOf.values()) expect(found.size).toBe(1);
    },
  );

  test("reports a key that it can't hash, and carries on with the next", async () => {
    using reports = new Listener<BroadcastReport>("nebulex.streams.broadcast");
    const things = defineCache<unknown, number>({ name: "things" });
    await using tree = await Tree.start({ cache: things as never, stream: { partitions: 4 } });
    const notes = tree.readAll();
    const hostile = [() => 1, [Symbol.iterator, () => 1]];
    things.put("a", 1);
    for (const key of hostile) things.put(key, 1);
    things.putAll([
      [hostile[0], 2],
      ["b", 2],
    ]);
    await whenIdle(things);
    expect(notes.lines).toEqual(["inserted a", "inserted b"]);
    const failed = reports.messages.filter(({ status }) => status === "error");
    expect(failed.map(({ event }) => [event.type, (event.target as { key: unknown }).key])).toEqual(
      [
        ["inserted", hostile[0]],
        ["inserted", hostile[1]],
        ["updated", hostile[0]],
      ],
    );
    for (const { reason, topic } of failed) {
      expect(reason).toBeInstanceOf(TypeError);
      expect(topic).toBeNull();
    }
  });
});

describe("a custom hash", () => {
  const withHash = (hash: Hash<string, number>, more: object = {}) =>
    Tree.start({ stream: { partitions: 4, hash, ...more } });

  test("chooses the partition, and is asked about one key at a time", async () => {
    const asked: string[] = [];
    await using tree = await withHash((event) => {
      asked.push(show(event));
      expect(event.metadata).toMatchObject({ partitions: 4 });
      return Number(event.target.key.slice(1)) % 4;
    });
    expect(getStream(tree.users).hash).not.toBe(defaultHash);
    const notes = tree.readAll();
    tree.users.putAll(keys(0, 6).map((key) => [key, 1] as const));
    tree.users.delete("k3");
    await whenIdle(tree.users);
    expect(asked).toEqual([...keys(0, 6).map((key) => `inserted ${key}`), "deleted k3"]);
    expect(notes.lines.toSorted()).toEqual([
      "deleted k3",
      "inserted k0+k4",
      "inserted k1+k5",
      "inserted k2",
      "inserted k3",
    ]);
    // A part for one key is still about keys.
    for (const event of notes.events.filter(({ type }) => type === "inserted"))
      expect(event.target.kind).toBe("keys");
  });

  test("leaves out what it calls none, without an error", async () => {
    using reports = new Listener<BroadcastReport>("nebulex.streams.broadcast");
    await using tree = await withHash(({ target: { key } }) => (key === "secret" ? "none" : 0));
    const notes = tree.readAll();
    tree.users.put("secret", 1);
    tree.users.putAll([
      ["secret", 2],
      ["a", 1],
    ]);
    await whenIdle(tree.users);
    expect(notes.lines).toEqual(["inserted a"]);
    expect(reports.messages.map(({ status }) => status)).toEqual(["ok"]);
    expect(notes.sequences).toEqual([0]);
  });

  test.each<[string, Hash<string, number>]>([
    [
      "throws",
      () => {
        throw new Error("boom");
      },
    ],
    [
      "throws something hostile",
      () => {
        throw Object.create(null);
      },
    ],
    ["gives -1", () => -1],
    ["gives the number of partitions", () => 4],
    ["gives a fraction", () => 1.5],
    ["gives NaN", () => Number.NaN],
    ["gives undefined", () => undefined as never],
    ["gives a numeral", () => "1" as never],
    ["gives a promise", () => Promise.resolve(1) as never],
    ["gives what has no text", () => Object.create(null) as never],
  ])("that %s is reported, and asked again about the next event", async (_name, bad) => {
    using reports = new Listener<BroadcastReport>("nebulex.streams.broadcast");
    let broken = true;
    await using tree = await withHash((event) =>
      broken || event.target.key === "bad" ? bad(event) : 0,
    );
    const notes = tree.readAll();
    tree.users.put("a", 1);
    broken = false;
    tree.users.put("b", 1);
    tree.users.putAll([
      ["c", 1],
      ["bad", 1],
      ["d", 1],
    ]);
    await whenIdle(tree.users);
    expect(notes.lines).toEqual(["inserted b", "inserted c+d"]);
    expect(tree.users.get("a")).toBe(1);
    const [first, ...others] = reports.messages;
    expect(first).toMatchObject({ status: "error", topic: null, pubsub: null });
    expect(first?.reason).toBeDefined();
    expect(show(first!.event)).toBe("inserted a");
    expect(others.map(({ status, topic }) => [status, topic])).toEqual([
      ["ok", "users:0:inserted"],
      ["error", null],
      ["ok", "users:0:inserted"],
    ]);
  });

  test("that fails without a subscriber of its channel is reported by a process warning, the first at once", async () => {
    const warn = jest.spyOn(process, "emitWarning").mockImplementation(() => {});
    await using tree = await withHash(() => {
      throw new Error("boom");
    });
    for (const key of keys(0, 5)) tree.users.put(key, 1);
    await whenIdle(tree.users);
    expect(warn.mock.calls).toEqual([
      [
        expect.stringMatching(/^Error: boom\n/),
        {
          type: "NebulexWarning",
          detail: "an event of users has no partition, and is in no stream",
        },
      ],
    ]);
  });

  test("is not asked on a stream without partitions", async () => {
    let asked = 0;
    await using tree = await Tree.start({ stream: { hash: () => asked++ } });
    const notes = tree.readAll();
    tree.users.putAll([
      ["a", 1],
      ["b", 1],
    ]);
    await whenIdle(tree.users);
    expect([asked, notes.lines]).toEqual([0, ["inserted a+b"]]);
  });

  test("may call the cache: events of that come behind the present one", async () => {
    let tree!: Tree;
    await using made = await withHash((event) => {
      if (event.target.key === "a") tree.users.put("log", 1);
      return 0;
    });
    tree = made;
    const notes = tree.readAll();
    tree.users.put("a", 1);
    await whenIdle(tree.users);
    expect(notes.lines).toEqual(["inserted a", "inserted log"]);
  });
});

describe("an event about a query", () => {
  test.each([
    [{ prefix: "k" }, "deleted k*"],
    [undefined, "deleted *"],
  ])("goes to each partition once: %p", async (query, line) => {
    await using tree = await Tree.start({ stream: { partitions: 4, hash: () => 1 } });
    tree.users.put("k1", 1);
    const notes = tree.readAll();
    tree.users.deleteAll(query as never);
    await whenIdle(tree.users);
    expect(notes.lines).toEqual([line, line, line, line]);
    expect(new Set(notes.events.map(({ metadata }) => metadata.partition))).toEqual(
      new Set([0, 1, 2, 3]),
    );
  });
});
