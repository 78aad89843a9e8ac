import { expect, test } from "@jest/globals";
import { documentAt, snippetsOf } from "../helpers/documents.js";

test("every part of the documentation of testing has a program", () => {
  const programs = snippetsOf(documentAt("docs/testing.md")).filter(
    ({ expected }) => expected.length > 0,
  );
  expect(programs.map(({ title }) => title)).toEqual([
    "Time",
    "Faults",
    "Faults of caches",
    "What the tree did",
    "Waiting",
    "Chaos",
  ]);
});
