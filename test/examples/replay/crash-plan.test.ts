import { describe, expect, test } from "@jest/globals";
import { CrashPlan, InjectedCrash } from "../../../examples/replay/crash-plan.js";

/** Handles events, an event again after a crash, up to `handled`; gives after how many each crash came. */
function handle(plan: CrashPlan, from: number, to: number): number[] {
  const crashes: number[] = [];
  for (let handled = from; handled < to;) {
    try {
      plan.beforeEvent(handled);
      handled += 1;
    } catch (error) {
      if (!(error instanceof InjectedCrash)) throw error;
      crashes.push(handled);
    }
  }
  return crashes;
}

/** A run of batches, each of so many events and each handled before the next is issued. */
function runOf(plan: CrashPlan, batches: readonly number[]): number[] {
  let emitted = 0;
  return batches.flatMap((events, index) => {
    const before = emitted;
    emitted += events;
    plan.advance((index + 1) / batches.length, emitted);
    return handle(plan, before, emitted);
  });
}

describe("a plan of crashes", () => {
  test("without any never crashes", () => {
    const plan = new CrashPlan(0);
    expect(runOf(plan, [10, 10, 10])).toEqual([]);
    expect(plan.left).toBe(0);
  });

  test.each([1, 3, 10, 99])("spreads %i crashes evenly over the run", (total) => {
    const plan = new CrashPlan(total);
    const crashes = runOf(
      plan,
      Array.from({ length: 1_000 }, () => 10),
    );
    expect(crashes).toHaveLength(total);
    expect(plan.left).toBe(0);
    for (const [index, at] of crashes.entries()) {
      expect(Math.abs(at - (10_000 * (index + 1)) / (total + 1))).toBeLessThanOrEqual(10);
    }
  });

  test("spreads what falls due in one batch over its events", () => {
    expect(runOf(new CrashPlan(4), [100])).toEqual([0, 25, 50, 75]);
  });

  test("crashes again and again at the only event there is", () => {
    expect(runOf(new CrashPlan(5), [1])).toEqual([0, 0, 0, 0, 0]);
  });

  test("waits for an event while requests make none", () => {
    expect(runOf(new CrashPlan(2), [0, 0, 0, 6])).toEqual([0, 3]);
  });

  test("crashes at events that are handled long after they were made", () => {
    const plan = new CrashPlan(3);
    plan.advance(0.5, 100);
    plan.advance(1, 200);
    expect(handle(plan, 0, 200)).toEqual([0, 50, 100]);
  });

  test("reports how many crashes had no event to happen at", () => {
    const plan = new CrashPlan(3);
    expect(runOf(plan, [1, 0])).toEqual([0, 0]);
    expect(plan.left).toBe(1);
  });
});
