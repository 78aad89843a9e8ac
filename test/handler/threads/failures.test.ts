import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { Built } from "../../helpers/built.js";
import { type Package, eventually, type Script, World } from "./world.js";

let built: Built;
let pkg: Package;
beforeAll(async () => {
  built = await Built.make();
  pkg = await built.load<Package>("index.js");
}, 60_000);
afterAll(() => built[Symbol.asyncDispose]());

const message = (error: unknown): string => (error as Error).message;

/** What ends a thread, and what the dead letter says of it. */
const endings: { deed: string; says: RegExp; with?: unknown }[] = [
  { deed: "throw", says: /^thrown$/ },
  { deed: "reject", says: /^rejected$/ },
  { deed: "exit", says: /exited with code 7/ },
  { deed: "exitLater", says: /exited with code 7/ },
  { deed: "uncaught", says: /failed: .*uncaught/ },
  { deed: "unhandled", says: /failed: .*unhandled/ },
  { deed: "memory", says: /failed: .*memory/ },
  { deed: "spin", says: /has not handled an event within 60000 ms/ },
  { deed: "hang", says: /has not handled an event within 60000 ms/ },
];

const timeout = 60_000;
/** Enough for the monitor to see twice, the timeout apart, that nothing happens. */
const late = 1.25 * timeout;

const limits = {
  timeout,
  resourceLimits: { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 8 },
} as const;

describe.each(endings)("an event whose handler does: $deed", ({ deed, says }) => {
  test("is tried as often as it may be; its thread is replaced each time, and the others are handled once", async () => {
    const world = await World.start(pkg, {
      partitions: 2,
      pool: { ...limits, workers: 1, maxAttempts: 2 },
    });
    await using _ = world;
    world.put({ "0:a": null, "0:b": { do: deed }, "0:c": null, "1:d": null, "1:e": null });
    // A handler that hangs leaves the thread to the other partition.
    await world.idleWhilePassing(late, deed === "hang" ? 3 : Infinity);
    expect(world.handles.filter((line) => line.startsWith("0:b"))).toEqual(["0:b 1", "0:b 2"]);
    expect(world.handled(0)).toEqual(["0:a", "0:c"]);
    expect(world.handled(1)).toEqual(["1:d", "1:e"]);
    expect(world.letters).toEqual([
      {
        key: "0:b",
        attempt: 2,
        error: expect.objectContaining({ message: expect.stringMatching(says) }),
      },
    ]);
    // The first thread's two partitions, and those of its two successors.
    expect(world.calls("init")).toHaveLength(6);
  });

  test("is handled when it goes well in the second attempt", async () => {
    const world = await World.start(pkg, { pool: { ...limits, maxAttempts: 3 } });
    await using _ = world;
    world.put({ a: null, b: { do: deed, attempts: 1 }, c: null });
    await world.idleWhilePassing(late);
    expect(world.handled()).toEqual(["a", "b", "c"]);
    expect(world.handles).toEqual(["a 1", "b 1", "b 2", "c 1"]);
    expect(world.letters).toEqual([]);
  });
});

