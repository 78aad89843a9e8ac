import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "@jest/globals";
import { documents, snippetsOf } from "./helpers/documents.js";
import { projectRoot } from "./helpers/project-root.js";
import { runOk } from "./helpers/run.js";

/** Every program in README and docs/, as it stands: test/docs/types.test.ts compiles the other blocks. */
const programs = documents
  .flatMap(snippetsOf)
  .filter(({ expected }) => expected.length > 0)
  .map((program, index) => ({ ...program, file: `${index + 1}.mts` }));

const folder = mkdtempSync(join(tmpdir(), "documents-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("the README is short, and has a program", () => {
  expect(statSync(join(projectRoot, "README.md")).size).toBeLessThanOrEqual(14_000);
  expect(programs.map(({ document }) => document)).toContain("README.md");
});

test.concurrent.each(programs)(
  "the program of $document under $title prints what it says: $file",
  async ({ file, source, expected }) => {
    const path = join(folder, file);
    writeFileSync(path, source);
    const printed = await runOk(process.execPath, ["--import", "tsx", path]);
    expect(printed.trimEnd().split("\n")).toEqual(expected);
  },
);
