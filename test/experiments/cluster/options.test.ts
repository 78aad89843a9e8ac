import { describe, expect, test } from "@jest/globals";
import { defaultSizes } from "../../cluster/processes/outage-run.js";
import { parseClusterOptions } from "./options.js";

describe("the options of the cluster's experiments", () => {
  test("are all of both engines by default", () => {
    const only = ["a", "b", "c", "d", "e", "f"];
    expect(parseClusterOptions([])).toEqual({
      engines: ["redis", "nats"],
      only,
      sizes: defaultSizes,
      scale: false,
    });
    expect(parseClusterOptions(["--help"])).toBeUndefined();
  });

  test("choose", () => {
    const argv = ["--engine", "nats", "--only", "c, a", "--seed", "7", "--json", "f"];
    expect(parseClusterOptions(argv)).toEqual({
      engines: ["nats"],
      only: ["a", "c"],
      sizes: { ...defaultSizes, seed: 7 },
      scale: false,
      json: "f",
    });
  });

  test.each([
    [["--engine", "kafka"], 'option --engine: expected redis, nats or both, got "kafka"'],
    [["--only", "z"], 'unknown outage "z": expected some of a,b,c,d,e,f'],
    [["--rate", "1"], 'option --rate: expected an integer >= 100, got "1"'],
    [["--json", ""], "option --json: expected a file name, got nothing"],
    [["--nonsense"], "Unknown option '--nonsense'"],
  ])("refuses %j", (argv, message) => {
    expect(() => parseClusterOptions(argv)).toThrow(
      expect.objectContaining({ name: "UsageError", message }),
    );
  });
});
