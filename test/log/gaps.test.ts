import { describe, expect, test } from "@jest/globals";
import type { GapEvent } from "../../src/event/types.js";
import { Gaps, LostRanges, type PlacedGap, PlacedGaps } from "../../src/log/gaps.js";
import { source } from "./logs.js";

const gap = (from: number, to: number, changes: Partial<GapEvent> = {}): GapEvent => ({
  type: "gap",
  cache: "users",
  name: "users",
  partition: 0,
  from,
  to,
  reason: "overrun",
  node: "node",
  epoch: "epoch",
  ...changes,
});
const bounds = ({ from, to }: GapEvent): string => `${from}..${to}`;
const placed = ({ at, gap: { from, to } }: PlacedGap): string => `${at}: ${from}..${to}`;

describe("lost ranges", () => {
  const other = { ...source, node: "other" };

  test("have one range for each source, from its first event to its last", () => {
    const lost = new LostRanges();
    lost.add(source, 5, 6);
    lost.add(other, 9, 9);
    lost.add(source, 2, 2);
    expect(lost.all()).toEqual([
      { source, first: 2, last: 6, count: 3 },
      { source: other, first: 9, last: 9, count: 1 },
    ]);
  });

  test("take over those of others with their counts", () => {
    const lost = new LostRanges();
    lost.addAll([
      { source, first: 1, last: 9, count: 3 },
      { source, first: 20, last: 19, count: 0 },
    ]);
    expect(lost.all()).toEqual([{ source, first: 1, last: 19, count: 3 }]);
  });
});

describe("placed gaps", () => {
  test("are in the order of their offsets, later ones behind earlier ones of the same", () => {
    const gaps = new PlacedGaps();
    for (const [at, from] of [
      [5, 0],
      [2, 1],
      [5, 2],
      [9, 3],
      [2, 4],
    ] as const)
      gaps.add({ at, gap: gap(from, from) });
    expect(gaps.all.map(placed)).toEqual(["2: 1..1", "2: 4..4", "5: 0..0", "5: 2..2", "9: 3..3"]);
  });

  test("leave out one that repeats the one before it at its offset", () => {
    const gaps = new PlacedGaps();
    for (const at of [3, 3, 4]) gaps.add({ at, gap: gap(7, 6, { reason: "transport" }) });
    gaps.add({ at: 4, gap: gap(7, 6, { reason: "transport", node: "other" }) });
    expect(gaps.all.map(({ at, gap: { node } }) => [at, node])).toEqual([
      [3, "node"],
      [4, "node"],
      [4, "other"],
    ]);
  });

  test("stay bounded: those of one sequence are merged, and cover at least what each covers", () => {
    const gaps = new PlacedGaps();
    for (let n = 0; n < 5000; n++) {
      gaps.add({ at: n, gap: gap(2 * n, 2 * n) });
      gaps.add({ at: n, gap: gap(n, n - 1, { reason: "transport" }) });
    }
    expect(gaps.all.length).toBeLessThanOrEqual(1024);
    expect(gaps.all[0]).toMatchObject({ at: 0, gap: { from: 0, reason: "overrun" } });
    const closed = gaps.all.filter((it) => it.gap.reason === "overrun");
    const reported = new Set(
      closed.flatMap(({ gap: { from, to } }) =>
        Array.from({ length: to - from + 1 }, (_, index) => from + index),
      ),
    );
    expect(Array.from({ length: 5000 }, (_, n) => reported.has(2 * n))).not.toContain(false);
    // Of gaps without an end the last one reports all that is missing up to now.
    expect(gaps.all.findLast((it) => it.gap.reason === "transport")?.gap.from).toBe(4999);
  });

  test("of more sequences than the bound are all kept", () => {
    const gaps = new PlacedGaps();
    for (let n = 0; n < 1500; n++) gaps.add({ at: n, gap: gap(n, n, { epoch: `epoch ${n}` }) });
    expect(gaps.all.length).toBe(1500);
  });
});

describe("the gaps of a reader", () => {
  test("are given before the event at their offset, those without one first", () => {
    const gaps = new Gaps();
    expect([gaps.any, gaps.nextAt, gaps.hasImmediate]).toEqual([false, Infinity, false]);
    gaps.add(gap(8, 9), 12);
    expect([gaps.any, gaps.nextAt, gaps.hasImmediate]).toEqual([true, 12, false]);
    gaps.add(gap(0, 1));
    expect(gaps.hasImmediate).toBe(true);
    expect([gaps.shift(), gaps.shift()].map((it) => bounds(it as GapEvent))).toEqual([
      "0..1",
      "8..9",
    ]);
    expect(gaps.shift()).toBeUndefined();
  });

  test("are joined where one continues another, open ones aside", () => {
    const gaps = new Gaps();
    gaps.add(gap(0, 4));
    gaps.add(gap(5, 6));
    gaps.add(gap(8, 9));
    gaps.add(gap(10, 10, { reason: "transport" }));
    gaps.add(gap(11, 10, { reason: "transport" }));
    const given: string[] = [];
    for (let next = gaps.shift(); next !== undefined; next = gaps.shift()) given.push(bounds(next));
    expect(given).toEqual(["0..6", "8..9", "10..10", "11..10"]);
  });

  test("lose their offsets when the log is replaced, and are then given at once", () => {
    const gaps = new Gaps();
    gaps.add(gap(3, 3), 40);
    gaps.detachFromLog();
    expect(gaps.hasImmediate).toBe(true);
  });

  test("can be taken over by another reader", () => {
    const [from, to] = [new Gaps(), new Gaps()];
    from.add(gap(3, 3), 40);
    to.takeFrom(from);
    expect([from.any, to.any, to.hasImmediate]).toEqual([false, true, true]);
  });

  test("are counted, with the events that they report", () => {
    const gaps = new Gaps();
    gaps.record(gap(0, 4));
    gaps.record(gap(7, 6));
    expect([gaps.count, gaps.dropped]).toEqual([2, 5]);
  });
});
