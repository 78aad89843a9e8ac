import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { example } from "./helpers/compiled.js";
import { expectedOutput } from "./helpers/expected-output.js";
import { projectRoot } from "./helpers/project-root.js";
import { runOk } from "./helpers/run.js";

const folder = join(projectRoot, "examples");

const examples = readdirSync(folder)
  .filter((name) => /^\d\d-.+\.ts$/.test(name))
  .sort();

test("examples are numbered from 01 on, without a hole", () => {
  const numbers = examples.map((name) => Number(name.slice(0, 2)));
  expect(numbers).toEqual(Array.from({ length: Math.max(1, numbers.length) }, (_, i) => i + 1));
});

test("the expected output is the block at the end of the file", () => {
  expect(expectedOutput("// => no\nrun();\n// => a\n// =>\n// =>  b\n")).toEqual(["a", "", " b"]);
  expect(expectedOutput("run(); // => no\n")).toEqual([]);
});

// As many at a time as maxConcurrency of jest.config.ts allows.
test.concurrent.each(examples)("%s prints what it says", async (name) => {
  const path = join(folder, name);
  const expected = expectedOutput(readFileSync(path, "utf8"));
  if (expected.length === 0) throw new Error(`${name} does not end with "// => " lines`);
  const printed = await runOk(process.execPath, example(path));
  expect(printed.trimEnd().split("\n")).toEqual(expected);
});
