import { expect, test } from "@jest/globals";
import fc, { asyncProperty } from "../helpers/fast-check.js";
import { getStream } from "../../src/index.js";
import { SeededRandom } from "../../src/testing/random.js";
import { keys } from "./commands.js";
import { Picture } from "./picture.js";
import { anyPool, WitnessedPool } from "./pools.js";
import { runs } from "./runs.js";
import { anyStep, take } from "./steps.js";
import { concerns, type Key, type Truth, type Value } from "./truth.js";
import { World } from "./world.js";

/** Room for the newest event of each key, and of what deletes everything or a prefix. */
const enough = keys.length + 4;

const plan = fc.record({
  partitions: fc.constantFrom(1, 4),
  capacity: fc.constantFrom(3, enough),
  pools: fc.array(
    anyPool.map((one) => ({
      ...one,
      overflow: "coalesce" as const,
      events: undefined,
      poison: false,
    })),
    { minLength: 1, maxLength: 2 },
  ),
  steps: fc.array(
    fc.oneof(
      { weight: 3, arbitrary: anyStep },
      {
        weight: 1,
        arbitrary: fc.record({
          do: fc.constant("burst" as const),
          count: fc.integer({ min: 100, max: 1_000 }),
          seed: fc.nat(),
        }),
      },
    ),
    { maxLength: 20, size: "max" },
  ),
  seed: fc.nat(),
});

/** Writes so much in a row that a log can't hold it. */
function burst(world: World, count: number, seed: number): void {
  const random = new SeededRandom(seed);
  for (let done = 0; done < count; done++) {
    const chance = random.next();
    const key = random.pick(keys) as Key;
    if (chance < 0.01) world.writer.run({ do: "deleteAll" });
    else if (chance < 0.05) world.writer.run({ do: "putAll", keys: keys.slice(0, 4) });
    else world.writer.run({ do: chance < 0.6 ? "put" : "delete", key });
  }
}

/** The keys whose newest change is newer than an event. */
function keysChangedBehind(truth: Truth, partition: number, sequence: number): Key[] {
  const facts = truth.life.partitions[partition] ?? [];
  return keys.filter(
    (key) =>
      truth.partitionOf(key) === partition &&
      facts.findLastIndex((fact) => concerns(fact, key)) > sequence,
  );
}

function check(
  world: World,
  pool: WitnessedPool,
  held: ReadonlyMap<Key, Value>,
  roomy: boolean,
): void {
  const { truth, cache } = world;
  for (const partition of truth.life.partitions.keys()) {
    const picture = new Picture(truth.entriesOf(partition, truth.life.held));
    let reported = -1;
    const seen: string[] = [];
    for (const item of pool.witness.of(partition)) {
      if (item.type !== "gap" && item.metadata.epoch === truth.life.epoch) {
        picture.see(item);
        seen.push(`${item.metadata.sequence} ${JSON.stringify(item.target)}`);
      }
      if (item.type !== "gap" || item.epoch !== truth.life.epoch) continue;
      reported = item.to;
      picture.forget();
    }
    expect(new Set(seen).size).toBe(seen.length);
    const actual = truth.entriesOf(partition, held);
    const newer = keysChangedBehind(truth, partition, reported);
    const of = (entries: ReadonlyMap<Key, Value>) => newer.map((key) => [key, entries.get(key)]);
    expect(of(picture.entries)).toEqual(of(actual));
    // Where all fits nothing is lost, and the types and previous values are as the reader saw them.
    expect(roomy ? reported : -1).toBe(-1);
    expect(roomy ? picture.entries : actual).toEqual(actual);
    expect(roomy ? picture.contradictions : []).toEqual([]);
    const info = getStream(cache)
      .groups()
      .find((one) => one.group === pool.group && one.partition === partition);
    const last = (truth.life.partitions[partition]?.length ?? 0) - 1;
    expect(info).toMatchObject({ last, position: last + 1, lag: 0, deadLetters: 0 });
  }
}

test("a reader that coalesces ends with the right picture, each event typed by what it knows, or receives a gap", async () => {
  let coalesced = 0;
  let gaps = 0;
  type Plan = typeof plan extends fc.Arbitrary<infer T> ? T : never;
  const run = async ({ pools: plans, steps, seed, ...stream }: Plan): Promise<void> => {
    const pools = plans.map((one, index) => new WitnessedPool(one, `pool ${index}`, seed));
    await using world = await World.start({
      ...stream,
      readers: (cache) => pools.map((pool) => pool.spec(cache)),
    });
    for (const step of steps) {
      if (step.do === "burst") burst(world, step.count, step.seed);
      else await take(world, pools, step);
    }
    await world.up();
    const held = await world.idle();
    for (const pool of pools) check(world, pool, held, stream.capacity === enough);
    for (const info of getStream(world.cache).groups()) {
      coalesced += info.coalesced;
      gaps += info.dropped;
    }
  };
  await fc.assert(asyncProperty(plan, run), { numRuns: runs(80) });
  expect(coalesced).toBeGreaterThan(0);
  expect(gaps).toBeGreaterThan(0);
});
