import { describe, expect, test } from "@jest/globals";
import { type GapEvent, getStream, handlerPool, whenIdle } from "../../src/index.js";
import { turns, World } from "./world.js";

const capacity = 64;
const events = 3_000;
const chunk = 16;

/** Writes much, waiting now and then for the readers; gives the longest lag that there was. */
async function load(world: World, lag: () => number, below?: number): Promise<number> {
  let longest = 0;
  for (let written = 0; written < events; written++) {
    world.cache.put(`key ${written % 100}`, written);
    if (written % chunk === chunk - 1) {
      longest = Math.max(longest, lag());
      await world.cache.whenDrained(below === undefined ? {} : { below });
    }
  }
  return longest;
}

describe.each([1, 4, 8])(
  "a bulk loader that waits until readers have caught up, %i partitions",
  (partitions) => {
    test.each([undefined, 0, 20])("stays within the bound: below %s", async (below) => {
      const gaps: GapEvent[] = [];
      let handled = 0;
      await using world = await World.start({
        partitions,
        capacity,
        readers: (cache) => [
          handlerPool({
            cache,
            handler: {
              handle: async () => {
                await turns(1);
                handled++;
              },
              onGap: (gap) => void gaps.push(gap),
            },
          }),
        ],
      });
      const lag = () =>
        Math.max(
          ...getStream(world.cache)
            .groups()
            .map((group) => group.lag),
        );
      const longest = await load(world, lag, below);
      await whenIdle(world.cache);
      expect(gaps).toEqual([]);
      expect(handled).toBe(events);
      expect(longest).toBeLessThanOrEqual((below ?? capacity / 2) + chunk);
    });
  },
);

test("without waiting, the same loader loses events, which are reported to the reader", async () => {
  const gaps: GapEvent[] = [];
  await using world = await World.start({
    partitions: 1,
    capacity,
    readers: (cache) => [
      handlerPool({
        cache,
        handler: { handle: () => turns(1), onGap: (gap) => void gaps.push(gap) },
      }),
    ],
  });
  for (let written = 0; written < events; written++) world.cache.put("key", written);
  await whenIdle(world.cache);
  expect(gaps[0]).toMatchObject({ from: 0, to: events - capacity - 1, reason: "overrun" });
});

test("an async iterator that is slow holds the loader up, too", async () => {
  await using world = await World.start({ partitions: 1, capacity });
  const seen: number[] = [];
  const abort = new AbortController();
  const messages = world.cache.events({ gaps: true, signal: abort.signal });
  const reading = (async () => {
    for await (const message of messages) {
      await turns(1);
      if (message.type !== "gap") seen.push(message.metadata.sequence);
    }
  })();
  await load(world, () => 0);
  await world.cache.whenDrained({ below: 0 });
  expect(seen).toEqual(Array.from({ length: events }, (_, sequence) => sequence));
  abort.abort();
  await reading;
});
