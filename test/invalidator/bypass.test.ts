import { describe, expect, test } from "@jest/globals";
import { invalidator, KeyNotFoundError, localAdapter, type Store } from "nebulex-streams";
import { waitFor } from "nebulex-streams/testing";
import { Gate, rest } from "../helpers/actors.js";
import { kill } from "../helpers/streams.js";
import { asyncAdapter } from "./async-adapter.js";
import { type Node, shapes } from "./nodes.js";
import { beat, heartbeat, Timed } from "./timed.js";

const bypass = { whileDisconnected: "bypass" } as const;

async function isBypassed({ users }: Node): Promise<boolean> {
  users.put("probe", 1);
  return !users.has("probe");
}

describe.each(shapes)("partitions: %s", (partitions) => {
  describe.each(["disconnect", "pause"] as const)("%s", (fault) => {
    const mend = fault === "pause" ? "resume" : "connect";

    test("from a heartbeat on reads miss and fills store nothing, until the gap has been handled", async () => {
      await using nodes = new Timed();
      const a = await nodes.startTimed("a", { partitions });
      const b = await nodes.startTimed("b", { partitions, invalidator: bypass });
      await nodes.pass(2 * beat);
      const { users } = b;
      users.put("x", 1, { fill: true });
      nodes.hub[fault]("b");
      a.users.put("x", 2);
      await nodes.pass(heartbeat - 1);
      // Nobody can know better yet.
      expect(users.get("x")).toBe(1);
      await nodes.pass(1);
      expect(users.get("x")).toBeUndefined();
      expect(users.getOrStore("x", () => 2)).toBe(2);
      expect(users.get("x")).toBeUndefined();
      await nodes.pass(20 * heartbeat);
      expect(users.get("x")).toBeUndefined();
      a.users.put("x", 3);
      nodes.hub[mend]("b");
      await nodes.pass(heartbeat);
      expect(users.countAll()).toBe(0);
      expect(users.getOrStore("x", () => 3)).toBe(3);
      expect(users.get("x")).toBe(3);
    });

    test("an outage that is over within a heartbeat bypasses nothing", async () => {
      await using nodes = new Timed();
      await nodes.startTimed("a", { partitions });
      const b = await nodes.startTimed("b", { partitions, invalidator: bypass });
      for (let time = 0; time < 5; time++) {
        await nodes.pass(beat);
        nodes.hub[fault]("b");
        await nodes.pass(2 * beat);
        expect(await isBypassed(b)).toBe(false);
        nodes.hub[mend]("b");
        await rest(50);
        expect(await isBypassed(b)).toBe(false);
      }
    });
  });

  test("no command reads what is there, all writes go on and are sent later", async () => {
    await using nodes = new Timed();
    const a = await nodes.startTimed("a", { partitions });
    const b = await nodes.startTimed("b", { partitions, invalidator: bypass });
    const { users } = b;
    users.putAll([
      ["x", 1],
      ["y", 1],
    ]);
    await nodes.quiet();
    a.users.putAll([
      ["n", 7],
      ["x", 7],
      ["y", 7],
    ]);
    await nodes.quiet();
    nodes.hub.disconnect("b");
    await nodes.pass(2 * heartbeat);
    users.put("x", 5);
    const { hits, misses } = users.info();
    expect(users.get("x")).toBeUndefined();
    expect(() => users.fetch("x")).toThrow(KeyNotFoundError);
    expect([users.has("x"), users.ttl("x"), users.countAll()]).toEqual([false, undefined, 0]);
    expect([...users.getAll(), ...users.stream()]).toEqual([]);
    expect(await users.fetchOrStore("x", () => 6)).toBe(6);
    expect(users.getOrStore("x", () => 6)).toBe(6);
    // A read, and a deletion.
    expect(users.take("x")).toBeUndefined();
    expect(users.info()).toMatchObject({ hits, misses: misses + 5 });
    users.put("f", 1, { fill: true });
    users.putAll([["f", 1]], { fill: true });
    expect(users.putNew("f", 1, { fill: true })).toBe(false);
    expect(users.putNewAll([["f", 1]], { fill: true })).toBe(false);
    expect(users.putNew("f", 1)).toBe(true);
    expect(users.replace("f", 2, { fill: true })).toBe(false);
    expect(users.increment("n")).toBe(1);
    expect(users.update("n", 0, (n) => n + 1)).toBe(2);
    expect([users.touch("n"), users.expire("n", 60_000), users.replace("n", 3)]).toEqual([
      true,
      true,
      true,
    ]);
    users.put("y", 2);
    expect(users.delete("y")).toBe(true);
    expect(b.stream.slot.running?.opened.info().entries).toBe(2);
    users.put("i", 1);
    await nodes.quiet();
    b.take();
    expect(users.invalidateAll({ keys: ["i", "j"] })).toBe(1);
    await nodes.quiet();
    expect(b.take().sort()).toEqual(["deleted invalidateAll i", "deleted invalidateAll j"]);
    for (const key of ["n", "x", "y"]) a.users.put(key, 7, { fill: true });
    nodes.hub.connect("b");
    await nodes.pass(heartbeat);
    expect([...a.users.getAll()]).toEqual([]);
    expect(users.countAll()).toBe(0);
    expect(users.info().misses).toBe(misses + 5);
  });

  test("a fetch that is under way when it begins or ends is not stored", async () => {
    await using nodes = new Timed();
    await nodes.startTimed("a", { partitions });
    const { users } = await nodes.startTimed("b", { partitions, invalidator: bypass });
    const [before, during] = [new Gate<number>(), new Gate<number>()];
    const first = users.fetchOrStore("x", () => before.promise);
    nodes.hub.disconnect("b");
    await nodes.pass(2 * heartbeat);
    const second = users.fetchOrStore("y", () => during.promise);
    before.open(1);
    expect(await first).toBe(1);
    nodes.hub.connect("b");
    await nodes.pass(heartbeat);
    during.open(2);
    expect(await second).toBe(2);
    expect(users.countAll()).toBe(0);
    expect(await users.fetchOrStore("y", () => 3)).toBe(3);
    expect(users.get("y")).toBe(3);
  });

  test("it lasts until the store can be cleared", async () => {
    await using nodes = new Timed();
    let fails = false;
    const failing = {
      open: <K, V>(context: never): Store<K, V> => {
        const store = localAdapter().open<K, V>(context);
        const deleteAll = store.deleteAll.bind(store);
        store.deleteAll = (query, cause) => {
          if (fails) throw new Error("down");
          return deleteAll(query, cause);
        };
        return store;
      },
    };
    await nodes.startTimed("a", { partitions });
    const b = await nodes.startTimed("b", { partitions, adapter: failing, invalidator: bypass });
    nodes.hub.disconnect("b");
    await nodes.pass(2 * heartbeat);
    fails = true;
    nodes.hub.connect("b");
    await nodes.pass(10 * heartbeat);
    expect(await isBypassed(b)).toBe(true);
    fails = false;
    await nodes.pass(10 * heartbeat);
    expect(await isBypassed(b)).toBe(false);
  });

  test("a cache that starts in an outage is bypassed, and so is one whose invalidator starts again", async () => {
    await using nodes = new Timed();
    await nodes.startTimed("a", { partitions });
    const b = await nodes.startTimed("b", {
      partitions,
      invalidator: bypass,
      strategy: "one_for_one",
    });
    nodes.hub.disconnect("b");
    await nodes.pass(2 * heartbeat);
    await b.tree.reborn("users", kill);
    expect(await isBypassed(b)).toBe(true);
    await b.tree.reborn("users:invalidator", kill);
    expect(await isBypassed(b)).toBe(true);
    await b.tree.workerReborn(0, kill, "users:invalidator");
    nodes.hub.connect("b");
    await nodes.pass(heartbeat);
    expect(await isBypassed(b)).toBe(false);
  });

  test("a stream server that is killed or stopped in an outage continues", async () => {
    for (const end of ["kill", "stop"] as const) {
      await using nodes = new Timed();
      await nodes.startTimed("a", { partitions });
      const b = await nodes.startTimed("b", {
        partitions,
        invalidator: bypass,
        strategy: "one_for_one",
      });
      nodes.hub.disconnect("b");
      await nodes.pass(2 * heartbeat);
      await b.tree.reborn("users:stream", (ref) => void ref[end]());
      expect(await isBypassed(b)).toBe(true);
      await nodes.pass(heartbeat);
      expect(await isBypassed(b)).toBe(true);
      nodes.hub.connect("b");
      await nodes.pass(heartbeat);
      expect(await isBypassed(b)).toBe(false);
    }
  });
});

