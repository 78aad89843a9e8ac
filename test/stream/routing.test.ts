import { describe, expect, jest, test } from "@jest/globals";
import {
  defaultHash,
  defineCache,
  getStream,
  type Hash,
  OptionError,
  streamServer,
  whenIdle,
} from "../../src/index.js";
import { Listener } from "../helpers/actors.js";
import { keys, Notes, show, Tree, type UserEvent } from "../helpers/streams.js";

interface Report {
  status: "ok" | "error";
  reason: unknown;
  pubsub: null;
  topic: string | null;
  event: UserEvent;
}

async function readAll(tree: Tree): Promise<Notes> {
  const notes = new Notes();
  tree.users.subscribe(notes.note, { partition: "all", gaps: true });
  return notes;
}

describe("the default hash", () => {
  test.each([1, 4, 8])(
    "puts all events of a key into one of %i partitions, whatever they are",
    async (partitions) => {
      await using tree = await Tree.start({ stream: { partitions } });
      const notes = await readAll(tree);
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
    using reports = new Listener<Report>("nebulex.streams.broadcast");
    const things = defineCache<unknown, number>({ name: "things" });
    await using tree = await Tree.start({ cache: things as never, stream: { partitions: 4 } });
    const notes = await readAll(tree);
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
    const notes = await readAll(tree);
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
    using reports = new Listener<Report>("nebulex.streams.broadcast");
    await using tree = await withHash(({ target: { key } }) => (key === "secret" ? "none" : 0));
    const notes = await readAll(tree);
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
    using reports = new Listener<Report>("nebulex.streams.broadcast");
    let broken = true;
    await using tree = await withHash((event) =>
      broken || event.target.key === "bad" ? bad(event) : 0,
    );
    const notes = await readAll(tree);
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

  test("that goes wrong while nobody listens is told of by a process warning, once", async () => {
    const warn = jest.spyOn(process, "emitWarning").mockImplementation(() => {});
    await using tree = await withHash(() => {
      throw new Error("boom");
    });
    for (const key of keys(0, 5)) tree.users.put(key, 1);
    await whenIdle(tree.users);
    expect(warn.mock.calls.map(([message]) => message)).toEqual([
      "an event of users has no partition, and is in no stream: boom",
    ]);
  });

  test("is not asked on a stream without partitions", async () => {
    let asked = 0;
    await using tree = await Tree.start({ stream: { hash: () => asked++ } });
    const notes = await readAll(tree);
    tree.users.putAll([
      ["a", 1],
      ["b", 1],
    ]);
    await whenIdle(tree.users);
    expect([asked, notes.lines]).toEqual([0, ["inserted a+b"]]);
  });

  test("may call the cache: what that changes comes behind the event in hand", async () => {
    let tree!: Tree;
    await using made = await withHash((event) => {
      if (event.target.key === "a") tree.users.put("log", 1);
      return 0;
    });
    tree = made;
    const notes = await readAll(tree);
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
    const notes = await readAll(tree);
    tree.users.deleteAll(query as never);
    await whenIdle(tree.users);
    expect(notes.lines).toEqual([line, line, line, line]);
    expect(new Set(notes.events.map(({ metadata }) => metadata.partition))).toEqual(
      new Set([0, 1, 2, 3]),
    );
  });
});

describe("values", () => {
  const cases = [
    [[], {}, {}],
    [["value"], { value: 1 }, { value: 2 }],
    [["previous"], {}, { previous: 1 }],
    [["value", "previous"], { value: 1 }, { value: 2, previous: 1 }],
  ] as const;

  test.each(cases)(
    "are with an event only where they are included: %p",
    async (include, inserted, updated) => {
      await using tree = await Tree.start({ stream: { include } });
      const notes = await readAll(tree);
      const one = (): object[] =>
        notes.events.splice(0).map((event) => {
          const { value, previous, values, previousValues } = event;
          return Object.fromEntries(
            Object.entries({ value, previous, values, previousValues }).filter(
              ([name]) => name in event,
            ),
          );
        });
      tree.users.put("a", 1);
      tree.users.put("a", 2);
      tree.users.delete("a");
      await whenIdle(tree.users);
      const went = (include as readonly string[]).includes("previous") ? { previous: 2 } : {};
      expect(one()).toEqual([inserted, updated, went]);
    },
  );

  test.each(["value", "previous"] as const)(
    "of a split event are each part's own: %s",
    async (what) => {
      await using tree = await Tree.start({
        stream: {
          include: [what],
          partitions: 2,
          hash: ({ target: { key } }) => (key < "b" ? 0 : 1),
        },
      });
      const notes = await readAll(tree);
      const put = (n: number): void =>
        tree.users.putAll([
          ["a1", n],
          ["b1", n + 1],
          ["b2", n + 2],
        ]);
      put(1);
      put(10);
      await whenIdle(tree.users);
      const name = what === "value" ? "values" : "previousValues";
      const shown = notes.events.map((event): [string, number | null, object] => [
        event.type,
        event.metadata.partition,
        Object.fromEntries(event[name] ?? []),
      ]);
      const nothing = {};
      expect(shown.toSorted((a, b) => `${a[0]} ${a[1]}`.localeCompare(`${b[0]} ${b[1]}`))).toEqual([
        ["inserted", 0, what === "value" ? { a1: 1 } : nothing],
        ["inserted", 1, what === "value" ? { b1: 2, b2: 3 } : nothing],
        ["updated", 0, what === "value" ? { a1: 10 } : { a1: 1 }],
        ["updated", 1, what === "value" ? { b1: 11, b2: 12 } : { b1: 2, b2: 3 }],
      ]);
    },
  );
});

describe("telemetry of events", () => {
  test("tells of each with its topic", async () => {
    using reports = new Listener<Report>("nebulex.streams.broadcast");
    await using tree = await Tree.start({ stream: { partitions: 1 } });
    tree.users.put("a", 1);
    tree.users.deleteAll();
    expect(
      reports.messages.map(({ topic, status, event }) => [topic, status, show(event as never)]),
    ).toEqual([
      ["users:0:inserted", "ok", "inserted a"],
      ["users:0:deleted", "ok", "deleted *"],
    ]);
    expect(reports.messages[0]).toMatchObject({ reason: null, pubsub: null });
  });
});

describe("options of a stream server", () => {
  const users = defineCache<string, number>({ name: "users" });

  test.each([
    [
      { partitions: 0 },
      'invalid value for option "partitions": expected an integer >= 1 and <= 65536, got: 0',
    ],
    [
      { broadcastFun: "x" },
      'invalid value for option "broadcastFun": expected one of "broadcast", "broadcast_from", got: \'x\'',
    ],
    [
      { backoffInitial: 0 },
      'invalid value for option "backoffInitial": expected a number of milliseconds > 0, got: 0',
    ],
    [
      { backoffMax: 10 },
      'invalid value for option "backoffMax": expected a number of milliseconds >= 1000 (backoffInitial), got: 10',
    ],
    [{ hash: 1 }, 'invalid value for option "hash": expected a function, got: 1'],
    [
      { include: ["all"] },
      'invalid value for option "include": expected an array of values among "value", "previous", got: [ \'all\' ]',
    ],
    [
      { capacity: 0 },
      'invalid value for option "capacity": expected an integer >= 1 and <= 1073741824, got: 0',
    ],
    [
      { capacity: 10, retain: 11 },
      'invalid value for option "retain": expected an integer >= 0 and <= 10, got: 11',
    ],
    [
      { name: "a:b" },
      'invalid value for option "name": expected a non-empty string without ":", got: \'a:b\'',
    ],
    [
      { cache: {} },
      'invalid value for option "cache": expected a cache, as defineCache returns it, got: {}',
    ],
  ])("%p is told of when the spec is made", (options, message) => {
    const make = () => streamServer({ cache: users, ...options } as never);
    expect(make).toThrow(OptionError);
    expect(make).toThrow(message);
  });

  test("that nobody knows is named", () => {
    expect(() => streamServer({ cache: users, partition: 4 } as never)).toThrow(
      /^unknown option "partition" for streamServer/,
    );
  });

  test("have defaults, which the stream's info shows", async () => {
    await using tree = await Tree.start({ cache: users, stream: { capacity: 100 } });
    expect(getStream(users)).toMatchObject({
      partitions: null,
      pubsub: null,
      broadcastFun: "broadcast",
      hash: defaultHash,
      options: {
        backoffInitial: 1000,
        backoffMax: 30_000,
        include: [],
        capacity: 100,
        retain: 100,
      },
    });
    expect(tree.users).toBe(users);
  });
});
