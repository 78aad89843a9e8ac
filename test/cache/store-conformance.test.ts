import { describe, expect, test } from "@jest/globals";
import { localAdapter } from "../../src/cache/adapters/local-adapter.js";
import { storeAdapter } from "../../src/cache/adapters/store-adapter.js";
import { storeConformance } from "../../src/testing.js";

describe.each([
  { store: "localAdapter", create: () => localAdapter({ sweepInterval: 50 }) },
  {
    store: "localAdapter with a limit",
    create: () => localAdapter({ maxEntries: 1000, sweepInterval: 50 }),
  },
  { store: "storeAdapter over a Map", create: () => storeAdapter(new Map<string, unknown>()) },
])("$store", ({ create }) => {
  test.concurrent.each(storeConformance({ create }))("$name", async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});
