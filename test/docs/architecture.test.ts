import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { projectRoot } from "../helpers/project-root.js";

const source = join(projectRoot, "src");
const text = readFileSync(join(projectRoot, "docs/architecture.md"), "utf8");
const inCode = [...text.matchAll(/`([^`\n]+)`/g)].map(([, code]) => code as string);

test("the page names files that there are", () => {
  const paths = inCode.filter((code) => /^[\w-]+(?:\/[\w-]+)*(?:\.ts|\/)$/.test(code));
  expect(paths.length).toBeGreaterThan(30);
  const isThere = (path: string): boolean =>
    existsSync(join(source, path)) || ["src/", "adapters/", "threads/"].includes(path);
  expect(paths.filter((path) => !isThere(path))).toEqual([]);
});

test("the page lists every folder of the source", () => {
  const folders = readdirSync(source, { withFileTypes: true }).filter((it) => it.isDirectory());
  expect(folders.map(({ name }) => `${name}/`).filter((name) => !inCode.includes(name))).toEqual(
    [],
  );
});
