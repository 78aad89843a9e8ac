import { describe, expect, test } from "@jest/globals";
import { type ActorRef, spawn, whenIdle } from "../../src/index.js";
import { rest } from "../helpers/actors.js";
import { keys, Notes, putKeys, Tree, type UserMessage } from "../helpers/streams.js";

function syncListener(
  tree: Tree,
  receive: (message: UserMessage, self: { stop(): void; self: ActorRef<UserMessage> }) => void,
): Promise<ActorRef<UserMessage>> {
  return spawn<void, UserMessage>(tree.sup.system, {
    receive: (_state, message, ctx) => receive(message, ctx),
  });
}

describe("which events", () => {
  test("are picked by type", async () => {
    await using tree = await Tree.start();
    const notes = new Notes();
    const subscription = tree.users.subscribe(notes.note, {
      events: ["deleted", "updated", "deleted"],
    });
    expect(subscription.topics).toEqual(["users:updated", "users:deleted"]);
    tree.users.put("a", 1);
    tree.users.put("a", 2);
    tree.users.delete("a");
    await whenIdle(tree.users);
    expect(notes.lines).toEqual(["updated a", "deleted a"]);
    expect(subscription.lag).toBe(0);
  });

  test("are never lost for a reader of a rare type, however many others there are", async () => {
    await using tree = await Tree.start({ stream: { partitions: 2, retain: 10 } });
    const notes = new Notes();
    tree.users.subscribe(notes.note, { events: ["deleted"], partition: "all", gaps: true });
    for (let round = 0; round < 5; round++) {
      putKeys(tree.users, 0, 1000);
      await rest(3);
    }
    tree.users.delete("k7");
    await whenIdle(tree.users);
    expect(notes.lines).toEqual(["deleted k7"]);
  });

  test("of one partition have its number in their topic", async () => {
    await using tree = await Tree.start({ stream: { partitions: 4 } });
    const notes = new Notes();
    const subscription = tree.users.subscribe(notes.note, { partition: 2, events: ["inserted"] });
    expect([subscription.partition, subscription.topics]).toEqual([2, ["users:2:inserted"]]);
    putKeys(tree.users, 0, 100);
    await whenIdle(tree.users);
    expect(notes.events.length).toBeGreaterThan(5);
    for (const { metadata } of notes.events)
      expect(metadata).toMatchObject({ partition: 2, partitions: 4, topic: "users:2:inserted" });
    expect(notes.sequences).toEqual(notes.sequences.map((_, index) => index));
  });

  test("of all partitions are each key's in order", async () => {
    await using tree = await Tree.start({ stream: { partitions: 4 } });
    const notes = new Notes();
    const subscription = tree.users.subscribe(notes.note, { partition: "all" });
    expect(subscription.partition).toBe("all");
    expect(subscription.topics).toHaveLength(20);
    for (let round = 0; round < 3; round++) putKeys(tree.users, 0, 500);
    await whenIdle(tree.users);
    expect(notes.events).toHaveLength(1500);
    for (const key of keys(0, 500)) {
      const own = notes.lines.filter((line) => line.endsWith(` ${key}`));
      expect(own).toEqual([`inserted ${key}`, `updated ${key}`, `updated ${key}`]);
    }
  });

  test("are of a partition that few others read, for an automatic reader, and an actor by default", async () => {
    await using tree = await Tree.start({ stream: { partitions: 4 } });
    const ref = await syncListener(tree, () => {});
    const chosen = keys(0, 8).map(() => tree.users.subscribe(ref).partition as number);
    expect(chosen).toEqual([0, 1, 2, 3, 0, 1, 2, 3]);
    const grouped = [0, 1, 2, 3].map(
      () => tree.users.subscribe(() => {}, { group: "g", partition: "auto" }).partition,
    );
    expect(grouped).toEqual([0, 1, 2, 3]);
  });

  test("are the group's own for an automatic reader that replaces a dead one", async () => {
    await using tree = await Tree.start({ stream: { partitions: 4 } });
    const ref = await syncListener(tree, () => {});
    const { partition } = tree.users.subscribe(ref, { group: "g" });
    await ref.kill();
    expect(tree.users.subscribe(() => {}, { group: "g", partition: "auto" }).partition).toBe(
      partition,
    );
  });

  test("have no partition on a stream without", async () => {
    await using tree = await Tree.start();
    const notes = new Notes();
    for (const partition of ["auto", "all"] as const)
      expect(tree.users.subscribe(notes.note, { partition }).partition).toBeNull();
    tree.users.put("a", 1);
    await whenIdle(tree.users);
    expect(notes.events[0]?.metadata).toMatchObject({
      partition: null,
      partitions: null,
      topic: "users:inserted",
    });
  });
});

describe.each(["broadcast", "broadcast_from"] as const)("with %s", (broadcastFun) => {
  test("an actor's own events come to it or not; to all others they do", async () => {
    await using tree = await Tree.start({ stream: { broadcastFun } });
    const [mine, others, plain] = [new Notes(), new Notes(), new Notes()];
    const me = await syncListener(tree, mine.note);
    tree.users.subscribe(me);
    tree.users.subscribe(await syncListener(tree, others.note));
    tree.users.subscribe(plain.note);
    tree.users.from(me).put("a", 1);
    tree.users.put("b", 1);
    await whenIdle(tree.users);
    const all = ["inserted a", "inserted b"];
    expect(mine.lines).toEqual(broadcastFun === "broadcast" ? all : ["inserted b"]);
    expect([others.lines, plain.lines]).toEqual([all, all]);
    expect(plain.events.map(({ metadata }) => metadata.origin)).toEqual([me, null]);
  });
});
