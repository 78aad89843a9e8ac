import { describe, expect, test } from "@jest/globals";
import {
  type ActorRef,
  type GapEvent,
  getStream,
  handlerPool,
  type HandlerPoolOptions,
} from "../../src/index.js";
import { Gate, Listener, until } from "../helpers/actors.js";
import { keys } from "./commands.js";
import type { Event, Key, Value } from "./truth.js";
import { World } from "./world.js";

const id = "pool";
const shutdown = 1_000;
type Pool = Partial<HandlerPoolOptions<Key, Value>>;

interface Undelivered {
  partition: number | null;
  from: number;
  to: number;
  count: number;
}

/** A pool whose handlers wait at a gate, but where `passes` says so, and write down what they are through with. */
function gatedPool(
  world: World,
  gate: Promise<void>,
  options: Pool = {},
  passes: (event: Event) => boolean = () => false,
) {
  const seen: (Event | GapEvent)[] = [];
  const begun: Event[] = [];
  const workers: ActorRef[] = [];
  const spec = handlerPool<Key, Value>({
    cache: world.cache,
    id,
    shutdown,
    handler: {
      init: (ctx) => void (workers[ctx.partition ?? 0] = ctx.self),
      handle: async (event, _state, ctx) => {
        begun.push(event);
        if (!passes(event)) await gate;
        if (!ctx.signal.aborted) seen.push(event);
      },
      onGap: (gap) => void seen.push(gap),
    },
    ...options,
  });
  return { seen, begun, workers, spec };
}

const groupsOf = (world: World) => getStream(world.cache).groups();
const sequences = (seen: readonly (Event | GapEvent)[]) =>
  seen.map((item) => (item.type === "gap" ? [item.from, item.to] : item.metadata.sequence));
const open = Promise.resolve();

/** Stops the pool, which has the time it was given and no more, and forgets its spec. */
async function removePool(world: World): Promise<void> {
  const state = { isDone: false };
  const ended = world.tree.terminateChild(id).finally(() => (state.isDone = true));
  // Its workers are stopped one after the other, and each has its time.
  while (!state.isDone) await world.clock.advance(shutdown);
  await ended;
  await world.tree.deleteChild(id);
}

describe("the place of a group that goes from one kind of overflow to the other is kept", () => {
  const kinds = [
    ["gap", "coalesce"],
    ["coalesce", "gap"],
  ] as const;

  test.each(kinds)("%s to %s", async (before, after) => {
    await using world = await World.start({ partitions: 1 });
    const first = gatedPool(world, new Gate().promise, { overflow: before });
    await world.tree.startChild(first.spec);
    for (let value = 0; value < 5; value++) world.cache.put("x0", value);
    await removePool(world);
    world.cache.put("x0", 5);
    const second = gatedPool(world, open, { overflow: after });
    await world.tree.startChild(second.spec);
    await world.idle();
    expect(first.seen).toEqual([]);
    expect(sequences(second.seen)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(groupsOf(world)).toMatchObject([{ position: 6, lag: 0, dropped: 0 }]);
  });

  test.each(kinds)("%s to %s, with a gap for what is not in memory any more", async (...kinds) => {
    const [before, after] = kinds;
    await using world = await World.start({ partitions: 1, capacity: 10, retain: 0 });
    const first = gatedPool(world, new Gate().promise, { overflow: before });
    await world.tree.startChild(first.spec);
    world.cache.put("x0", 0);
    await until(() => first.begun.length === 1);
    for (let value = 1; value < 1_000; value++) world.cache.put("x0", value);
    await removePool(world);
    const second = gatedPool(world, open, { overflow: after });
    await world.tree.startChild(second.spec);
    await world.idle();
    const rest = Array.from({ length: 10 }, (_, index) => 990 + index);
    const [gap, ...events] = sequences(second.seen);
    expect(events).toEqual(rest);
    expect(gap).toEqual([0, 989]);
  });
});

describe.each([1, 4])(
  "a pool that has too little time to stop in order, %i partitions",
  (count) => {
    test("reports what it left, and its group's next one goes on exactly there", async () => {
      await using world = await World.start({ partitions: count });
      using undelivered = new Listener<Undelivered>("nebulex.streams.undelivered");
      const gate = new Gate();
      // The first event of each partition passes; then all stands still.
      let passed = 0;
      const first = gatedPool(world, gate.promise, {}, () => passed++ < count);
      await world.tree.startChild(first.spec);
      for (let value = 0; value < 10; value++) for (const key of keys) world.cache.put(key, value);
      await until(() => first.seen.length === count);
      const places = groupsOf(world).map(({ partition, position, last, lag }) => {
        return { partition, from: position, to: last, count: lag };
      });
      await removePool(world);
      const reported = undelivered.messages.map(({ partition, from, to, count: left }) => {
        return { partition, from, to, count: left };
      });
      expect(reported.sort((a, b) => (a.partition ?? 0) - (b.partition ?? 0))).toEqual(places);
      world.cache.put("x0", 10);
      const second = gatedPool(world, open);
      await world.tree.startChild(second.spec);
      await world.idle();
      for (const [partition, facts] of world.truth.life.partitions.entries()) {
        const seen = [...first.seen, ...second.seen].filter(
          (item) => item.type !== "gap" && item.metadata.partition === partition,
        );
        expect(sequences(seen)).toEqual(facts.map((_, sequence) => sequence));
      }
    });

    test("reports nothing if it was done in time", async () => {
      await using world = await World.start({ partitions: count });
      using undelivered = new Listener<Undelivered>("nebulex.streams.undelivered");
      const pool = gatedPool(world, open);
      await world.tree.startChild(pool.spec);
      for (let value = 0; value < 10; value++) for (const key of keys) world.cache.put(key, value);
      await world.tree.terminateChild(id);
      expect(pool.seen).toHaveLength(10 * keys.length);
      expect(undelivered.messages).toEqual([]);
    });
  },
);

test("a group's position is that of its oldest event that is not handled, also among merged ones", async () => {
  await using world = await World.start({ partitions: 1, capacity: 20, retain: 0 });
  const pool = gatedPool(world, new Gate().promise, { overflow: "coalesce" });
  await world.tree.startChild(pool.spec);
  // Merged, x1 stands for event 1 and comes first; x0 stands for event 0 and all from 2 on.
  world.cache.put("x0", 0);
  world.cache.put("x1", 0);
  for (let value = 1; value < 1_000; value++) world.cache.put("x0", value);
  await until(() => pool.begun.length === 1);
  expect(sequences(pool.begun)).toEqual([1]);
  expect(groupsOf(world)).toMatchObject([{ position: 0 }]);
  void pool.workers[0]?.kill();
  await until(() => pool.begun.length === 2);
  expect(sequences(pool.begun)).toEqual([1, 1]);
});
