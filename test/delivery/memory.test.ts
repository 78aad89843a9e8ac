import { expect, test } from "@jest/globals";
import {
  defineCache,
  handlerPool,
  startSupervisor,
  streamServer,
  whenIdle,
} from "../../src/index.js";
import { Gate } from "../helpers/actors.js";
import { Census } from "../helpers/census.js";
import { turns } from "./world.js";

const events = 2_000;
/** Events that a partition holds on to besides: it keeps them in chunks. */
const chunk = 256;

test.each(["gap", "coalesce"] as const)(
  "memory is given back when a slow reader has caught up: %s",
  async (overflow) => {
    const cache = defineCache<string, object>({ name: "memory" });
    const gate = new Gate();
    let handled = 0;
    const tree = await startSupervisor({
      strategy: "rest_for_one",
      children: [
        cache,
        streamServer({ cache, include: ["value"], retain: 0 }),
        handlerPool({
          cache,
          overflow,
          handler: async () => {
            if (handled++ === 0) await gate.promise;
          },
        }),
      ],
    });
    const census = new Census();
    for (let index = 0; index < events; index++) cache.put("key", census.add({}));
    await turns(2);
    expect(await census.count()).toBe(events);
    gate.open();
    await whenIdle(cache);
    expect(handled).toBe(events);
    expect(await census.count()).toBeLessThanOrEqual(2 * chunk);
    await tree.stop();
  },
);

const capacity = 512;

test("a reader that never catches up holds no more than the capacity", async () => {
  const cache = defineCache<string, object>({ name: "memory" });
  const tree = await startSupervisor({
    strategy: "rest_for_one",
    children: [
      cache,
      streamServer({ cache, include: ["value"], capacity }),
      handlerPool({ cache, handler: () => new Promise<void>(() => {}), shutdown: 0 }),
      handlerPool({
        cache,
        id: "merging",
        overflow: "coalesce",
        handler: () => new Promise<void>(() => {}),
        shutdown: 0,
      }),
    ],
  });
  const census = new Census();
  for (let index = 0; index < 10 * events; index++) cache.put("key", census.add({}));
  await turns(2);
  // Each of the two has its own handler's event at hand, and what the log keeps they share.
  expect(await census.count()).toBeLessThanOrEqual(capacity + 2 * chunk);
  await tree.stop();
});

test("a reader from the earliest event is given what is kept behind the slowest reader, and no more", async () => {
  const cache = defineCache<string, number>({ name: "memory" });
  const tree = await startSupervisor({
    strategy: "rest_for_one",
    children: [
      cache,
      streamServer({ cache, retain: 10 }),
      handlerPool({ cache, handler: () => {} }),
    ],
  });
  for (let index = 0; index < 1_000; index++) cache.put("key", index);
  await whenIdle(cache);
  const seen: number[] = [];
  const subscription = cache.subscribe(({ metadata }) => void seen.push(metadata.sequence), {
    from: "earliest",
  });
  await whenIdle(cache);
  subscription.unsubscribe();
  expect(seen).toEqual(Array.from({ length: 10 }, (_, index) => 990 + index));
  await tree.stop();
});

test("the same before the batch of the events has ended", async () => {
  const cache = defineCache<string, number>({ name: "memory" });
  const tree = await startSupervisor({
    strategy: "rest_for_one",
    children: [cache, streamServer({ cache, retain: 10 })],
  });
  const iterator = cache.events();
  for (let index = 0; index < 1_000; index++) cache.put("key", index);
  // In one turn of the event loop: the readers that rest have not been woken yet.
  for (let index = 0; index < 1_000; index++) await iterator.next();
  const seen: number[] = [];
  const subscription = cache.subscribe(({ metadata }) => void seen.push(metadata.sequence), {
    from: "earliest",
  });
  await whenIdle(cache);
  subscription.unsubscribe();
  expect(seen).toEqual(Array.from({ length: 10 }, (_, index) => 990 + index));
  await tree.stop();
});
