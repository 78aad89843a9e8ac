import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "@jest/globals";
import { expectedOutput } from "../helpers/expected-output.js";
import { projectRoot } from "../helpers/project-root.js";
import { runOk } from "../helpers/run.js";

const text = readFileSync(join(projectRoot, "docs", "supervision.md"), "utf8");
const programs = [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, program]) => program ?? "");
const cited = [...text.matchAll(/\]\(\.\.\/(test\/[\w/-]+\.test\.ts)\): “(.+?)”/g)].map(
  ([, file = "", name = ""]) => ({ file, name }),
);

const folder = mkdtempSync(join(tmpdir(), "supervision-docs-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("the documentation of supervision has programs, and each section of the rules its tests", () => {
  expect(programs).toHaveLength(3);
  const rows = text.split("\n").filter((line) => /^\| [A-N]\. /.test(line));
  expect(rows.map((row) => row[2]).join("")).toBe("ABCDEFGHIJKLMN");
  for (const row of rows) expect(row).toContain("](../test/");
});

test.each(cited)("$file has the test: $name", ({ file, name }) => {
  const source = readFileSync(join(projectRoot, file), "utf8");
  const titles = [...source.matchAll(/(?:test(?:\.each\(.*?\))?|\))\(\s*"((?:[^"\\]|\\.)*)"/g)];
  expect(titles.map(([, title]) => title)).toContain(name);
});

test.concurrent.each(programs.map((program, index) => ({ program, number: index + 1 })))(
  "program $number of the documentation of supervision prints what it says",
  async ({ program, number }) => {
    const expected = expectedOutput(program);
    if (expected.length === 0) throw new Error('it does not end with "// => " lines');
    const path = join(folder, `${number}.mts`);
    writeFileSync(path, program);
    const printed = await runOk(process.execPath, ["--import", "tsx", path]);
    expect(printed.trimEnd().split("\n")).toEqual(expected);
  },
);
