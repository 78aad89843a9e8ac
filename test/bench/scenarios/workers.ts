import {
  type Cache,
  type ChildSpec,
  defineCache,
  handlerPool,
  localAdapter,
  startSupervisor,
  streamServer,
  whenIdle,
  workerPool,
} from "nebulex-streams";
import { Feed, type User, userOf } from "../load.js";
import { collectGarbage, resultOf, type Scenario, scaled, type Settings, us } from "../scenario.js";
import { loopsFor, work } from "./busy-handler.js";

const entries = 1000;
const partitions = 4;
const microseconds = 50;

async function open(name: string, poolOf: (cache: Cache<string, User>) => ChildSpec) {
  const adapter = localAdapter({ maxEntries: entries });
  const cache = defineCache<string, User>({ name: "busy", adapter });
  const children = [cache, streamServer({ cache, partitions, include: ["value"] }), poolOf(cache)];
  const tree = await startSupervisor({ strategy: "rest_for_one", children });
  return { name, cache, tree, rates: [] as number[] };
}

/** (m): the same pool with its handlers in worker threads, against itself in the main thread. */
export const workers: Scenario = {
  id: "m",
  title: "handlers busy with the processor",
  about: `4 partitions, each handler computes for ${microseconds} µs; ours: workerPool, values sent along; the other: handlerPool`,
  run: async (settings) => [await run(2, settings)],
};

async function run(threads: number, settings: Settings) {
  const loops = loopsFor(microseconds);
  const module = new URL(`./busy-handler.js?loops=${loops}`, import.meta.url);
  const contestants = [
    await open(us, (cache) => workerPool({ cache, module, workers: threads })),
    await open("handlerPool", (cache) => handlerPool({ cache, handler: () => void work(loops) })),
  ];
  const feed = new Feed(entries);
  const puts = scaled(6000, settings, 200);
  collectGarbage();
  for (let round = -settings.warmups; round < settings.rounds; round++)
    for (const { cache, rates } of contestants) {
      const began = performance.now();
      for (let n = 0; n < puts; n++) {
        const id = feed.next();
        cache.put(feed.keys[id] as string, userOf(id));
      }
      await whenIdle(cache);
      if (round >= 0) rates.push((puts * 1e3) / (performance.now() - began));
    }
  for (const { tree } of contestants) await tree.stop();
  const rounds = new Map(contestants.map(({ name, rates }) => [name, rates]));
  return resultOf(
    "m",
    `${threads} workers, ${microseconds} µs an event`,
    "events/s",
    "higher",
    rounds,
  );
}
