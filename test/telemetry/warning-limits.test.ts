import { beforeEach, expect, jest, test } from "@jest/globals";
import * as timers from "../../src/timers.js";

interface Timer {
  readonly fn: () => void;
  readonly delay: number;
  readonly unref: ReturnType<typeof jest.fn>;
}

const pending: Timer[] = [];

jest.unstable_mockModule("../../src/timers.js", () => ({
  ...timers,
  setTimeout: (fn: () => void, delay: number): Timer => {
    const timer = { fn, delay, unref: jest.fn() };
    pending.push(timer);
    return timer;
  },
}));

const { warnOfError } = await import("../../src/telemetry/warnings.js");

const emitted: string[] = [];

/** Lets the minutes that have begun pass. */
function minute(): void {
  for (const { fn } of pending.splice(0)) fn();
}

beforeEach(() => {
  jest.spyOn(process, "emitWarning").mockImplementation((text, options) => {
    emitted.push(`${(options as { detail: string }).detail}: ${String(text)}`);
  });
  while (pending.length > 0) minute();
  emitted.length = 0;
});

test("the first of a place comes at once, further ones a minute later with their count", () => {
  for (const text of ["a", "b", "c"]) warnOfError("place", text);
  expect(emitted.splice(0)).toEqual(["place: a"]);
  expect(pending.map(({ delay }) => delay)).toEqual([60_000]);
  minute();
  expect(emitted.splice(0)).toEqual(["place: 2 more within a minute; the last one: c"]);
  warnOfError("place", "d");
  expect(emitted).toEqual([]);
  minute();
  expect(emitted.splice(0)).toEqual(["place: 1 more within a minute; the last one: d"]);
});

test("after a minute without any, the next one comes at once again", () => {
  warnOfError("place", "a");
  minute();
  expect(pending).toEqual([]);
  warnOfError("place", "b");
  expect(emitted).toEqual(["place: a", "place: b"]);
});

test("places are counted apart, up to 1,000 of them; further ones together", () => {
  for (let n = 0; n < 2000; n++) warnOfError(`place ${n}`, n);
  expect(emitted).toHaveLength(1001);
  expect(emitted.splice(0).at(-1)).toBe("place 1000: 1000");
  expect(pending).toHaveLength(1001);
  minute();
  expect(emitted).toEqual(["further places: 999 more within a minute; the last one: 1999"]);
});

test("no timer keeps the process alive", () => {
  warnOfError("place", "a");
  expect(pending.map(({ unref }) => unref.mock.calls.length)).toEqual([1]);
});
