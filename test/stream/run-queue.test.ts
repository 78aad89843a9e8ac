import { expect, test } from "@jest/globals";
import { whenIdle } from "../../src/index.js";
import { RunQueue } from "../../src/stream/run-queue.js";
import { nextTurn } from "../../src/timers.js";
import { putKeys, Tree } from "../helpers/streams.js";

/** Notes its name as often as its turn has parts. */
const task = (name: string, parts: number, notes: string[]) => ({
  takeTurn: () => {
    notes.push(name);
    return --parts > 0;
  },
});

test("turns that go on alternate, in one turn of the event loop", async () => {
  const queue = new RunQueue();
  const notes: string[] = [];
  for (const [name, parts] of [
    ["a", 3],
    ["b", 1],
    ["c", 2],
  ] as const)
    queue.schedule(task(name, parts, notes));
  expect(notes).toEqual([]);
  await nextTurn();
  expect(notes).toEqual(["a", "b", "c", "a", "c", "a"]);
});

test("what is scheduled in a turn has its turn in a later one of the event loop", async () => {
  const queue = new RunQueue();
  const notes: string[] = [];
  const next = task("next", 1, notes);
  queue.schedule({
    takeTurn: () => {
      queue.schedule(next);
      return false;
    },
  });
  await nextTurn();
  expect(notes).toEqual([]);
  await nextTurn();
  expect(notes).toEqual(["next"]);
});

test("readers take the events of a burst in alternation, all in order", async () => {
  await using tree = await Tree.start();
  const seen: number[][] = [[], [], []];
  let longest = 0;
  let row: { reader: number; events: number } | undefined;
  for (const [reader, sequences] of seen.entries())
    tree.users.subscribe(({ metadata }) => {
      sequences.push(metadata.sequence);
      if (row?.reader !== reader) row = { reader, events: 0 };
      longest = Math.max(longest, ++row.events);
    });
  putKeys(tree.users, 0, 5000);
  await whenIdle(tree.users);
  for (const sequences of seen)
    expect(sequences).toEqual(Array.from({ length: 5000 }, (_, sequence) => sequence));
  expect(longest).toBeLessThan(1000);
});
