import { describe, expect, test } from "@jest/globals";
import { type ActorRef, getStream, GroupBusyError, spawn, whenIdle } from "../../src/index.js";
import { rest, until } from "../helpers/actors.js";
import { keys, kill, Notes, putKeys, Tree, type UserMessage } from "../helpers/streams.js";

function reader(tree: Tree, notes: Notes): Promise<ActorRef<UserMessage>> {
  return spawn<void, UserMessage>(tree.sup.system, {
    receive: (_state, message) => notes.note(message),
  });
}

const inserted = (from: number, to: number): string[] =>
  keys(from, to).map((key) => `inserted ${key}`);

describe.each([undefined, 1, 4])("a group on a stream with partitions: %p", (partitions) => {
  const start = () => Tree.start({ stream: partitions === undefined ? {} : { partitions } });
  const where = partitions === undefined ? {} : ({ partition: 0 } as const);

  test("has one reader at a time", async () => {
    await using tree = await start();
    const subscription = tree.users.subscribe(() => {}, { group: "g", ...where });
    const again = () => tree.users.subscribe(() => {}, { group: "g", ...where });
    expect(again).toThrow(GroupBusyError);
    const shown = partitions === undefined ? "the stream" : "partition 0";
    expect(again).toThrow(`group 'g' already has a reader on ${shown}`);
    expect(() => tree.users.events({ group: "g", ...where })).toThrow(GroupBusyError);
    expect(() => tree.users.subscribe(() => {}, { group: "g", partition: "all" })).toThrow(
      GroupBusyError,
    );
    tree.users.subscribe(() => {}, { group: "other", ...where });
    subscription.unsubscribe();
    again().unsubscribe();
  });

  test("keeps its position when its reader dies, and what it has not read", async () => {
    await using tree = await start();
    const [first, second] = [new Notes(), new Notes()];
    const ref = await reader(tree, first);
    tree.users.subscribe(ref, { group: "g", partition: "all" });
    putKeys(tree.users, 0, 10);
    await whenIdle(tree.users);
    await ref.kill();
    putKeys(tree.users, 10, 3000);
    await rest();
    tree.users.subscribe(second.note, { group: "g", partition: "all", gaps: true });
    putKeys(tree.users, 3000, 3010);
    await whenIdle(tree.users);
    expect(first.lines.toSorted()).toEqual(inserted(0, 10).toSorted());
    expect(second.lines.toSorted()).toEqual(inserted(10, 3010).toSorted());
  });

  test("drops its position when its reader unsubscribes", async () => {
    await using tree = await start();
    tree.users.subscribe(() => {}, { group: "g", partition: "all" }).unsubscribe();
    putKeys(tree.users, 0, 10);
    const notes = new Notes();
    tree.users.subscribe(notes.note, { group: "g", partition: "all" });
    putKeys(tree.users, 10, 12);
    await whenIdle(tree.users);
    expect(notes.lines.toSorted()).toEqual(inserted(10, 12));
    expect(getStream(tree.users).groups()).toHaveLength(partitions ?? 1);
  });

  test("does not mind what other groups read", async () => {
    await using tree = await start();
    const [a, b] = [new Notes(), new Notes()];
    const slow = await reader(tree, a);
    tree.users.subscribe(slow, { group: "a", partition: "all" });
    tree.users.subscribe(b.note, { group: "b", partition: "all", events: ["inserted"] });
    putKeys(tree.users, 0, 50);
    await slow.kill();
    putKeys(tree.users, 50, 100);
    await until(() => b.messages.length === 100);
    const again = new Notes();
    tree.users.subscribe(again.note, { group: "a", partition: "all" });
    await whenIdle(tree.users);
    expect([...a.lines, ...again.lines].toSorted()).toEqual(inserted(0, 100).toSorted());
    expect(b.lines.toSorted()).toEqual(inserted(0, 100).toSorted());
  });

  test("keeps its position when the stream server is killed, with and without a reader", async () => {
    await using tree = await start();
    const [a, b] = [new Notes(), new Notes()];
    const ref = await reader(tree, a);
    tree.users.subscribe(ref, { group: "g", partition: "all", gaps: true });
    putKeys(tree.users, 0, 10);
    await tree.reborn("users:stream", kill);
    putKeys(tree.users, 10, 20);
    await whenIdle(tree.users);
    await ref.kill();
    putKeys(tree.users, 20, 30);
    await tree.reborn("users:stream", kill);
    tree.users.subscribe(b.note, { group: "g", partition: "all", gaps: true });
    await whenIdle(tree.users);
    expect(a.lines.toSorted()).toEqual(inserted(0, 20).toSorted());
    expect(b.lines.toSorted()).toEqual(inserted(20, 30).toSorted());
  });

  test("without a reader is given the gap of a restart when it has one again", async () => {
    await using tree = await start();
    const ref = await reader(tree, new Notes());
    tree.users.subscribe(ref, { group: "g", gaps: true, ...where });
    await ref.kill();
    await tree.reborn("users:stream", (server) => server.stop());
    const notes = new Notes();
    tree.users.subscribe(notes.note, { group: "g", gaps: true, ...where });
    await whenIdle(tree.users);
    expect(notes.lines).toEqual(["gap stream_restarted 0..-1"]);
  });

  test("has a gap with exact bounds, if it asked for gaps", async () => {
    await using tree = await Tree.start({
      stream: {
        capacity: 100,
        retain: 0,
        ...(partitions === undefined ? {} : { partitions, hash: () => 0 }),
      },
    });
    const [without, withGaps] = [new Notes(), new Notes()];
    tree.users.subscribe(without.note, where);
    tree.users.subscribe(withGaps.note, { gaps: true, group: "g", ...where });
    putKeys(tree.users, 0, 350);
    await whenIdle(tree.users);
    expect(without.lines).toEqual(inserted(250, 350));
    expect(withGaps.lines).toEqual(["gap overrun 0..249", ...inserted(250, 350)]);
    expect(withGaps.gaps[0]).toMatchObject({ epoch: getStream(tree.users).epoch, name: "users" });
    expect(getStream(tree.users).groups()[0]).toMatchObject({ group: "g", dropped: 250, lag: 0 });
  });
});
