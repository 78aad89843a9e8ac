import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "@jest/globals";
import {
  defineCache,
  handlerPool,
  startSupervisor,
  streamServer,
  whenIdle,
} from "../../src/index.js";
import { Gate } from "../helpers/actors.js";
import { turns } from "./world.js";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

async function usedMegabytes(): Promise<number> {
  for (let round = 0; round < 3; round++) {
    await turns(2);
    collectGarbage();
  }
  return process.memoryUsage().heapUsed / 2 ** 20;
}

const events = 20_000;
const valueSize = 1_000;

/** Kilobytes would be shared, if they were the same. */
const valueOf = (index: number): number[] =>
  Array.from({ length: valueSize / 8 }, () => index + 0.5);

test.each(["gap", "coalesce"] as const)(
  "memory is given back when a slow reader has caught up: %s",
  async (overflow) => {
    const cache = defineCache<string, number[]>({ name: "memory" });
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
    const before = await usedMegabytes();
    for (let index = 0; index < events; index++) cache.put("key", valueOf(index));
    await turns(2);
    expect((await usedMegabytes()) - before).toBeGreaterThan(15);
    gate.open();
    await whenIdle(cache);
    expect(handled).toBe(events);
    expect((await usedMegabytes()) - before).toBeLessThan(2);
    await tree.stop();
  },
);

test("a reader that never catches up holds no more than the capacity", async () => {
  const cache = defineCache<string, number[]>({ name: "memory" });
  const tree = await startSupervisor({
    strategy: "rest_for_one",
    children: [
      cache,
      streamServer({ cache, include: ["value"], capacity: 512 }),
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
  const before = await usedMegabytes();
  for (let index = 0; index < events; index++) cache.put("key", valueOf(index));
  await turns(2);
  expect((await usedMegabytes()) - before).toBeLessThan(2);
  await tree.stop();
});

test("who reads from the earliest event is given what is kept behind the slowest reader, and no more", async () => {
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