describe("which event counts as attempted", () => {
  const neighbour: Script = { do: "pause", with: 50 };

  test.each([
    { deed: "exit" },
    { deed: "exitLater" },
    { deed: "uncaught" },
    { deed: "unhandled" },
    { deed: "memory" },
    { deed: "spin" },
  ])("of two partitions in hand of one thread, only the one that does: $deed", async ({ deed }) => {
    const world = await World.start(pkg, { partitions: 2, pool: { ...limits, workers: 1 } });
    await using _ = world;
    world.put({ "1:waits": neighbour, "0:culprit": { do: deed } });
    await world.idleWhilePassing(late);
    expect(world.letters.map(({ key }) => key)).toEqual(["0:culprit"]);
    expect(world.handled(1)).toEqual(["1:waits"]);
    expect(world.calls("handle").every(({ attempt }) => attempt === 1)).toBe(true);
    expect(world.handles.filter((line) => line === "0:culprit 1")).toHaveLength(1);
  });

  test.each([{ deed: "memoryLater" }, { deed: "spinLater" }])(
    "partitions that may have caused it are tried alone, until the cause is known: $deed",
    async ({ deed }) => {
      const world = await World.start(pkg, { partitions: 3, pool: { ...limits, workers: 1 } });
      await using _ = world;
      world.put({
        "0:waits": { do: "pause", with: 300 },
        "1:waits": { do: "pause", with: 300 },
        "2:culprit": { do: deed },
      });
      await world.idleWhilePassing(late);
      expect(world.letters.map(({ key }) => key)).toEqual(["2:culprit"]);
      expect(world.handled(0)).toEqual(["0:waits"]);
      expect(world.handled(1)).toEqual(["1:waits"]);
    },
  );

  test("none, when what ends the thread is left over from an event that has been handled", async () => {
    const world = await World.start(pkg);
    await using _ = world;
    world.put({ bomber: { do: "leaveBomb" }, victim: { do: "pause", with: 100 } });
    await world.idle();
    expect(world.letters).toEqual([]);
    expect(world.handles).toEqual(["bomber 1", "victim 1", "victim 1"]);
    expect(world.handled()).toEqual(["bomber", "victim"]);
  });

  test("a handler that is slow, but not beyond the timeout, is left alone, and so are those it holds up", async () => {
    const world = await World.start(pkg, {
      partitions: 2,
      pool: { ...limits, workers: 1 },
    });
    await using _ = world;
    for (let n = 0; n < 4; n++) world.put({ [`0:${n}`]: { do: "held" }, [`1:${n}`]: null });
    await world.idleWhilePassing(0.6 * timeout);
    expect(world.calls("init")).toHaveLength(2);
    expect(world.handled(1)).toHaveLength(4);
    expect(world.handled(0)).toHaveLength(4);
  });

  test("not one that is waiting beyond the timeout only because another partition keeps the thread", async () => {
    const world = await World.start(pkg, { partitions: 2, pool: { ...limits, workers: 1 } });
    await using _ = world;
    world.put({ "0:waits": { do: "awaitNext" } });
    await eventually(() => world.handles.length === 1);
    for (let n = 0; n < 3; n++) world.put({ [`1:${n}`]: { do: "held" } });
    await world.idleWhilePassing(0.8 * timeout);
    expect(world.letters).toEqual([]);
    expect(world.calls("init")).toHaveLength(2);
  });

  test("a throw interrupts no other partition: its current event is finished, and handled once", async () => {
    const world = await World.start(pkg, { partitions: 2, pool: { workers: 1 } });
    await using _ = world;
    world.put({ "1:waits": neighbour, "0:culprit": { do: "throw" }, "1:next": null });
    await world.idle();
    expect(world.handles).toHaveLength(3);
    expect(new Set(world.handles)).toEqual(new Set(["0:culprit 1", "1:next 1", "1:waits 1"]));
    expect(world.calls("terminate").map(({ reason }) => reason)).toEqual([
      "RangeError: thrown",
      "RangeError: thrown",
    ]);
  });
});

test("with onError resume a throw keeps the thread and the state", async () => {
  const world = await World.start(pkg, { pool: { onError: "resume", maxAttempts: 2 } });
  await using _ = world;
  world.put({ a: null, b: { do: "throw" }, c: { do: "reject", attempts: 1 }, d: null });
  await world.idle();
  expect(world.handles).toEqual(["a 1", "b 1", "b 2", "c 1", "c 2", "d 1"]);
  expect(world.calls("init")).toHaveLength(1);
  expect(world.calls("handle").at(-1)?.count).toBe(6);
  expect(world.letters.map(({ key }) => key)).toEqual(["b"]);
});

test("errors keep their name, message, stack, cause and fields on their way", async () => {
  const world = await World.start(pkg);
  await using _ = world;
  world.put({ a: { do: "throwRich" }, b: { do: "throwUncloneable" }, c: { do: "throw" } });
  await world.idle();
  const [rich, odd, plain] = world.letters.map(({ error }) => error as Error & { code?: string });
  expect(rich).toMatchObject({ name: "PaymentError", message: "declined", code: "E_PAYMENT" });
  expect(message(rich?.cause)).toBe("no funds");
  expect(rich?.stack).toContain("scripted.mjs");
  expect(odd).toMatchObject({ name: "Error", message: "odd" });
  expect(plain).toMatchObject({ name: "RangeError", message: "thrown" });
});

test("what can't be cloned is a failed attempt at that event, not at its neighbours", async () => {
  const world = await World.start(pkg, { pool: { maxAttempts: 2 } });
  await using _ = world;
  for (let n = 0; n < 20; n++) world.cache.put(`k${n}`, n === 13 || n === 14 ? () => n : null);
  await world.idle();
  expect(world.letters.map(({ key, attempt }) => [key, attempt])).toEqual([
    ["k13", 2],
    ["k14", 2],
  ]);
  expect(world.letters.map(({ error }) => (error as Error).name)).toEqual([
    "DataCloneError",
    "DataCloneError",
  ]);
  const keys = Array.from({ length: 20 }, (_none, n) => `k${n}`);
  expect(world.handled()).toEqual(keys.filter((_key, n) => n !== 13 && n !== 14));
});

test("messages that a handler sends on its own are ignored", async () => {
  const world = await World.start(pkg);
  await using _ = world;
  world.put({ a: { do: "post" }, b: null });
  await world.idle();
  expect(world.handled()).toEqual(["a", "b"]);
  expect(world.calls("init")).toHaveLength(1);
});
