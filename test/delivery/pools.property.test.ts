import { expect, test } from "@jest/globals";
import fc, { asyncProperty } from "../helpers/fast-check.js";
import { getStream } from "../../src/index.js";
import { Picture } from "./picture.js";
import { anyPool, WitnessedPool } from "./pools.js";
import { anyStep, take } from "./steps.js";
import type { Key, Value } from "./truth.js";
import { runs } from "./runs.js";
import { World } from "./world.js";

const plan = fc.record({
  partitions: fc.constantFrom(1, 4, 8),
  capacity: fc.constantFrom(1, 2, 5, 20, 10_000),
  retain: fc.nat(2),
  maxEntries: fc.option(fc.integer({ min: 1, max: 8 }), { nil: undefined }),
  pools: fc.array(anyPool, { minLength: 1, maxLength: 3 }),
  steps: fc.array(anyStep, { maxLength: 60, size: "max" }),
  seed: fc.nat(),
});

/** What a pool saw, the truth, and what the stream reports about its group have to agree. */
function check(
  world: World,
  held: ReadonlyMap<Key, Value>,
  { plan: { events, kind }, witness, group }: WitnessedPool,
): void {
  const { truth, cache } = world;
  expect(witness.faults(truth, { events, concurrent: kind === "concurrent" })).toEqual([]);
  const infos = getStream(cache).groups();
  for (const [partition, facts] of truth.life.partitions.entries()) {
    const items = witness.of(partition);
    const dropped = items.reduce(
      (sum, item) => (item.type === "gap" ? sum + item.to - item.from + 1 : sum),
      0,
    );
    const deadLetters = witness.deadLetters.filter(
      ({ metadata }) => metadata.partition === partition,
    ).length;
    const last = facts.length - 1;
    const info = infos.find((one) => one.group === group && one.partition === partition);
    const expected = { last, position: last + 1, lag: 0, attached: true, coalesced: 0 };
    const token: unknown = expect.any(String);
    expect(info).toEqual({ group, partition, token, dropped, deadLetters, ...expected });
    if (events !== undefined || kind === "concurrent") continue;
    const seen = items.filter((item) =>
      item.type === "gap"
        ? item.epoch === truth.life.epoch && item.from <= item.to
        : item.metadata.epoch === truth.life.epoch,
    );
    const picture = new Picture(truth.entriesOf(partition, truth.life.held));
    for (const item of seen) if (item.type !== "gap") picture.see(item);
    if (seen.some(({ type }) => type === "gap")) continue;
    expect(picture.contradictions).toEqual([]);
    expect(picture.entries).toEqual(truth.entriesOf(partition, held));
  }
}

test("what each group handled is what was written, per key in order, minus exactly the gaps that were reported to it", async () => {
  type Plan = typeof plan extends fc.Arbitrary<infer T> ? T : never;
  const run = async ({ pools: plans, steps, seed, ...stream }: Plan) => {
    const pools = plans.map((one, index) => new WitnessedPool(one, `pool ${index}`, seed));
    await using world = await World.start({
      ...stream,
      retain: Math.min(stream.retain, stream.capacity),
      readers: (cache) => pools.map((pool) => pool.spec(cache)),
    });
    for (const todo of steps) await take(world, pools, todo);
    await world.up();
    const held = await world.idle();
    for (const pool of pools) check(world, held, pool);
  };
  await fc.assert(asyncProperty(plan, run), {
    numRuns: runs(150),
  });
});
