import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { documentAt, snippetsOf } from "../helpers/documents.js";
import { projectRoot } from "../helpers/project-root.js";

const document = documentAt("docs/supervision.md");
const { text } = document;
const cited = [...text.matchAll(/`(test\/[\w/-]+\.test\.ts)`: “(.+?)”/g)].map(
  ([, file = "", name = ""]) => ({ file, name }),
);

test("the documentation of supervision has programs, and each section of the rules its tests", () => {
  const programs = snippetsOf(document).filter(({ expected }) => expected.length > 0);
  expect(programs).toHaveLength(3);
  const rows = text.split("\n").filter((line) => /^\| [A-N]\. /.test(line));
  expect(rows.map((row) => row[2]).join("")).toBe("ABCDEFGHIJKLMN");
  for (const row of rows) expect(row).toMatch(/`test\/.+?`: “/);
});

test.each(cited)("$file has the test: $name", ({ file, name }) => {
  const source = readFileSync(join(projectRoot, file), "utf8");
  const titles = [...source.matchAll(/(?:test(?:\.each\(.*?\))?|\))\(\s*"((?:[^"\\]|\\.)*)"/g)];
  expect(titles.map(([, title]) => title)).toContain(name);
});
