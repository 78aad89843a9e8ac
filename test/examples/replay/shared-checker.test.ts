import { expect, test } from "@jest/globals";
import type { SeenEvent } from "../../../examples/replay/shared-store/messages.js";
import { SharedChecker } from "../../../examples/replay/shared-store/shared-checker.js";

/** What happened to one key, from its first write on. */
const history: readonly SeenEvent[] = [
  { partition: 1, position: 0, type: "inserted", key: "a", value: 1 },
  { partition: 1, position: 1, type: "updated", key: "a", value: 5, previous: 1 },
  { partition: 1, position: 2, type: "deleted", key: "a", previous: 5 },
  { partition: 1, position: 3, type: "inserted", key: "a", value: 6 },
];
const ends = [0, 4];
const stored = new Map([["a", 6]]);

function checked(...indexes: number[]): SharedChecker {
  const checker = new SharedChecker(2);
  for (const index of indexes) checker.handle(history[index] as SeenEvent);
  return checker;
}

test("a history that is seen once and in order", () => {
  const checker = checked(0, 1, 2, 3);
  expect(checker.report(ends, stored)).toEqual({
    events: { inserted: 2, updated: 1, deleted: 1, expired: 0, evicted: 0 },
    partitions: [0, 4],
    handled: 4,
    lost: 0,
    outOfOrder: 0,
  });
  expect(checker.entries).toBe(1);
  expect(checker.hasReached(ends)).toBe(true);
});

test.each([
  ["the first is lost", [1, 2, 3], { lost: 1, outOfOrder: 1 }],
  ["one in between is lost", [0, 2, 3], { lost: 1, outOfOrder: 1 }],
  ["the last is lost", [0, 1, 2], { lost: 1, outOfOrder: 0 }],
  ["one comes twice", [0, 1, 1, 2, 3], { lost: 0, outOfOrder: 1 }],
])("%s", (_, indexes, expected) => {
  expect(checked(...indexes).report(ends, stored)).toMatchObject(expected);
});

test("two that have changed places are out of order, and not lost", () => {
  const { lost, outOfOrder } = checked(0, 2, 1, 3).report(ends, stored);
  expect(lost).toBe(0);
  expect(outOfOrder).toBeGreaterThan(0);
});

test("a store that differs from what its events say", () => {
  const checker = checked(0, 1, 2, 3);
  expect(checker.report(ends, new Map([["a", 7]])).lost).toBe(1);
  expect(checker.report(ends, new Map()).lost).toBe(1);
  expect(checker.report(ends, new Map([...stored, ["b", 1]])).lost).toBe(1);
});

test("what a gap reports is lost", () => {
  const checker = checked(0, 1, 2, 3);
  checker.gap(4, 6);
  expect(checker.report(ends, stored).lost).toBe(3);
});

test("an event whose type contradicts its values is out of order", () => {
  const checker = checked(0);
  checker.handle({ partition: 1, position: 1, type: "inserted", key: "a", value: 2, previous: 1 });
  expect(checker.report([0, 2], new Map([["a", 2]])).outOfOrder).toBe(1);
});
