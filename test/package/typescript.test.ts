import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { installing, Project } from "./project.js";
import { printedByTs, ts } from "./programs.js";

const strict = { target: "es2022", strict: true, skipLibCheck: true, types: ["node"] };
const format = (type: string): string => `{ "private": true, "type": "${type}" }`;

// The packages' own declarations are checked once for each format: that takes most of the time.
/** Each with the package.json's `type`, and the compiler's options. */
const projects = {
  "commonjs-node10": ["commonjs", { module: "commonjs", moduleResolution: "node10" }],
  "commonjs-bundler": ["commonjs", { module: "esnext", moduleResolution: "bundler", noEmit: true }],
  "node16-commonjs": ["commonjs", { module: "node16" }],
  "node16-esm": ["module", { module: "node16", skipLibCheck: false }],
  "nodenext-commonjs": ["commonjs", { module: "nodenext", skipLibCheck: false }],
  "nodenext-esm": ["module", { module: "nodenext" }],
} as const;

let project: Project;
beforeAll(async () => {
  const files = Object.entries(projects).flatMap(([name, [type, options]]) => [
    [`${name}/package.json`, format(type)],
    [`${name}/main.ts`, ts],
    [`${name}/tsconfig.json`, JSON.stringify({ compilerOptions: { ...strict, ...options } })],
  ]);
  const brokers = ["redis@6", "@nats-io/transport-node@3"];
  project = await Project.make(
    ["typescript@5.9", "@types/node@20", "ts-node@10", "tsx@4", ...brokers],
    Object.fromEntries(files) as Record<string, string>,
  );
}, installing);
afterAll(() => project[Symbol.asyncDispose]());

test.each(Object.keys(projects))(
  "tsc, and what it emits: %s",
  async (name) => {
    expect(await project.bin("tsc", "-p", name)).toBe("");
    if (name.endsWith("bundler")) return;
    expect(JSON.parse(await project.node(`${name}/main.js`))).toEqual(printedByTs);
  },
  60_000,
);

test.each(["commonjs-node10", "nodenext-commonjs"])(
  "ts-node: %s",
  async (name) => {
    expect(JSON.parse(await project.bin("ts-node", `${name}/main.ts`))).toEqual(printedByTs);
  },
  60_000,
);

test.each(["commonjs-node10", "nodenext-esm"])("tsx: %s", async (name) => {
  expect(JSON.parse(await project.bin("tsx", `${name}/main.ts`))).toEqual(printedByTs);
});
