import { describe, expect, test } from "@jest/globals";
import { accountOf, nothing } from "./account.js";

const transport = "transport" as const;
const alive = { owedFrom: 0, killed: false };

describe("an account of ten events", () => {
  test.each([
    { what: "all came", runs: [0, 9], gaps: [], is: { received: 10 } },
    { what: "none came", runs: [], gaps: [], is: { unaccounted: 10 } },
    {
      what: "some were announced as lost",
      runs: [0, 3, 6, 9],
      gaps: [[4, 5]],
      is: { received: 8, announced: 2 },
    },
    {
      what: "one was not",
      runs: [0, 3, 6, 9],
      gaps: [[5, 5]],
      is: { received: 8, announced: 1, unaccounted: 1 },
    },
    {
      what: "some came twice",
      runs: [0, 9, 4, 5],
      gaps: [],
      is: { received: 10, twice: 2, outOfOrder: 2 },
    },
    {
      what: "some came late",
      runs: [0, 3, 6, 9, 4, 5],
      gaps: [],
      is: { received: 10, outOfOrder: 2 },
    },
    {
      what: "one came that nobody wrote",
      runs: [0, 10],
      gaps: [],
      is: { received: 10, madeUp: 1 },
    },
    {
      what: "one was announced and came",
      runs: [0, 9],
      gaps: [[9, 9]],
      is: { received: 10, madeUp: 1 },
    },
    {
      what: "one was announced that nobody wrote",
      runs: [0, 9],
      gaps: [[10, 10]],
      is: { received: 10, madeUp: 1 },
    },
    { what: "a gap has no end", runs: [0, 3], gaps: [[4, 3]], is: { received: 4, unaccounted: 6 } },
  ])("$what", ({ runs, gaps, is }) => {
    const reported = gaps.map(([from, to]) => ({
      from: from as number,
      to: to as number,
      reason: transport,
    }));
    expect(accountOf({ runs, gaps: reported }, { count: 10, ...alive })).toEqual({
      ...nothing,
      ...is,
    });
  });

  test("a gap without an end accounts for a killed epoch, if it begins after what was received", () => {
    const killed = { count: 10, owedFrom: 0, killed: true };
    const gap = (from: number) => [{ from, to: from - 1, reason: transport }];
    expect(accountOf({ runs: [0, 3], gaps: gap(4) }, killed)).toMatchObject({
      announced: 6,
      unaccounted: 0,
    });
    expect(accountOf({ runs: [0, 3], gaps: gap(5) }, killed)).toMatchObject({
      announced: 5,
      unaccounted: 1,
    });
    expect(accountOf({ runs: [0, 3], gaps: gap(2) }, killed)).toMatchObject({ unaccounted: 6 });
  });

  test("a reader is not owed what came before it", () => {
    const late = { count: 10, owedFrom: 6, killed: false };
    expect(accountOf({ runs: [7, 9], gaps: [] }, late)).toMatchObject({
      received: 3,
      unaccounted: 1,
    });
    expect(accountOf({ runs: [], gaps: [] }, { ...late, owedFrom: Infinity })).toEqual(nothing);
  });
});
