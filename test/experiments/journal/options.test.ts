import { describe, expect, test } from "@jest/globals";
import { defaultSizes } from "../../journal/processes/fault-run.js";
import { parseJournalOptions } from "./options.js";

describe("the options of the journal's experiments", () => {
  test("are all of both engines by default", () => {
    expect(parseJournalOptions([])).toEqual({
      engines: ["redis", "nats"],
      only: ["a", "b", "c", "d", "e", "f", "g", "h"],
      sizes: defaultSizes,
    });
    expect(parseJournalOptions(["--help"])).toBeUndefined();
  });

  test("choose", () => {
    const argv = ["--engine", "nats", "--only", "c, a", "--lease", "700", "--json", "f"];
    expect(parseJournalOptions(argv)).toEqual({
      engines: ["nats"],
      only: ["a", "c"],
      sizes: { ...defaultSizes, leaseTime: 700 },
      json: "f",
    });
    expect(parseJournalOptions(["--quick", "--rate", "200"])?.sizes).toMatchObject({
      rate: 200,
      times: 1,
    });
  });

  test.each([
    [["--engine", "kafka"], 'option --engine: expected redis, nats or both, got "kafka"'],
    [["--only", "z"], 'unknown fault "z": expected some of a,b,c,d,e,f,g,h'],
    [["--lease", "1"], 'option --lease: expected an integer >= 500, got "1"'],
    [["--json", ""], "option --json: expected a file name, got nothing"],
    [["--nonsense"], "Unknown option '--nonsense'"],
  ])("refuses %j", (argv, message) => {
    expect(() => parseJournalOptions(argv)).toThrow(
      expect.objectContaining({ name: "UsageError", message }),
    );
  });
});
