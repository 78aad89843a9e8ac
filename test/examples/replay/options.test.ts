import { describe, expect, test } from "@jest/globals";
import { parseCommand, UsageError } from "../../../examples/replay/options.js";

const common = { partitions: 4, chaos: 0, seed: 42, json: false };
const defaults = { store: "local", maxEntries: 10_000, ...common };

function failure(argv: string[]): unknown {
  try {
    return parseCommand(argv);
  } catch (error) {
    return error;
  }
}

describe("the command line", () => {
  test("without options asks for the generated workload with the defaults", () => {
    expect(parseCommand([])).toEqual({ kind: "replay", options: defaults });
  });

  test("takes every option, its value behind a blank or an equals sign", () => {
    const argv = "--trace t.csv --max-entries=0 --partitions 8 --chaos=10 --json".split(" ");
    const options = {
      trace: "t.csv",
      store: "local",
      maxEntries: 0,
      partitions: 8,
      chaos: 10,
      seed: 42,
      json: true,
    };
    expect(parseCommand(argv)).toEqual({ kind: "replay", options });
  });

  test("takes a seed for the generated workload", () => {
    expect(parseCommand(["--seed", "7"])).toEqual({
      kind: "replay",
      options: { ...defaults, seed: 7 },
    });
  });

  test("asks for several processes on one cache in Redis", () => {
    expect(parseCommand(["--store", "redis"])).toEqual({
      kind: "replay",
      options: { store: "redis", processes: 3, ...common },
    });
    const argv = "--store=redis --processes 5 --url redis://127.0.0.1:7000".split(" ");
    expect(parseCommand(argv)).toEqual({
      kind: "replay",
      options: { store: "redis", processes: 5, url: "redis://127.0.0.1:7000", ...common },
    });
  });

  test("can ask for help", () => {
    expect(parseCommand(["--help"])).toEqual({ kind: "help" });
  });

  test.each([
    [["--tracee", "x"], "unknown option '--tracee'"],
    [["-t"], "unknown option '-t'"],
    [["t.csv"], "unexpected argument 't.csv'"],
    [["--json=yes"], "option '--json' does not take an argument"],
    [["--trace"], "option --trace: expected a value, got none"],
    [["--trace", "--json"], "option --trace: expected a value, got none"],
    [["--trace="], "option --trace: expected a file name, got nothing"],
    [["--store", "disk"], 'option --store: expected local or redis, got "disk"'],
    [["--processes", "2"], "option --processes: is for --store redis only"],
    [["--url", "redis://127.0.0.1"], "option --url: is for --store redis only"],
    [["--port", "1"], "option --port: is for --inspect only"],
    [["--store=redis", "--inspect"], "option --inspect: is for --store local only"],
    [["--store=redis", "--url="], "option --url: expected a URL, got nothing"],
    [["--store=redis", "--max-entries=9"], "option --max-entries: is for --store local only"],
    [
      ["--store=redis", "--processes=0"],
      'option --processes: expected an integer from 1 to 64, got "0"',
    ],
    [["--partitions"], "option --partitions: expected a value, got none"],
    [["--partitions", "0"], 'option --partitions: expected an integer from 1 to 1024, got "0"'],
    [["--partitions", "-1"], 'option --partitions: expected an integer from 1 to 1024, got "-1"'],
    [["--partitions=1025"], 'option --partitions: expected an integer from 1 to 1024, got "1025"'],
    [
      ["--max-entries", "-5"],
      'option --max-entries: expected an integer from 0 to 10000000, got "-5"',
    ],
    [
      ["--max-entries=1e3"],
      'option --max-entries: expected an integer from 0 to 10000000, got "1e3"',
    ],
    [["--max-entries="], 'option --max-entries: expected an integer from 0 to 10000000, got ""'],
    [["--chaos", "1.5"], 'option --chaos: expected an integer >= 0, got "1.5"'],
    [["--chaos", "ten\nlines"], 'option --chaos: expected an integer >= 0, got "ten\\nlines"'],
    [
      ["--chaos=99999999999999999999"],
      'option --chaos: expected an integer >= 0, got "99999999999999999999"',
    ],
    [
      ["--seed", "4294967296"],
      'option --seed: expected an integer from 0 to 4294967295, got "4294967296"',
    ],
    [
      ["--seed", "1", "--trace", "t"],
      "option --seed: is for the generated workload and can't go together with --trace",
    ],
  ])("%j is refused in one line", (argv, message) => {
    const error = failure(argv);
    expect(error).toBeInstanceOf(UsageError);
    expect((error as UsageError).message).toBe(message);
  });
});