test("a node that starts without its broker bypasses after a heartbeat", async () => {
  await using nodes = new Timed();
  nodes.hub.disconnect("b");
  const b = await nodes.startTimed("b", { invalidator: bypass });
  expect(await isBypassed(b)).toBe(false);
  await nodes.pass(heartbeat);
  expect(await isBypassed(b)).toBe(true);
  nodes.hub.connect("b");
  await nodes.pass(heartbeat);
  expect(await isBypassed(b)).toBe(false);
});

test("an invalidator that is removed leaves nothing bypassed; of two, the last ends it", async () => {
  await using nodes = new Timed();
  const b = await nodes.startTimed("b", { invalidator: bypass });
  await b.tree.sup.startChild(invalidator({ cache: b.users, id: "second", ...bypass }));
  nodes.hub.disconnect("b");
  await nodes.pass(2 * heartbeat);
  await b.tree.sup.terminateChild("users:invalidator");
  expect(await isBypassed(b)).toBe(true);
  await b.tree.sup.terminateChild("second");
  expect(await isBypassed(b)).toBe(false);
});

test("keep, the default, reads and fills in an outage, and clears when it is over", async () => {
  await using nodes = new Timed();
  const a = await nodes.startTimed("a");
  const b = await nodes.startTimed("b");
  nodes.hub.disconnect("b");
  await nodes.pass(2 * heartbeat);
  b.users.put("x", 1, { fill: true });
  a.users.put("x", 2);
  await nodes.pass(20 * heartbeat);
  expect(b.users.get("x")).toBe(1);
  nodes.hub.connect("b");
  await nodes.pass(heartbeat);
  expect(b.users.has("x")).toBe(false);
});

