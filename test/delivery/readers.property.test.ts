import { expect, test } from "@jest/globals";
import fc, { asyncProperty } from "../helpers/fast-check.js";
import { Picture } from "./picture.js";
import { anyReader, WitnessedActor, WitnessedReader } from "./readers.js";
import { runs } from "./runs.js";
import { anyStep, take } from "./steps.js";
import type { Event, Key, Value } from "./truth.js";
import { isSnapshot } from "./witness.js";
import { World } from "./world.js";

const plan = fc.record({
  partitions: fc.constantFrom(1, 4, 8),
  capacity: fc.constantFrom(1, 2, 20, 10_000),
  maxEntries: fc.option(fc.integer({ min: 1, max: 8 }), { nil: undefined }),
  pace: fc.nat(3),
  steps: fc.array(
    fc.oneof(
      { weight: 8, arbitrary: anyStep },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("read" as const), plan: anyReader }) },
    ),
    { maxLength: 60, size: "max" },
  ),
});

/** The snapshot has to be what the cache held; with what came then, it has to give what the cache holds. */
function checkPictures(world: World, reader: WitnessedReader, held: ReadonlyMap<Key, Value>): void {
  const { truth } = world;
  for (const partition of truth.life.partitions.keys()) {
    const items = reader.witness.of(partition);
    const before = truth.entriesOf(partition, reader.held);
    if (items.some(({ type }) => type === "gap")) continue;
    const events = items as readonly Event[];
    const count = reader.plan.snapshot ? before.size : 0;
    expect(events.map(isSnapshot)).toEqual(events.map((_, index) => index < count));
    const taken = new Picture();
    for (const event of events.slice(0, count)) taken.see(event);
    expect(reader.plan.snapshot ? taken.entries : before).toEqual(before);
    const picture = new Picture(truth.entriesOf(partition, reader.known));
    for (const event of events.slice(count)) picture.see(event);
    expect(picture.contradictions).toEqual([]);
    expect(picture.entries).toEqual(truth.entriesOf(partition, held));
  }
}

test("callbacks, async iterators and actors with a group see all from where they began, in order, minus exactly the gaps", async () => {
  type Plan = typeof plan extends fc.Arbitrary<infer T> ? T : never;
  const run = async ({ steps, pace, ...stream }: Plan): Promise<void> => {
    const group = new WitnessedActor("actor", pace);
    const readers: WitnessedReader[] = [];
    await using world = await World.start({
      ...stream,
      readers: (cache) => [group.spec(cache)],
    });
    for (const step of steps) {
      if (step.do !== "read") await take(world, [group], step);
      else {
        await world.up();
        readers.push(new WitnessedReader(world, step.plan));
      }
    }
    await world.up();
    const held = await world.idle();
    await world.cache.whenDrained({ below: 0 });
    expect(group.witness.faults(world.truth)).toEqual([]);
    for (const reader of readers) {
      const { witness, since } = reader;
      expect(witness.faults(world.truth, { since })).toEqual([]);
      checkPictures(world, reader, held);
      reader.end();
    }
  };
  await fc.assert(asyncProperty(plan, run), { numRuns: runs(150) });
});
