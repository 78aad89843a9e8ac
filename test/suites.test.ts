import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { reachableFrom } from "./helpers/architecture.js";
import { type Module, readModules } from "./helpers/modules.js";
import { projectRoot } from "./helpers/project-root.js";

const lists = JSON.parse(
  readFileSync(join(projectRoot, "test", "slow-tests.json"), "utf8"),
) as Record<string, string[]>;
const slow = Object.values(lists).flat();
const modules = readModules(join(projectRoot, "test"));
const tests = modules
  .map(({ path }) => path)
  .filter((path) => path.endsWith(".test.ts") && !/^(?:bench|helpers)\//.test(path));

const importing = (specifier: string): Module[] =>
  modules.filter(({ source }) => source.includes(` from "${specifier}"`));

test("the fast tests start no process: each test that can is among the slow ones", () => {
  const starters = importing("node:child_process").map(({ path }) => path);
  const starting = tests.filter((path) => {
    const reached = reachableFrom(path, modules);
    return starters.some((starter) => reached.has(starter));
  });
  expect(starting.filter((path) => !slow.includes(path))).toEqual([]);
  expect(starting).toContain("pubsub/redis.test.ts");
});

test("the list of slow tests names tests that there are", () => {
  expect(slow.filter((path) => !tests.includes(path))).toEqual([]);
  expect(new Set(slow).size).toBe(slow.length);
});

test("properties have a limit of time: tests import fast-check by its helper", () => {
  expect(importing("fast-check").map(({ path }) => path)).toEqual(["helpers/fast-check.ts"]);
  const untracked = modules.filter(({ source }) => source.includes(`fc.${"asyncProperty"}(`));
  expect(untracked.map(({ path }) => path)).toEqual([]);
});
