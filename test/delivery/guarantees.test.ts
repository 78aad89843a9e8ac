import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { projectRoot } from "../helpers/project-root.js";

const [text = "", list = ""] = readFileSync(join(projectRoot, "docs/guarantees.md"), "utf8").split(
  "## Proofs\n",
);
const proofs = [...list.matchAll(/^- \[([\w-]+)\] (\S+):\s+"([^"]+)"$/gm)].map(
  ([, mark = "", file = "", name = ""]) => ({ mark, file, name }),
);

test("each mark in docs/guarantees.md has a proof, and each proof a mark", () => {
  const marks = [...text.matchAll(/\[([a-z-]+)\](?!\()/g)].map(([, mark]) => mark);
  expect(new Set(marks)).toEqual(new Set(proofs.map(({ mark }) => mark)));
  expect(proofs).toHaveLength(list.trim().split("\n- ").length);
});

test.each(proofs)("$mark: the test is there: $name", ({ file, name }) => {
  expect(readFileSync(join(projectRoot, file), "utf8")).toContain(`"${name}"`);
});
