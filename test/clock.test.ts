import { describe, expect, test } from "@jest/globals";
import { backoff, withTimeout } from "../src/clock.js";
import { SimulatedClock } from "../src/testing.js";

const never = new Promise<string>(() => {});
const onTimeout = (): string => "late";

describe("withTimeout", () => {
  test("settles as the promise does, and leaves no timer", async () => {
    const clock = new SimulatedClock();
    expect(await withTimeout(clock, 10, Promise.resolve("done"), onTimeout)).toBe("done");
    const failing = Promise.reject(new Error("failed"));
    await expect(withTimeout(clock, 10, failing, onTimeout)).rejects.toThrow("failed");
    expect(clock.pending).toBe(0);
  });

  test("settles as onTimeout does when the time is over", async () => {
    const clock = new SimulatedClock();
    const returned = withTimeout(clock, 10, never, onTimeout);
    const thrown = withTimeout(clock, 10, never, () => {
      throw new Error("late");
    });
    thrown.catch(() => {});
    await clock.advance(10);
    expect(await returned).toBe("late");
    await expect(thrown).rejects.toThrow("late");
  });

  test("rejects with the signal's reason, and leaves no timer", async () => {
    const clock = new SimulatedClock();
    const controller = new AbortController();
    const pending = withTimeout(clock, 10, never, onTimeout, controller.signal);
    controller.abort(new Error("stop"));
    await expect(pending).rejects.toThrow("stop");
    const aborted = withTimeout(clock, undefined, never, onTimeout, controller.signal);
    await expect(aborted).rejects.toThrow("stop");
    expect(clock.pending).toBe(0);
  });
});

test("backoff doubles, adds up to a tenth, and stays below the longest wait", () => {
  expect([1, 2, 3, 4, 5, 2000].map((n) => backoff(n, 10, 100))).toEqual([10, 20, 40, 80, 100, 100]);
  expect(backoff(2, 10, 100, 0.5)).toBeCloseTo(21);
  expect(backoff(5, 10, 100, 1)).toBe(100);
});
