import { expect, test } from "@jest/globals";
import type { Instance } from "../../src/cache/instance.js";
import { CacheReader } from "../../src/inspector/cache-rows.js";
import { until } from "../helpers/actors.js";

const counts = { hits: 3, misses: 1, writes: 2, deletions: 0, evictions: 0, expirations: 0 };
const near = { hits: 5, misses: 3, invalidations: 2, entries: 4 };

/** An instance whose store is elsewhere. */
function remote(info: () => Promise<unknown>): Instance {
  const emitter = { source: { cache: "orders", name: "orders" } };
  return { emitter, isAsync: true, info } as unknown as Instance;
}

test("a store that is elsewhere is shown when it has answered, with its near copies", async () => {
  let asked = 0;
  const reader = new CacheReader(
    remote(() => {
      asked++;
      return Promise.resolve({ ...counts, entries: 7, near });
    }),
  );
  expect(reader.row("c1")).toMatchObject({ store: "remote", entries: null, near: null });
  await until(() => reader.row("c1").entries !== null);
  expect(reader.row("c1")).toEqual({
    id: "c1",
    cache: "orders",
    name: "orders",
    store: "remote",
    entries: 7,
    unavailable: null,
    counts,
    near: { hits: 5, misses: 3, entries: 4 },
  });
  // It is not asked again at each look.
  expect(asked).toBe(1);
});

test("a store that is away is shown so, with what is known without it", async () => {
  const info = { ...counts, entries: NaN, unavailable: "it does not answer", near };
  const reader = new CacheReader(remote(() => Promise.resolve(info)));
  await until(() => reader.row("c1").unavailable !== null);
  expect(reader.row("c1")).toMatchObject({
    entries: null,
    unavailable: "it does not answer",
    counts,
    near: { entries: 4 },
  });
});

test("a store that does not answer, or fails, breaks nothing", async () => {
  const silent = new CacheReader(remote(() => new Promise(() => {})));
  expect(silent.row("c1").entries).toBeNull();
  expect(silent.row("c1").entries).toBeNull();
  const failing = new CacheReader(remote(() => Promise.reject(new Error("away"))));
  expect(failing.row("c1").counts).toBeNull();
  const throwing = new CacheReader(
    remote(() => {
      throw new Error("bad adapter");
    }),
  );
  expect(throwing.row("c1").counts).toBeNull();
  await Promise.resolve();
});
