import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "@jest/globals";
import { expectedOutput } from "./helpers/expected-output.js";
import { projectRoot } from "./helpers/project-root.js";
import { runOk } from "./helpers/run.js";

const readme = readFileSync(join(projectRoot, "README.md"), "utf8");
/** Every program in the text, as it stands. */
const programs = [...readme.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, program]) => program ?? "");

const folder = mkdtempSync(join(tmpdir(), "readme-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("the README has a program", () => {
  expect(programs.length).toBeGreaterThan(0);
});

describe.each(programs.map((program, index) => ({ program, number: index + 1 })))(
  "program $number of the README",
  ({ program, number }) => {
    test("prints what it says", async () => {
      const expected = expectedOutput(program);
      if (expected.length === 0) throw new Error('it does not end with "// => " lines');
      const path = join(folder, `${number}.mts`);
      writeFileSync(path, program);
      const printed = await runOk(process.execPath, ["--import", "tsx", path]);
      expect(printed.trimEnd().split("\n")).toEqual(expected);
    });
  },
);

test("the README lists every example", () => {
  const examples = readdirSync(join(projectRoot, "examples")).filter((name) => /^\d/.test(name));
  const listed = [...readme.matchAll(/\]\(examples\/(\d[^)]*)\)/g)].map(([, name]) => name);
  expect(listed).toEqual(examples.sort());
});
