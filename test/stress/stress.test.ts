import { describe, expect, test } from "@jest/globals";
import { readOptions } from "./options.js";
import { failuresOf, formatFailures, type RunResult } from "./report.js";

describe("the options of stress", () => {
  test("have defaults, and are read", () => {
    expect(readOptions([])).toEqual({ rounds: 3, load: 2, patterns: [] });
    expect(readOptions(["--rounds", "5", "--load=0", "test/cli"])).toEqual({
      rounds: 5,
      load: 0,
      patterns: ["test/cli"],
    });
  });

  test.each([
    { args: ["--rounds", "0"], says: "--rounds must be a whole number from 1 to 1000, not '0'" },
    { args: ["--load", "two"], says: "--load must be a whole number from 0 to 1000, not 'two'" },
    { args: ["--load=-1"], says: "--load must be a whole number from 0 to 1000, not '-1'" },
    { args: ["--speed", "1"], says: "--speed" },
  ])("$args are refused", ({ args, says }) => {
    expect(() => readOptions(args)).toThrow(says);
  });
});

test("failures are put together by test, with what makes a property fail again", () => {
  const run = (...failed: [string, string][]): RunResult => ({
    testResults: [
      {
        name: "/somewhere/test/a.test.ts",
        message: "",
        status: failed.length > 0 ? "failed" : "passed",
        assertionResults: [
          { status: "passed", fullName: "fine" },
          ...failed.map(([fullName, message]) => ({
            status: "failed",
            fullName,
            failureMessages: [message],
          })),
        ],
      },
    ],
  });
  const broken: RunResult = {
    testResults: [
      { name: "test/b.test.ts", message: "no such file", status: "failed", assertionResults: [] },
    ],
  };
  const failures = failuresOf([
    run(["own seed", 'Object { "seed": 77 }']),
    run(),
    run(["order", 'Property failed after 3 tests\n{ seed: -12, path: "1:0", endOnFailure: true }']),
    run(["order", 'Property failed\n{ seed: 5, path: "2", endOnFailure: true }']),
    broken,
  ]);
  expect(failures.map(({ test: name, times, seeds }) => [name, times, [...seeds]])).toEqual([
    ["test/a.test.ts: order", 2, ['seed -12, path "1:0"', 'seed 5, path "2"']],
    ["test/a.test.ts: own seed", 1, ["seed 77"]],
    ["test/b.test.ts", 1, []],
  ]);
  expect(formatFailures(failures.slice(1), 5)).toBe(
    '1 of 5  test/a.test.ts: own seed\n  seed 77\n    Object { "seed": 77 }\n\n1 of 5  test/b.test.ts\n    no such file',
  );
});
