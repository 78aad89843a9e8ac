import { expect, test } from "@jest/globals";
import type { CacheEntryEvent } from "../../src/index.js";
import { waitFor } from "../../src/testing/wait-for.js";
import { describeWith } from "../helpers/brokers/describe-with.js";
import { startRedis, tellRedis } from "../helpers/brokers/servers.js";
import { recordWarnings } from "../helpers/warnings.js";
import { StoreNode } from "./store-lab.js";

const text = "x".repeat(2000);
const warnings = recordWarnings();

/** What is there after events about single keys. */
function replay(events: readonly CacheEntryEvent[]): Map<unknown, unknown> {
  const entries = new Map<unknown, unknown>();
  for (const { type, target, value } of events) {
    if (target.kind !== "key") throw new Error(`an event about ${target.kind}`);
    if (type === "inserted" || type === "updated") entries.set(target.key, value);
    else entries.delete(target.key);
  }
  return entries;
}

describeWith("redis-server")("a server that is full and evicts entries", () => {
  test.each(["volatile-lru", "volatile-ttl"])(
    "by %s takes no part of the journal, and each eviction is an event",
    async (policy) => {
      const config = ["maxmemory 8mb", `maxmemory-policy ${policy}`];
      await using redis = await startRedis({ config });
      await using a = await StoreNode.start({
        journal: { url: `redis://127.0.0.1:${redis.port}` },
      });
      const { cache } = a;
      // Their values are in the journal, too, which stays.
      const keys = Array.from({ length: 2000 }, (_, n) => `k${n}`);
      for (let from = 0; from < keys.length; from += 100)
        await Promise.all(keys.slice(from, from + 100).map((key) => cache.put(key, key + text)));
      const evictedBy = await tellRedis(redis, "INFO stats");
      expect(Number(/^evicted_keys:(\d+)/m.exec(evictedBy)?.[1])).toBeGreaterThan(0);
      // Answers take memory, too: what is looked at now stays. The walk finds what has gone.
      await tellRedis(redis, "CONFIG SET maxmemory 0");
      let stored = new Map<unknown, unknown>();
      await waitFor(
        async () => {
          stored = await cache.getAll();
          return replay(a.events).size === stored.size;
        },
        { timeout: 20_000 },
      );
      const { events } = a;
      expect(events.map(({ metadata }) => metadata.position)).toEqual(Array.from(events.keys()));
      expect(new Set(replay(events).keys())).toEqual(new Set(stored.keys()));
      for (const [key, value] of replay(events)) expect(stored.get(key) === value).toBe(true);
      expect(events.filter(({ type }) => type === "evicted")).not.toEqual([]);
      expect(a.gaps).toEqual([]);
      expect(warnings).toEqual([]);
    },
    60_000,
  );
});
