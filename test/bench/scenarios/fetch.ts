import { EventEmitter } from "node:events";
import { createCache } from "async-cache-dedupe";
import { BentoCache, bentostore } from "bentocache";
import { memoryDriver } from "bentocache/drivers/memory";
import { LRUCache } from "lru-cache";
import { defineCache, localAdapter, startSupervisor } from "nebulex-streams";
import { type User, userOf } from "../load.js";
import { type Result, resultOf, type Scenario, scaled, type Settings, us } from "../scenario.js";
import { inTurns } from "../turns.js";

const ttl = 3_600_000;

/** A cache that loads what is not there. */
interface Fetcher {
  readonly name: string;
  /** Fetches keys from `first` on, one after the other, `size` different ones in all. */
  run(first: number, count: number): Promise<void>;
  close(): void | Promise<unknown>;
}

const load = async (key: string): Promise<User> => userOf(key.length);

async function openOurs(size: number): Promise<Fetcher> {
  const cache = defineCache<string, User>({
    name: "fetch",
    adapter: localAdapter({ maxEntries: size, ttl }),
  });
  const tree = await startSupervisor({ strategy: "one_for_one", children: [cache] });
  return {
    name: us,
    async run(first, count) {
      for (let n = first; n < first + count; n++) await cache.fetchOrStore(`user:${n}`, load);
    },
    close: () => tree.stop(),
  };
}

async function openLru(size: number): Promise<Fetcher> {
  const cache = new LRUCache<string, User>({ max: size, ttl, fetchMethod: load });
  return {
    name: "lru-cache",
    async run(first, count) {
      for (let n = first; n < first + count; n++) await cache.fetch(`user:${n}`);
    },
    close: () => cache.clear(),
  };
}

async function openDedupe(size: number): Promise<Fetcher> {
  const cache = createCache({
    ttl: ttl / 1000,
    storage: { type: "memory", options: { size } },
  }).define("user", load);
  return {
    name: "async-cache-dedupe",
    async run(first, count) {
      for (let n = first; n < first + count; n++) await cache.user(`user:${n}`);
    },
    close: () => cache.clear(),
  };
}

async function openBento(size: number): Promise<Fetcher> {
  const cache = new BentoCache({
    emitter: new EventEmitter(),
    default: "memory",
    stores: {
      memory: bentostore().useL1Layer(memoryDriver({ maxItems: size, serialize: false })),
    },
    ttl,
  });
  return {
    name: "bentocache",
    async run(first, count) {
      for (let n = first; n < first + count; n++) {
        const key = `user:${n}`;
        await cache.getOrSet({ key, factory: () => load(key) });
      }
    },
    close: () => cache.disconnectAll(),
  };
}

const openers = [openOurs, openLru, openDedupe, openBento];

async function measure(kind: "hit" | "miss", settings: Settings): Promise<Result> {
  const size = 10_000;
  const work = scaled(kind === "hit" ? 100_000 : 50_000, settings, 1000);
  const fetchers: Fetcher[] = [];
  for (const open of openers) fetchers.push(await open(size));
  if (kind === "hit") for (const fetcher of fetchers) await fetcher.run(0, size);
  let next = size;
  const runners = fetchers.map((fetcher) => ({
    name: fetcher.name,
    async run(count: number): Promise<void> {
      if (kind === "miss") {
        await fetcher.run(next, count);
        next += count;
        return;
      }
      for (let done = 0; done < count; done += size)
        await fetcher.run(0, Math.min(size, count - done));
    },
  }));
  const rounds = await inTurns(runners, work, settings);
  for (const fetcher of fetchers) await fetcher.close();
  return resultOf("r", `fetchOrStore, ${kind}`, "ns", "lower", rounds);
}

/** (r): fetchOrStore. */
export const fetching: Scenario = {
  id: "r",
  title: "fetchOrStore",
  about:
    "one fetch after the other, each awaited; 10,000 entries with a TTL; a miss calls an async function and evicts an entry",
  run: async (settings) => [await measure("hit", settings), await measure("miss", settings)],
};
