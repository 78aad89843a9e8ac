import { expect, test } from "@jest/globals";
import { EngineClock } from "../../src/store/engine-clock.js";
import { NearCopies, nearKey, nearKeyOfText } from "../../src/store/near-copies.js";
import { keyText } from "../../src/pubsub/key-text.js";

const copies = (maxEntries = 10): NearCopies =>
  new NearCopies(new EngineClock(), maxEntries, Infinity);

function read(near: NearCopies, key: string, position: number, meanwhile = (): void => {}): void {
  const begun = near.begin();
  meanwhile();
  near.keep(begun, key, `${key}@${position}`, position, 0);
  near.end(begun);
}

test("an event behind what a copy was read at removes it, one before does not", () => {
  const near = copies();
  read(near, "k", 5);
  expect(near.changed("k", 4)).toBe(false);
  expect(near.changed("k", 5)).toBe(false);
  expect(near.get("k")?.value).toBe("k@5");
  expect(near.changed("k", 6)).toBe(true);
  expect(near.get("k")).toBeUndefined();
});

test.each<[string, (near: NearCopies) => unknown, boolean]>([
  ["a later event", (near) => near.changed("k", 6), false],
  ["an earlier event", (near) => near.changed("k", 5), true],
  ["an event of another key", (near) => near.changed("m", 6), true],
  ["a later event of all keys", (near) => near.queryChanged(undefined, 6), false],
  ["an earlier event of all keys", (near) => near.queryChanged("k", 4), true],
  ["events that may have been missed", (near) => near.clear(), false],
])("what is read while %s arrives", (_what, meanwhile, isKept) => {
  const near = copies();
  read(near, "k", 5, () => void meanwhile(near));
  expect(near.get("k") !== undefined).toBe(isKept);
});

test("a flood of events while something is read is no reason to keep what is old", () => {
  const near = copies();
  read(near, "k0", 5, () => {
    for (let n = 0; n < 10_000; n++) near.changed(`k${n}`, 6 + n);
  });
  expect(near.size).toBe(0);
});

test.each<[string, (near: NearCopies) => void]>([
  ["a change of all keys", (near) => void near.queryChanged(undefined, 99)],
  [
    "a flood of changes",
    (near) => {
      for (let n = 0; n < 5000; n++) near.changed(`m${n}`, 99);
    },
  ],
])("reads that overlap without end do not keep %s in mind for ever", (_what, change) => {
  const near = copies();
  let reading = near.begin();
  change(near);
  for (let n = 0; n < 4; n++) {
    const next = near.begin();
    // Only the first of them began before the change.
    near.keep(reading, `old${n}`, "old", 5, 0);
    expect(near.get(`old${n}`) !== undefined).toBe(n > 0);
    near.end(reading);
    reading = next;
    near.queryChanged(undefined, 4);
  }
  near.end(reading);
});

test("a change is in mind for all reads that began before it, whichever others end", () => {
  const near = copies();
  const first = near.begin();
  near.queryChanged(undefined, 10);
  const second = near.begin();
  near.changed("k", 20);
  near.end(near.begin());
  near.end(second);
  const third = near.begin();
  near.changed("m", 30);
  near.end(third);
  for (const [key, position] of [
    ["k", 19],
    ["m", 29],
    ["other", 9],
  ] as const) {
    near.keep(first, key, "old", position, 0);
    expect(near.get(key)).toBeUndefined();
  }
  near.keep(first, "other", "new", 10, 0);
  expect(near.get("other")?.value).toBe("new");
  near.end(first);
});

test("there are never more than wanted, and those that are read stay", () => {
  const near = copies(3);
  for (let n = 0; n < 20; n++) {
    read(near, `k${n}`, n);
    near.get("k0");
    expect(near.size).toBeLessThanOrEqual(3);
  }
  expect(near.get("k0")?.value).toBe("k0@0");
});

test("without a reading of the engine's clock, no copy with a deadline is used", () => {
  const near = copies();
  near.keep(near.begin(), "k", 1, 1, Date.now() + 60_000);
  expect(near.get("k")).toBeUndefined();
});

test.each([
  ["s"],
  ["s\u0000k"],
  ["\u0000"],
  [""],
  [0],
  [1.5],
  [NaN],
  [5n],
  [{ a: 1 }],
  ["n1"],
  [new Date(3)],
])("the key %p is found by its text", (key) => {
  expect(nearKeyOfText(keyText(key))).toBe(nearKey(key));
});