test("in front of a store that is elsewhere", async () => {
  await using nodes = new Timed();
  const b = await nodes.startTimed("b", { adapter: asyncAdapter(), invalidator: bypass });
  const users = b.elsewhere;
  await users.put("x", 1);
  nodes.hub.disconnect("b");
  await nodes.pass(2 * heartbeat);
  expect(await users.get("x")).toBeUndefined();
  await users.put("x", 2);
  await expect(users.fetch("x")).rejects.toThrow(KeyNotFoundError);
  expect([await users.has("x"), await users.ttl("x")]).toEqual([false, undefined]);
  expect(await users.getOrStore("x", () => 3)).toBe(3);
  expect(await users.fetchOrStore("x", () => 4)).toBe(4);
  expect([await users.countAll(), (await users.getAll()).size]).toEqual([0, 0]);
  for await (const entry of users.stream()) throw new Error(String(entry));
  await users.put("y", 1, { fill: true });
  expect(await users.putNew("y", 1, { fill: true })).toBe(false);
  expect((await users.info()).misses).toBeGreaterThan(2);
  expect(await users.take("x")).toBeUndefined();
  await users.put("x", 5);
  nodes.hub.connect("b");
  await nodes.pass(heartbeat);
  await waitFor(() => b.stream.slot.running?.opened === b.stream.slot.running?.store);
  expect(await users.countAll()).toBe(0);
  await users.put("x", 6);
  expect(await users.get("x")).toBe(6);
});
