import { contest, each, nsToHandle, nsToPut } from "../contest.js";
import type { Peer } from "../load.js";
import { ours } from "../ours.js";
import { bareLru } from "../peers/bare-lru.js";
import { caches, withEvents } from "../peers/index.js";
import { resultOf, type Scenario, scaled, type Settings, us } from "../scenario.js";

/** (a), (b): what a put costs that nobody reads of. */
export const withoutStream: Scenario = {
  id: "a",
  title: "put with no stream",
  about: "a put, nobody told; the bare lru-cache has the same limit of entries",
  async run(settings) {
    const { entries } = settings;
    const load = { entries, readers: 0 };
    const puts = scaled(100_000, settings);
    const timings = await contest([ours({ stream: false }), ...caches], load, puts, settings);
    return [resultOf("a", "no stream", "ns/put", "lower", each(timings, nsToPut))];
  },
};

export const withoutReader: Scenario = {
  id: "b",
  title: "put with a stream and no reader",
  about: "a put that is logged; the peers have no listener",
  async run(settings) {
    const { entries } = settings;
    const load = { entries, readers: 0 };
    const peers = [bareLru, ...withEvents];
    const timings = await contest([ours(), ...peers], load, scaled(100_000, settings), settings);
    return [resultOf("b", "no reader", "ns/put", "lower", each(timings, nsToPut))];
  },
};

/** (c), (d): until the handler of the last put has run. */
export const unpartitioned: Scenario = {
  id: "c",
  title: "put -> handler, unpartitioned",
  about: "puts without a pause, until the last handler has run; one supervised handler",
  run: (settings) =>
    handled("c", settings, {
      unpartitioned: ours(),
      "unpartitioned, with value": ours({ include: ["value"] }),
    }),
};

export const partitioned: Scenario = {
  id: "d",
  title: "put -> handlers, partitioned",
  about:
    "the same with a supervised handler a partition; the peers, which have no partitions, as in (c)",
  run: (settings) =>
    handled("d", settings, {
      "4 partitions": ours({ partitions: 4 }),
      "8 partitions": ours({ partitions: 8 }),
    }),
};

/** Variants of ours against the same rounds of the peers. */
async function handled(id: string, settings: Settings, variants: Record<string, Peer>) {
  const { entries } = settings;
  const load = { entries, readers: 1 };
  const own = Object.entries(variants).map(([as, peer]) => ({ peer, as }));
  const puts = scaled(100_000, settings);
  const timings = each(await contest([...own, ...withEvents], load, puts, settings), nsToHandle);
  const peers = withEvents.map(({ name }): [string, readonly number[]] => [
    name,
    timings.get(name) ?? [],
  ]);
  return Object.keys(variants).map((name) =>
    resultOf(id, name, "ns/event", "lower", new Map([[us, timings.get(name) ?? []], ...peers])),
  );
}
