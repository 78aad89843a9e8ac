/** @jest-config-loader esbuild-register */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "jest";

// `npm run test:fast` leaves these out; test/suites.test.ts says which have to be among them.
const slow = JSON.parse(readFileSync(join(__dirname, "test/slow-tests.json"), "utf8")) as Record<
  string,
  string[]
>;
const isFast = process.env["FAST"] === "true";
const leftOut = isFast ? Object.values(slow).flat() : [];

// Folders that `npm test` leaves out: each has a script of its own, and what it needs installed.
const suites: Record<string, string> = {
  "inspector-page": "<rootDir>/test/helpers/browser.mjs",
  package: "<rootDir>/test/helpers/packed.mjs",
  site: "<rootDir>/test/helpers/browser.mjs",
};
// SUITE names one of them, or more of one setup, with commas between.
const chosen = process.env["SUITE"]?.split(",") ?? [];
const [suite] = chosen;
const setup =
  suite === undefined ? "<rootDir>/test/helpers/brokers/global-setup.mjs" : suites[suite];

const config: Config = {
  testEnvironment: "<rootDir>/test/helpers/environment.mjs",
  roots: suite === undefined ? ["<rootDir>/test"] : chosen.map((name) => `<rootDir>/test/${name}`),
  ...(isFast || setup === undefined ? {} : { globalSetup: setup }),
  testSequencer: "<rootDir>/test/helpers/sequencer.mjs",
  testMatch: ["**/*.test.ts"],
  testPathIgnorePatterns: [
    "/node_modules/",
    "<rootDir>/test/bench/",
    "<rootDir>/test/helpers/",
    ...Object.keys(suites)
      .filter((name) => !chosen.includes(name))
      .map((name) => `<rootDir>/test/${name}/`),
    ...leftOut.map((path) => `<rootDir>/test/${path.replaceAll(".", "\\.")}$`),
  ],
  extensionsToTreatAsEsm: [".ts"],
  moduleNameMapper: {
    "^(\\.{1,2}/.*)\\.js$": "$1",
    "^nebulex-streams$": "<rootDir>/src/index.ts",
    "^nebulex-streams/(actor|inspector|keyv|nats|redis|testing)$": "<rootDir>/src/$1.ts",
  },
  transform: {
    "^.+\\.ts$": [
      "@swc/jest",
      {
        jsc: { parser: { syntax: "typescript" }, target: "es2022" },
        module: { type: "es6" },
        sourceMaps: "inline",
      },
    ],
  },
  injectGlobals: false,
  restoreMocks: true,
  coverageProvider: "v8",
  collectCoverageFrom: ["src/**/*.ts"],
  reporters: ["default", "<rootDir>/test/helpers/slowest-reporter.mjs"],
  maxWorkers: 2,
  // ES modules in a VM are never freed. In a heap of 1 GB each collection of garbage takes longer than
  // most test files, so that a worker above this limit ends after its file, and another one begins.
  workerIdleMemoryLimit: "400MB",
  maxConcurrency: 2,
  testTimeout: 30_000,
};

export default config;
