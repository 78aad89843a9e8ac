import { describe, expect, test } from "@jest/globals";
import fc from "../helpers/fast-check.js";
import { admitRestart, type RestartHistory } from "../../src/supervisor/restart-window.js";

/** The rule as it is written (73 to 75), with all times kept. */
class Model {
  #times: number[] = [];

  admit(now: number, maxRestarts: number, window: number): number | "giveUp" {
    this.#times = [...this.#times.filter((time) => time >= now - window), now];
    return this.#times.length > maxRestarts ? "giveUp" : this.#times.length;
  }
}

describe("admitRestart", () => {
  test("decides as the rule is written, whatever the times and the limit", () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat({ max: 40 }), { maxLength: 60 }),
        fc.nat({ max: 12 }),
        fc.integer({ min: 1, max: 100 }),
        (waits, maxRestarts, window) => {
          const model = new Model();
          let past: RestartHistory = [];
          let now = 1000;
          for (const wait of waits) {
            now += wait;
            const expected = model.admit(now, maxRestarts, window);
            const decision = admitRestart(past, now, { maxRestarts, window });
            const gaveUp = decision.verdict === "giveUp";
            expect(gaveUp ? "giveUp" : decision.attempt).toBe(expected);
            if (gaveUp) return;
            past = decision.recent;
          }
        },
      ),
    );
  });

  test("does not touch what it is given, and keeps no more than a window's milliseconds", () => {
    const limit = { maxRestarts: 1e9, window: 10 };
    let past: RestartHistory = Object.freeze([]);
    for (let restart = 0; restart < 10_000; restart++) {
      const decision = admitRestart(past, restart / 100, limit);
      if (decision.verdict === "giveUp") throw new Error("gave up");
      past = Object.freeze(decision.recent.map((entry) => Object.freeze(entry)));
    }
    expect(past).toHaveLength(11);
    expect(past.every(({ count }) => count === 100)).toBe(true);
  });

  test("exactly as old as the window still counts", () => {
    const limit = { maxRestarts: 1, window: 5000 };
    const past = [{ at: 1000, count: 1 }];
    expect(admitRestart(past, 6000, limit)).toEqual({ verdict: "giveUp" });
    expect(admitRestart(past, 6001, limit)).toEqual({
      verdict: "restart",
      attempt: 1,
      recent: [{ at: 6001, count: 1 }],
    });
  });
});
