import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { installing, Project } from "./project.js";

const uses = (load: (path: string) => string): string => `
${load("nebulex-streams")}
${load("nebulex-streams/actor")}
${load("nebulex-streams/keyv")}
${load("nebulex-streams/nats")}
${load("nebulex-streams/redis")}
${load("nebulex-streams/testing")}

test("a handler sees what was written", async () => {
  const users = defineCache({ name: "users" });
  const seen = [];
  const children = [
    users,
    streamServer({ cache: users, partitions: 2 }),
    handlerPool({ cache: users, handler: ({ type }) => void seen.push(type) }),
  ];
  const tree = await startSupervisor({ strategy: "rest_for_one", children });
  users.put("ada", 1);
  await waitFor(() => seen.length > 0);
  expect(seen).toEqual(["inserted"]);
  await tree.stop();
  expect(() => streamServer({})).toThrow(OptionError);
  const entries = [keyvAdapter, redisPubSub, natsPubSub].map((entry) => typeof entry);
  expect(entries).toEqual(["function", "function", "function"]);
});
`;
const names: Readonly<Record<string, string>> = {
  "nebulex-streams": "{ defineCache, handlerPool, OptionError, streamServer }",
  "nebulex-streams/actor": "{ startSupervisor }",
  "nebulex-streams/keyv": "{ keyvAdapter }",
  "nebulex-streams/nats": "{ natsPubSub }",
  "nebulex-streams/redis": "{ redisPubSub }",
  "nebulex-streams/testing": "{ waitFor }",
};
const required = uses((path) => `const ${names[path]} = require("${path}");`);
const imported = uses((path) => `import ${names[path]} from "${path}";`);

let project: Project;
beforeAll(async () => {
  project = await Project.make(["jest@30", "vitest@3"], {
    "cjs/required.test.js": required,
    // Compiled to require() by Jest's own babel-jest.
    "babel/babel.config.json": `{ "plugins": ["@babel/plugin-transform-modules-commonjs"] }`,
    "babel/imported.test.js": imported,
    "esm/imported.test.mjs": imported,
    "vitest/imported.spec.mjs": `import { expect, test } from "vitest";${imported}`,
  });
}, installing);
afterAll(() => project[Symbol.asyncDispose]());

/** Runs Jest; rejects with what it printed if a test failed. */
const expectJestPasses = (flags: readonly string[], ...args: string[]): Promise<string> =>
  project.node(...flags, "node_modules/jest/bin/jest.js", ...args);
const mjs = ["--testMatch", "**/*.test.mjs"];

test("Jest in CommonJS", async () => {
  await expectJestPasses([], "--rootDir", "cjs");
});

test(
  "Jest in CommonJS, from ES modules that babel-jest compiles",
  async () => {
    await project.npm(
      "install",
      "--no-audit",
      "--no-fund",
      "--prefer-offline",
      "@babel/plugin-transform-modules-commonjs@7",
    );
    await expectJestPasses([], "--rootDir", "babel");
  },
  installing,
);

test("Jest in ES modules", async () => {
  await expectJestPasses(["--experimental-vm-modules"], "--rootDir", "esm", ...mjs);
});

test("Vitest", async () => {
  const { stdout } = await project.try(
    "node_modules/.bin/vitest",
    "run",
    "--root",
    "vitest",
    "--reporter",
    "json",
  );
  expect(JSON.parse(stdout)).toMatchObject({ numPassedTests: 1, numTotalTests: 1 });
});
