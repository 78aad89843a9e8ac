import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { Built } from "../../helpers/built.js";
import { type Package, World } from "./world.js";

let built: Built;
let pkg: Package;
beforeAll(async () => {
  built = await Built.make();
  pkg = await built.load<Package>("index.js");
}, 60_000);
afterAll(() => built[Symbol.asyncDispose]());

test.each([
  { partitions: 1, workers: 1 },
  { partitions: 3, workers: 2 },
  { partitions: 4, workers: 8 },
])(
  "$partitions partitions over $workers threads: nothing is lost, doubled or out of order",
  async ({ partitions, workers }) => {
    const world = await World.start(pkg, { partitions, pool: { workers, batchSize: 7 } });
    await using _ = world;
    const keys = Array.from({ length: 400 }, (_none, n) => `${n % partitions}:${n}`);
    for (const key of keys) world.cache.put(key, null);
    await world.idle();
    for (let partition = 0; partition < partitions; partition++) {
      const own = keys.filter((key) => key.startsWith(`${partition}:`));
      expect(world.handled(partition)).toEqual(own);
      const notes = world.calls("handle").filter((note) => note.partition === partition);
      expect(notes.map(({ sequence }) => sequence)).toEqual([...own.keys()]);
      expect(notes.map(({ count }) => count)).toEqual(own.map((_key, index) => index + 1));
      expect(new Set(notes.map(({ thread }) => thread)).size).toBe(1);
    }
    const threads = new Set(world.calls("init").map(({ thread }) => thread));
    expect(threads.size).toBe(Math.min(partitions, workers));
    expect(world.letters).toEqual([]);
  },
);
