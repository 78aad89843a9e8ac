import { describe, expect, test } from "@jest/globals";
import { type CacheEntryEvent, whenIdle } from "nebulex-streams";
import { SimulatedClock } from "nebulex-streams/testing";
import { systemClock } from "../../src/clock.js";
import { Tree } from "../helpers/streams.js";

/** The timestamps of what a stream's reader and a listener are given. */
async function timesOf(tree: Tree, write: () => void): Promise<number[][]> {
  const read: number[] = [];
  const heard: number[] = [];
  const note = (event: CacheEntryEvent<string, number>): void =>
    void heard.push(event.metadata.timestamp);
  using _ = tree.users.subscribe(
    (event) => void read.push((event as CacheEntryEvent).metadata.timestamp),
  );
  tree.users.registerEventListener(note);
  write();
  await whenIdle(tree.users);
  tree.users.unregisterEventListener(note);
  return [read, heard];
}

describe("the times of events", () => {
  test.each([-3_600_000, 3_600_000])(
    "don't step when the wall clock is set by %i ms",
    async (step) => {
      let moved = 0;
      const clock = { ...systemClock, wallTime: () => Date.now() + moved };
      await using tree = await Tree.start({ clock });
      const before = Date.now();
      const times = await timesOf(tree, () => {
        tree.users.put("x", 1);
        moved = step;
        tree.users.put("x", 2);
      });
      for (const [first, second] of times as [number, number][]) {
        expect(Math.abs(first - before)).toBeLessThan(60_000);
        expect(Number.isInteger(first)).toBe(true);
        expect(second).toBeGreaterThanOrEqual(first);
        expect(second - first).toBeLessThan(60_000);
      }
    },
  );

  test("begin at the wall clock of a clock that has one, and go on by its now()", async () => {
    let [now, wall] = [500, 1_700_000_000_000];
    const { setTimeout, clearTimeout } = systemClock;
    const clock = { now: () => now, wallTime: () => wall, setTimeout, clearTimeout };
    await using tree = await Tree.start({ clock });
    const times = await timesOf(tree, () => {
      [now, wall] = [700, 0];
      tree.users.put("x", 1);
    });
    expect(times).toEqual([[1_700_000_000_200], [1_700_000_000_200]]);
  });

  test("are those of a simulated clock", async () => {
    const clock = new SimulatedClock(1_000_000);
    await using tree = await Tree.start({ clock });
    await clock.advance(250);
    expect(await timesOf(tree, () => tree.users.put("x", 1))).toEqual([[1_000_250], [1_000_250]]);
  });
});
