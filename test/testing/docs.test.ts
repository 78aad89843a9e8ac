import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "@jest/globals";
import { expectedOutput } from "../helpers/expected-output.js";
import { projectRoot } from "../helpers/project-root.js";
import { runOk } from "../helpers/run.js";

const text = readFileSync(join(projectRoot, "docs", "testing.md"), "utf8");
const programs = [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, program]) => program ?? "");
/** The section that each program stands in. */
const titles = text
  .split(/^## /m)
  .flatMap((section) =>
    [...section.matchAll(/^```ts$/gm)].map(() => section.slice(0, section.indexOf("\n"))),
  );

const folder = mkdtempSync(join(tmpdir(), "testing-docs-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("every part of the documentation of testing has a program", () => {
  expect(titles).toEqual([
    "Time",
    "Faults",
    "Faults of caches",
    "What the tree did",
    "Waiting",
    "Chaos",
  ]);
});

test.concurrent.each(programs.map((program, index) => ({ title: titles[index], program })))(
  "the program under $title prints what it says",
  async ({ title, program }) => {
    const expected = expectedOutput(program);
    if (expected.length === 0) throw new Error('it does not end with "// => " lines');
    const path = join(folder, `${String(title).replaceAll(" ", "-")}.mts`);
    writeFileSync(path, program);
    const printed = await runOk(process.execPath, ["--import", "tsx", path]);
    expect(printed.trimEnd().split("\n")).toEqual(expected);
  },
);
