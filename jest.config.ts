/** @jest-config-loader esbuild-register */
import type { Config } from "jest";

const config: Config = {
  testEnvironment: "node",
  roots: ["<rootDir>/test"],
  globalSetup: "<rootDir>/test/helpers/brokers/global-setup.mjs",
  testMatch: ["**/*.test.ts"],
  testPathIgnorePatterns: ["/node_modules/", "<rootDir>/test/bench/", "<rootDir>/test/helpers/"],
  extensionsToTreatAsEsm: [".ts"],
  moduleNameMapper: {
    "^(\\.{1,2}/.*)\\.js$": "$1",
    "^nebulex-streams$": "<rootDir>/src/index.ts",
    "^nebulex-streams/(actor|nats|redis|testing)$": "<rootDir>/src/$1.ts",
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
  maxWorkers: 2,
  maxConcurrency: 2,
  testTimeout: 30_000,
};

export default config;
