import { describe, expect, test } from "@jest/globals";
import {
  defineCache,
  invalidator,
  nilAdapter,
  OptionError,
  startSupervisor,
  StreamNotFoundError,
  streamServer,
  whenIdle,
} from "nebulex-streams";
import { SimulatedClock } from "nebulex-streams/testing";
import { failure, Gate } from "../helpers/actors.js";
import { keys, kill } from "../helpers/streams.js";
import { Nodes, shapes } from "./nodes.js";

const cache = defineCache<string, number>({ name: "users" });

describe("the options", () => {
  test.each([
    [{ cache: {} }, "cache"],
    [{ cache, name: "a:b" }, "name"],
    [{ cache, id: "" }, "id"],
    [{ cache, eventScope: "others" }, "eventScope"],
    [{ cache, events: [] }, "events"],
    [{ cache, events: ["gone"] }, "events"],
    [{ cache, whileDisconnected: "wait" }, "whileDisconnected"],
    [{ cache, whileDisconnected: "bypass", eventScope: "local" }, "whileDisconnected"],
    [{ cache, maxRestarts: -1 }, "maxRestarts"],
    [{ cache, maxSeconds: 0 }, "maxSeconds"],
    [{ cache, shutdown: -1 }, "shutdown"],
    [{ cache, handler: () => {} }, "handler"],
  ])("%j is refused by the factory", (options, option) => {
    let error: unknown;
    try {
      invalidator(options as never);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(OptionError);
    expect(error).toMatchObject({ option });
  });

  test("its id is that of the instance; it is a supervisor", () => {
    expect(invalidator({ cache })).toMatchObject({ id: "users:invalidator", type: "supervisor" });
    expect(invalidator({ cache, name: "tenant" }).id).toBe("tenant:invalidator");
    expect(invalidator({ cache, id: "mine" }).id).toBe("mine");
  });

  test("without a stream server its start fails", async () => {
    const users = defineCache({ name: "no-stream" });
    const starting = startSupervisor({
      strategy: "rest_for_one",
      children: [users, invalidator({ cache: users })],
    });
    expect(await failure(starting)).toMatchObject({ cause: expect.any(StreamNotFoundError) });
  });

  test("on a cache that stores nothing there is nothing to do", async () => {
    const users = defineCache({ name: "nil", adapter: nilAdapter() });
    await using sup = await startSupervisor({
      strategy: "rest_for_one",
      children: [users, streamServer({ cache: users }), invalidator({ cache: users })],
    });
    expect((await sup.countChildren()).active).toBe(3);
  });
});

describe.each(shapes)("partitions: %s", (partitions) => {
  test("what another node puts goes here, whether it was new there or not", async () => {
    await using nodes = new Nodes();
    const [a, b] = [await nodes.start("a", { partitions }), await nodes.start("b", { partitions })];
    b.users.put("x", 1, { fill: true });
    b.users.put("other", 1, { fill: true });
    await nodes.quiet();
    a.users.put("x", 2);
    await nodes.quiet();
    expect(b.users.has("x")).toBe(false);
    b.users.put("x", 2, { fill: true });
    a.users.put("x", 3);
    await nodes.quiet();
    expect(b.users.has("x")).toBe(false);
    expect(b.users.get("other")).toBe(1);
    expect(a.users.get("x")).toBe(3);
    expect((await b.tree.sup.whichChildren()).at(-1)?.id).toBe("users:invalidator");
  });

  test("several keys, a prefix, everything", async () => {
    await using nodes = new Nodes();
    const [a, b] = [await nodes.start("a", { partitions }), await nodes.start("b", { partitions })];
    const fill = (): void => {
      const pairs = ["p1", "p2", "p3", "q1", "q2"].map((key) => [key, 0] as const);
      for (const { users } of [a, b]) users.putAll(pairs, { fill: true });
    };
    const left = (): string[] => [...b.users.getAll().keys()].sort();
    fill();
    await nodes.quiet();
    a.users.putAll([
      ["p1", 1],
      ["q1", 1],
      ["new", 1],
    ]);
    await nodes.quiet();
    expect(left()).toEqual(["p2", "p3", "q2"]);
    fill();
    a.users.deleteAll({ prefix: "p" });
    await nodes.quiet();
    expect(left()).toEqual(["q1", "q2"]);
    fill();
    a.users.deleteAll({ where: (key) => key === "p3" || key === "q2" });
    await nodes.quiet();
    expect(left()).toEqual(["p1", "p2", "q1"]);
    fill();
    a.users.deleteAll();
    await nodes.quiet();
    expect(left()).toEqual([]);
  });

  test("each command that changes something invalidates; fills and reads don't", async () => {
    await using nodes = new Nodes();
    const [a, b] = [await nodes.start("a", { partitions }), await nodes.start("b", { partitions })];
    const stays = async (command: () => unknown): Promise<boolean> => {
      b.users.put("x", 1, { fill: true });
      a.users.put("x", 1, { fill: true });
      await nodes.quiet();
      await command();
      await nodes.quiet();
      return b.users.has("x");
    };
    const { users } = a;
    expect(await stays(() => users.put("x", 2, { fill: true }))).toBe(true);
    expect(await stays(() => users.replace("x", 2, { fill: true }))).toBe(true);
    expect(await stays(() => users.putAll([["x", 2]], { fill: true }))).toBe(true);
    expect(await stays(() => users.get("x"))).toBe(true);
    expect(await stays(() => users.expire("x", 60_000))).toBe(true);
    expect(await stays(() => (users.expire("x", 60_000), users.touch("x")))).toBe(true);
    expect(await stays(() => users.increment("x"))).toBe(false);
    expect(await stays(() => users.update("x", 0, (n) => n + 1))).toBe(false);
    expect(await stays(() => users.replace("x", 2))).toBe(false);
    expect(await stays(() => users.delete("x"))).toBe(false);
    expect(await stays(() => users.take("x"))).toBe(false);
  });

  test("two nodes that read one hot key never evict each other", async () => {
    await using nodes = new Nodes();
    const [a, b] = [await nodes.start("a", { partitions }), await nodes.start("b", { partitions })];
    let reads = 0;
    for (let round = 0; round < 20; round++) {
      for (const { users } of [a, b]) {
        users.getOrStore("hot", () => ++reads);
        await users.fetchOrStore("warm", () => ++reads);
      }
      await nodes.quiet();
    }
    expect(reads).toBe(4);
    expect([...a.take(), ...b.take()].filter((line) => line.startsWith("deleted"))).toEqual([]);
  });

  test("a node that touches and expires its entries costs the others no read", async () => {
    await using nodes = new Nodes();
    const [a, b] = [await nodes.start("a", { partitions }), await nodes.start("b", { partitions })];
    const hot = keys(0, 20);
    let reads = 0;
    a.users.putAll(
      hot.map((key) => [key, 1]),
      { ttl: 60_000 },
    );
    await nodes.quiet();
    b.users.putAll(
      hot.map((key) => [key, 1]),
      { fill: true },
    );
    for (const key of hot) {
      a.users.touch(key);
      a.users.expire(key, 120_000);
    }
    await nodes.quiet();
    for (const key of hot) b.users.getOrStore(key, () => ++reads);
    expect(reads).toBe(0);
    expect(b.users.info()).toMatchObject({ hits: 20, misses: 0 });
  });

  test("its deletions are events here, marked; they reach no other node, and no invalidator", async () => {
    await using nodes = new Nodes();
    const all = {
      partitions,
      invalidator: { eventScope: "all" as const, events: ["deleted" as const] },
    };
    const [a, b] = [await nodes.start("a", { partitions }), await nodes.start("b", { partitions })];
    const c = await nodes.start("c", all);
    for (const { users } of nodes.all) {
      users.put("x", 1, { fill: true });
      users.putAll(
        [
          ["y", 1],
          ["z", 1],
        ],
        { fill: true },
      );
    }
    await nodes.quiet();
    for (const node of nodes.all) node.take();
    const before = nodes.sent;
    a.users.delete("x");
    await nodes.quiet();
    // One message to each of the two others, and no answer.
    expect(nodes.sent - before).toBe(2);
    expect(a.take()).toEqual(["deleted delete x"]);
    for (const node of [b, c])
      expect(node.take().sort()).toEqual(["deleted delete x", "deleted delete x !"]);
    a.users.deleteAll();
    await nodes.quiet();
    const everything = b.take().filter((line) => line.endsWith("!"));
    expect(everything).toEqual(
      Array.from({ length: partitions ?? 1 }, () => "deleted deleteAll * !"),
    );
    expect(nodes.sent - before).toBe(2 + 2 * (partitions ?? 1));
  });

  test("what is not there makes no event", async () => {
    await using nodes = new Nodes();
    const [a, b] = [await nodes.start("a", { partitions }), await nodes.start("b", { partitions })];
    a.users.put("x", 1);
    a.users.putAll([["y", 1]]);
    a.users.deleteAll({ prefix: "y" });
    a.users.deleteAll();
    await nodes.quiet();
    expect(b.take().filter((line) => line.endsWith("!"))).toEqual([]);
  });

  test("a fetch under way is not stored, the key being there or not", async () => {
    await using nodes = new Nodes();
    const [a, b] = [await nodes.start("a", { partitions }), await nodes.start("b", { partitions })];
    const changes: [string, () => unknown][] = [
      ["x", () => a.users.put("x", 2)],
      ["x", () => a.users.delete("x")],
      [
        "px",
        () =>
          a.users.putAll([
            ["px", 2],
            ["py", 2],
          ]),
      ],
      ["px", () => a.users.deleteAll({ prefix: "p" })],
      ["z", () => (a.users.put("other", 1), a.users.deleteAll())],
    ];
    for (const [key, change] of changes) {
      const gate = new Gate<number>();
      const fetching = b.users.fetchOrStore(key, () => gate.promise);
      change();
      await nodes.quiet();
      gate.open(1);
      expect(await fetching).toBe(1);
      expect(b.users.has(key)).toBe(false);
    }
    // What is not touched is stored.
    const gate = new Gate<number>();
    const fetching = b.users.fetchOrStore("untouched", () => gate.promise);
    a.users.put("x", 2);
    await nodes.quiet();
    gate.open(1);
    await fetching;
    expect(b.users.get("untouched")).toBe(1);
  });

  test("a worker that is killed continues where it was", async () => {
    await using nodes = new Nodes();
    const [a, b] = [await nodes.start("a", { partitions }), await nodes.start("b", { partitions })];
    for (let n = 0; n < 20; n++) b.users.put(`k${n}`, n, { fill: true });
    await nodes.quiet();
    for (let n = 0; n < 20; n++) {
      a.users.put(`k${n}`, -1);
      if (n % 5 === 0) await b.tree.workerReborn(n % (partitions ?? 1), kill, "users:invalidator");
    }
    await nodes.quiet();
    expect(b.users.countAll()).toBe(0);
  });
});

describe("the scope", () => {
  test("local: what changes here goes here, what changes elsewhere stays", async () => {
    await using nodes = new Nodes();
    const a = await nodes.start("a");
    const b = await nodes.start("b", { invalidator: { eventScope: "local" } });
    b.users.put("x", 1, { fill: true });
    a.users.put("x", 2);
    await nodes.quiet();
    expect(b.users.get("x")).toBe(1);
    b.users.put("x", 2);
    b.users.put("y", 2);
    await nodes.quiet();
    expect(b.users.countAll()).toBe(0);
    expect(b.take().filter((line) => line.endsWith("!"))).toEqual([
      "deleted delete x !",
      "deleted delete y !",
    ]);
  });

  test("all: both", async () => {
    await using nodes = new Nodes();
    const a = await nodes.start("a");
    const b = await nodes.start("b", { invalidator: { eventScope: "all" } });
    b.users.put("x", 1, { fill: true });
    b.users.put("y", 1);
    a.users.put("x", 2);
    await nodes.quiet();
    expect(b.users.countAll()).toBe(0);
  });

  test("remote without a pubsub: nothing is remote", async () => {
    const users = defineCache<string, number>({ name: "alone" });
    await using sup = await startSupervisor({
      strategy: "rest_for_one",
      children: [users, streamServer({ cache: users }), invalidator({ cache: users })],
    });
    users.put("x", 1);
    await whenIdle(users);
    expect([users.get("x"), sup.ref.alive]).toEqual([1, true]);
  });
});

describe("the types of event", () => {
  test("what expires or is evicted elsewhere stays, unless it is asked for; then also where a fill was the cause", async () => {
    await using nodes = new Nodes();
    const { localAdapter } = await import("nebulex-streams");
    const a = await nodes.start("a", { adapter: localAdapter({ maxEntries: 1 }) });
    const b = await nodes.start("b");
    const c = await nodes.start("c", { invalidator: { events: ["evicted"] } });
    for (const { users } of [b, c]) users.put("x", 1, { fill: true });
    a.users.put("x", 1, { fill: true });
    await nodes.quiet();
    a.users.put("y", 1, { fill: true });
    await nodes.quiet();
    expect(b.users.has("x")).toBe(true);
    expect(c.users.has("x")).toBe(false);
  });

  test("an entry that touch found expired is expired, not touched", async () => {
    const clock = new SimulatedClock();
    await using nodes = new Nodes();
    const a = await nodes.start("a", { clock });
    const b = await nodes.start("b", { invalidator: { events: ["expired"] } });
    b.users.put("x", 1, { fill: true });
    a.users.put("x", 1, { ttl: 5, fill: true });
    await nodes.quiet();
    await clock.advance(6);
    expect(a.users.touch("x")).toBe(false);
    await nodes.quiet();
    expect(b.users.has("x")).toBe(false);
  });

  test("only those that are asked for", async () => {
    await using nodes = new Nodes();
    const a = await nodes.start("a");
    const b = await nodes.start("b", { invalidator: { events: ["deleted"] } });
    b.users.put("x", 1, { fill: true });
    a.users.put("x", 2);
    await nodes.quiet();
    expect(b.users.has("x")).toBe(true);
    a.users.delete("x");
    await nodes.quiet();
    expect(b.users.has("x")).toBe(false);
  });
});

test("keys that are objects are found by their value", async () => {
  await using nodes = new Nodes();
  const [a, b] = [await nodes.start("a"), await nodes.start("b")];
  const key = (id: number): never => ({ id, at: new Date(id) }) as never;
  b.users.put(key(1), 1, { fill: true });
  b.users.put(key(2), 2, { fill: true });
  b.users.put("s", 3, { fill: true });
  a.users.put(key(1), 2);
  await nodes.quiet();
  expect([...b.users.getAll().values()]).toEqual([2, 3]);
  a.users.putAll([
    [key(2), 0],
    ["s", 0],
  ]);
  await nodes.quiet();
  expect(b.users.countAll()).toBe(0);
});

test("what the cache holds when an invalidator begins to listen goes, and stays when a worker or the pool starts again", async () => {
  await using nodes = new Nodes();
  await nodes.start("a");
  const b = await nodes.start("b", { invalidator: null });
  b.users.put("x", 1);
  await b.tree.sup.startChild(invalidator({ cache: b.users }));
  expect(b.users.has("x")).toBe(false);
  b.users.put("x", 2);
  await b.tree.workerReborn(0, kill, "users:invalidator");
  await b.tree.reborn("users:invalidator", kill);
  await b.tree.reborn("users:stream", kill);
  await b.tree.ref("users:invalidator");
  await nodes.quiet();
  expect(b.users.get("x")).toBe(2);
});
