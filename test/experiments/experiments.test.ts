import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "@jest/globals";
import { run } from "../helpers/run.js";
import { defaultSizes, type Outcome } from "./experiment.js";
import { parseOptions } from "./options.js";
import { allProblems, experimentIds, problemsOf, runExperiments } from "./table.js";

const folder = mkdtempSync(join(tmpdir(), "experiments-"));
afterAll(() => rmSync(folder, { recursive: true }));

const small = { ...defaultSizes, puts: 6_000, keys: 1_200, capacity: 128 };
const main = (...args: string[]) =>
  run(process.execPath, ["--import", "tsx", "test/experiments/main.ts", ...args]);

describe("each experiment keeps what is promised", () => {
  test.each(experimentIds.flatMap((id) => [1, 2, 3].map((seed) => [id, seed] as const)))(
    "%s, seed %i",
    async (id, seed) => {
      const [result] = await runExperiments([id], { ...small, seed });
      expect(allProblems([result as NonNullable<typeof result>])).toEqual([]);
      const written = id === "g" ? 3_600 : 6_000;
      expect(result).toMatchObject({ id, seed, written, lost: 0, duplicated: 0, outOfOrder: 0 });
      const restarts = "bcdef".includes(id) ? 10 : 0;
      expect(result).toMatchObject({ faultsStruck: restarts, restarts });
      const { handled = 0, gapEvents = 0 } = result ?? {};
      expect(handled + gapEvents).toBe(written);
      expect(gapEvents > 0).toBe(id === "h");
    },
  );

  test("h reports gaps that add up, and merges where it is asked to", async () => {
    const [result] = await runExperiments(["h"], small);
    const { handled, gapEvents, coalesce } = result as NonNullable<typeof result>;
    expect(gapEvents).toBeGreaterThan(0);
    expect(handled + gapEvents).toBe(6_000);
    expect(coalesce).toMatchObject({ gapEvents: 0, samePicture: true });
    expect((coalesce?.handled ?? 0) + (coalesce?.coalesced ?? 0)).toBe(6_000);
  });

  test.each([1, 8])("with %i partitions", async (partitions) => {
    const results = await runExperiments(["b", "d", "f", "h"], { ...small, partitions });
    expect(allProblems(results)).toEqual([]);
  });
});

describe("the verdict", () => {
  const good: Outcome = {
    written: 6_000,
    handled: 6_000,
    lost: 0,
    duplicated: 0,
    outOfOrder: 0,
    gapEvents: 0,
    faults: [],
    faultsStruck: 0,
    restarts: 0,
    coalesced: 0,
    samePicture: true,
  };

  test("is good only if all is as expected", () => {
    expect(problemsOf(good, {}, small)).toEqual([]);
    const broken: Partial<Outcome>[] = [
      { handled: 5_999, lost: 1 },
      { handled: 6_001, duplicated: 1 },
      { outOfOrder: 1 },
      { written: 5_999 },
      { restarts: 1 },
      { faultsStruck: 1 },
      { faults: ["an event that nobody wrote"] },
      { samePicture: false },
      { handled: 5_990, gapEvents: 10 },
    ];
    for (const change of broken)
      expect(problemsOf({ ...good, ...change }, {}, small)).not.toEqual([]);
  });

  test("asks of a slow handler that something gave way", () => {
    expect(problemsOf(good, { overflow: "gap" }, small)).toHaveLength(1);
    expect(problemsOf(good, { overflow: "coalesce" }, small)).toHaveLength(1);
  });
});

describe("the program", () => {
  test("prints a table, and writes the results for machines", async () => {
    const file = join(folder, "results.json");
    const flags = ["--only", "h,a", "--puts", "3000", "--keys", "500", "--capacity", "64"];
    const { status, stdout, stderr } = await main(...flags, "--seed", "7", "--json", file);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toMatch(/^a +no fault +3,000 +3,000 +0 +0 +0 +0 +0 +0 +\d+\.\d$/m);
    expect(stdout).toMatch(/^h .* gap +3,000 /m);
    expect(stdout).toMatch(/^h .* coalesce +3,000 /m);
    expect(stdout).toContain("seed 7\n");
    const { experiments } = JSON.parse(readFileSync(file, "utf8")) as {
      experiments: Record<string, unknown>[];
    };
    expect(experiments).toEqual([
      expect.objectContaining({
        id: "a",
        name: "no fault",
        seed: 7,
        written: 3_000,
        handled: 3_000,
        lost: 0,
        duplicated: 0,
        outOfOrder: 0,
        gapEvents: 0,
      }),
      expect.objectContaining({ id: "h", seed: 7, written: 3_000, lost: 0 }),
    ]);
  });

  test("ends with status 1 when an event is lost", async () => {
    const preload = ["--import", "tsx", "--import", "./test/experiments/lose-an-event.ts"];
    const flags = ["--only", "a", "--puts", "1000"];
    const program = "test/experiments/main.ts";
    const { status, stderr } = await run(process.execPath, [...preload, program, ...flags]);
    expect({ status, stderr: stderr.split("\n")[0] }).toEqual({
      status: 1,
      stderr: "experiments: (a) lost: 1, expected 0",
    });
  });

  test("refuses a name that it does not know with status 2", async () => {
    expect(await main("everything")).toEqual({
      status: 2,
      stdout: "",
      stderr: 'experiments: unknown name "everything": experiments are chosen by --only\n',
    });
  });

  test.each([
    [["--only", "a,z"], 'unknown experiment "z": expected some of a,b,c,d,e,f,g,h'],
    [["--puts", "many"], 'option --puts: expected an integer >= 1, got "many"'],
    [["--puts", "100"], "option --puts: expected at least 20 for each fault, got 100"],
    [["--json", ""], "option --json: expected a file name, got nothing"],
    [["--nonsense"], "Unknown option '--nonsense'"],
  ])("refuses %j", (argv, message) => {
    expect(() => parseOptions(argv)).toThrow(
      expect.objectContaining({ name: "UsageError", message }),
    );
  });

  test("puts the chosen experiments in order, each once", () => {
    expect(parseOptions(["--only", "c, a,c"])?.only).toEqual(["a", "c"]);
    expect(parseOptions([])).toEqual({ only: experimentIds, sizes: defaultSizes });
    expect(parseOptions(["--help"])).toBeUndefined();
  });
});
