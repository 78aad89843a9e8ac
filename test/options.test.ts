import { describe, expect, test } from "@jest/globals";
import { OptionError } from "../src/index.js";
import {
  boolean,
  derivedOption,
  integer,
  liveOption,
  option,
  readOptions,
  requiredOption,
  type Resolved,
  sameOptions,
  subsetOf,
} from "../src/options.js";

const positive = (name: string, value: unknown): number => integer(name, value, 1);

const schema = {
  size: requiredOption(positive),
  wait: liveOption(option(positive, 5)),
  limit: option(positive),
  group: option(boolean, null),
  letters: option((name, value): readonly string[] => subsetOf(name, value, ["a", "b"]), []),
  rest: derivedOption(
    (name, value, { size }: { size: number }) => integer(name, value, 0, size),
    ({ size }) => Math.min(3, size),
  ),
};

const read = (options: unknown): Resolved<typeof schema> =>
  readOptions("make", schema, options as object);

describe("a schema of options", () => {
  test("fills in the defaults; undefined counts as not given", () => {
    const defaults = { wait: 5, limit: undefined, group: null, letters: [] };
    expect(read({ size: 9, wait: undefined })).toEqual({ ...defaults, size: 9, rest: 3 });
    expect(read({ size: 2 })).toEqual({ ...defaults, size: 2, rest: 2 });
  });

  test("returns what the readers make of the values, frozen", () => {
    const resolved = read({ size: 9, letters: ["b", "b"], rest: 9 });
    expect(resolved).toMatchObject({ size: 9, letters: ["b"], rest: 9 });
    expect(Object.isFrozen(resolved)).toBe(true);
  });

  test.each([
    [null, "options", "expected an object (the options of make), got: null"],
    [[1], "options", "expected an object (the options of make), got: [ 1 ]"],
    [{}, "size", "expected an integer >= 1, got: undefined"],
    [{ size: 9, group: null }, "group", "expected a boolean, got: null"],
    [{ size: 2, rest: 3 }, "rest", "expected an integer >= 0 and <= 2, got: 3"],
    [{ size: 0, wait: 0 }, "size", "expected an integer >= 1, got: 0"],
  ])("refuses %j, and names the first wrong option", (options, name, message) => {
    const expected = new OptionError(name, `invalid value for option "${name}": ${message}`);
    expect(() => read(options)).toThrow(expected);
  });

  test("refuses an unknown option before a wrong value, and lists those that it knows", () => {
    expect(() => read({ size: 0, toString: 1 })).toThrow(
      'unknown option "toString" for make; known options: size, wait, limit, group, letters, rest',
    );
  });

  test("says whether two sets are the same, live options aside", () => {
    const base = { size: 9, letters: ["a", "b"] };
    const isSame = (other: object): boolean => sameOptions(schema, read(base), read(other));
    expect(isSame({ ...base, letters: ["a", "b"], wait: 6 })).toBe(true);
    expect(isSame({ ...base, letters: ["b", "a"] })).toBe(false);
    expect(isSame({ ...base, letters: ["a"] })).toBe(false);
    expect(isSame({ ...base, limit: 1 })).toBe(false);
  });
});
