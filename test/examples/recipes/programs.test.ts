import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { example } from "../../helpers/compiled.js";
import { expectedOutput } from "../../helpers/expected-output.js";
import { projectRoot } from "../../helpers/project-root.js";
import { runOk } from "../../helpers/run.js";

const runProgram = (path: string): Promise<string> => runOk(process.execPath, example(path));

interface Line {
  readonly level: number;
  readonly msg: string;
  readonly component: string;
  readonly event?: { readonly key: string };
  readonly err?: { readonly type: string; readonly message: string; readonly stack: string };
}

test("pino: failed attempts are warnings, a dead letter is an error, with pino's fields", async () => {
  const printed = await runProgram("examples/recipes/pino/main.ts");
  const lines = printed.trimEnd().split("\n");
  const log = lines.map((line) => JSON.parse(line) as Line);
  expect(log.map(({ level, msg }) => `${level} ${msg}`)).toEqual([
    "30 stream started",
    "40 handler failed",
    "40 handler failed",
    "50 dead letter: event given up",
    "30 stream stopped",
  ]);
  expect(new Set(log.map(({ component }) => component))).toEqual(new Set(["nebulex"]));
  const deadLetter = log.find(({ level }) => level === 50);
  expect(deadLetter?.event?.key).toBe("A-18");
  expect(deadLetter?.err).toMatchObject({ type: "RangeError", message: "-1 is no amount" });
  expect(deadLetter?.err?.stack).toContain("examples/recipes/pino/main.ts");
});

test("search: the program prints what it says", async () => {
  const path = "examples/recipes/search/main.ts";
  const expected = expectedOutput(readFileSync(join(projectRoot, path), "utf8"));
  expect(expected).not.toEqual([]);
  expect((await runProgram(path)).trimEnd().split("\n")).toEqual(expected);
});
