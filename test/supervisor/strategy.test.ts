import { describe, expect, test } from "@jest/globals";
import fc from "../helpers/fast-check.js";
import {
  autoShutdowns,
  endsSupervisor,
  isEndReported,
  isRestartDue,
  restartPlan,
  strategies,
} from "../../src/supervisor/strategy.js";

const situation = fc
  .uniqueArray(fc.nat({ max: 100 }), { minLength: 1, maxLength: 12 })
  .chain((order) =>
    fc.record({
      order: fc.constant(order),
      failed: fc.constantFrom(...order),
      temporary: fc.subarray(order),
      strategy: fc.constantFrom(...strategies),
    }),
  );

describe("restartPlan", () => {
  test("ends in reverse order, starts in order, drops the temporary", () => {
    fc.assert(
      fc.property(situation, ({ order, failed, temporary, strategy }) => {
        const isTemporary = (item: number): boolean => temporary.includes(item);
        const { end, start } = restartPlan(strategy, order, failed, isTemporary);
        const place = (item: number): number => order.indexOf(item);

        expect(end).toEqual([...end].sort((a, b) => place(b) - place(a)));
        expect(start).toEqual([...start].sort((a, b) => place(a) - place(b)));
        expect(end).not.toContain(failed);
        expect(start).toContain(failed);
        expect(start.filter((item) => item !== failed)).toEqual(
          [...end].reverse().filter((item) => !isTemporary(item)),
        );
        const group = {
          one_for_one: [],
          one_for_all: order.filter((item) => item !== failed),
          rest_for_one: order.slice(place(failed) + 1),
        }[strategy];
        expect([...end].reverse()).toEqual(group);
      }),
    );
  });
});

test("isRestartDue", () => {
  const reasons = ["normal", "shutdown", { shutdown: 1 }, "killed", new Error("x"), undefined, {}];
  const due = (restart: "permanent" | "transient" | "temporary"): boolean[] =>
    reasons.map((reason) => isRestartDue(restart, reason));
  expect(due("permanent")).toEqual(Array(7).fill(true));
  expect(due("transient")).toEqual([false, false, false, true, true, true, true]);
  expect(due("temporary")).toEqual(Array(7).fill(false));
});

test("endsSupervisor", () => {
  expect(
    autoShutdowns.map((mode) => [endsSupervisor(mode, true), endsSupervisor(mode, false)]),
  ).toEqual([
    [false, false],
    [true, true],
    [false, true],
  ]);
});

test("isEndReported", () => {
  const spec = {
    id: "a",
    start: async () => "ignore" as const,
    type: "worker",
    significant: false,
  } as const;
  const reported = (
    restart: "permanent" | "transient",
    shutdown: number | "brutal_kill",
  ): boolean[] =>
    ["shutdown", "killed", "normal", { shutdown: 1 }, new Error("x")].map((reason) =>
      isEndReported({ ...spec, restart, shutdown }, reason),
    );
  expect(reported("permanent", 10)).toEqual([false, true, true, true, true]);
  expect(reported("transient", 10)).toEqual([false, true, false, false, true]);
  expect(reported("permanent", "brutal_kill")).toEqual([true, false, true, true, true]);
});
