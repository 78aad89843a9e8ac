import { expect, test } from "@jest/globals";
import { RunQueue } from "../../src/stream/run-queue.js";
import { nextTurn } from "../../src/timers.js";

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
