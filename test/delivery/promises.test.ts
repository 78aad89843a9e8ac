import { expect, test } from "@jest/globals";
import { actor, type ActorRef, type CacheEntryEvent, whenIdle } from "../../src/index.js";
import { Listener, until } from "../helpers/actors.js";
import type { Event, Key, Value } from "./truth.js";
import { turns, World } from "./world.js";

const valuesOf = (events: readonly Event[]) => events.map(({ value }) => value);

/** An actor that subscribes when it starts, and fails where `fails` says so. */
function subscriber(options: object, fails: (event: Event) => boolean, seen: Event[]) {
  const refs: ActorRef[] = [];
  const spec = (cache: World["cache"]) =>
    actor<void, CacheEntryEvent<Key, Value>>({
      id: "subscriber",
      init: (ctx) => {
        refs.push(ctx.self as ActorRef);
        cache.subscribe(ctx.self, { partition: "all", ...options });
      },
      receive: (_state, event) => {
        if (fails(event)) throw new Error("not this one");
        seen.push(event);
      },
    });
  return { refs, spec };
}

test("an actor without a group misses what it had not handled when it ended", async () => {
  const seen: Event[] = [];
  const { refs, spec } = subscriber({}, ({ value }) => value === 2, seen);
  await using world = await World.start({ partitions: 1, readers: (cache) => [spec(cache)] });
  for (let value = 1; value <= 4; value++) world.cache.put("x0", value);
  await until(() => refs.length === 2);
  world.cache.put("x0", 5);
  await whenIdle(world.cache);
  expect(valuesOf(seen)).toEqual([1, 5]);
});

test("an actor with a group is given the event that ended it again, as often as that may be", async () => {
  const seen: Event[] = [];
  let attempts = 0;
  const fails = ({ value }: Event) => value === 2 && ++attempts < 20;
  const { spec } = subscriber({ group: "g" }, fails, seen);
  await using world = await World.start({ partitions: 1, readers: (cache) => [spec(cache)] });
  for (let value = 1; value <= 4; value++) world.cache.put("x0", value);
  await until(() => seen.length === 4);
  expect(valuesOf(seen)).toEqual([1, 2, 3, 4]);
  expect(attempts).toBe(20);
});

test("a callback that fails is not given the event again", async () => {
  await using world = await World.start({ partitions: 1 });
  const given: Event[] = [];
  const subscription = world.cache.subscribe((event) => {
    given.push(event);
    return event.value === 2 ? Promise.reject(new Error("not this one")) : Promise.resolve();
  });
  using errors = new Listener<{ attempt: number }>("nebulex.streams.handler_error");
  for (let value = 1; value <= 3; value++) world.cache.put("x0", value);
  await whenIdle(world.cache);
  expect(valuesOf(given)).toEqual([1, 2, 3]);
  expect(errors.messages).toMatchObject([{ attempt: 1 }]);
  subscription.unsubscribe();
});

test("entries of a snapshot have the sequence of the last event before it", async () => {
  await using world = await World.start({ partitions: 1 });
  for (let value = 1; value <= 3; value++) world.cache.put("x0", value);
  world.cache.put("x1", 4);
  const seen: Event[] = [];
  const subscription = world.cache.subscribe((event) => void seen.push(event), { snapshot: true });
  world.cache.put("x0", 5);
  await whenIdle(world.cache);
  const places = seen.map(({ metadata: { sequence, snapshot } }) => [sequence, snapshot]);
  expect(places).toEqual([
    [3, true],
    [3, true],
    [4, undefined],
  ]);
  subscription.unsubscribe();
});

test("timestamps are looked up once a batch and every 16 events", async () => {
  await using world = await World.start({ partitions: 1 });
  const { clock } = world;
  const seen: Event[] = [];
  const subscription = world.cache.subscribe((event) => void seen.push(event));
  const start = clock.now();
  // Time goes on by 1 ms with each write, within one turn of the event loop.
  let now = start;
  clock.now = () => now;
  for (let batch = 0; batch < 2; batch++) {
    for (let index = 0; index < 40; index++, now++) world.cache.put("x0", index);
    await whenIdle(world.cache);
    await turns(1);
  }
  const times = seen.map(({ metadata }) => metadata.timestamp - start);
  const late = times.map((time, index) => index - time);
  expect(Math.max(...late)).toBe(15);
  expect(Math.min(...late)).toBe(0);
  expect([times[0], times[40]]).toEqual([0, 40]);
  expect(new Set(times).size).toBeLessThanOrEqual(7);
  subscription.unsubscribe();
});
