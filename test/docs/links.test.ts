import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { anchorsOf, documentAt, documents, linksOf } from "../helpers/documents.js";
import { projectRoot } from "../helpers/project-root.js";

const { files: packed } = JSON.parse(readFileSync(join(projectRoot, "package.json"), "utf8")) as {
  files: string[];
};
const isWithin = (file: string, path: string): boolean =>
  file === path || file.startsWith(`${path}/`);

describe.each(documents)("$path", (document) => {
  const links = linksOf(document);

  test("links to files that there are", () => {
    expect(links.filter(({ file }) => !existsSync(join(projectRoot, file)))).toEqual([]);
  });

  test("links only to what the package has", () => {
    const outside = links.filter(({ file }) => !packed.some((path) => isWithin(file, path)));
    expect(outside).toEqual([]);
  });

  test("links to headings that there are", () => {
    const toHeadings = links.filter(({ anchor }) => anchor !== "");
    const broken = toHeadings.filter(
      ({ file, anchor }) => !anchorsOf(documentAt(file)).includes(anchor),
    );
    expect(broken).toEqual([]);
  });
});

test("the README lists every document", () => {
  const listed = linksOf(documentAt("README.md")).map(({ file }) => file);
  const paths = documents.map(({ path }) => path).filter((path) => path !== "README.md");
  expect(paths.filter((path) => !listed.includes(path))).toEqual([]);
});

test("docs/examples.md lists every numbered example, in order", () => {
  const examples = readdirSync(join(projectRoot, "examples")).filter((name) => /^\d/.test(name));
  const listed = linksOf(documentAt("docs/examples.md"))
    .map(({ file }) => file.replace("examples/", ""))
    .filter((name) => /^\d/.test(name));
  expect(listed).toEqual(examples.sort());
});
