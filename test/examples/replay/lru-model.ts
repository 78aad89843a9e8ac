import type { Request } from "../../../examples/replay/request.js";

/**
 * What a cache of at most `max` entries (0: no limit) that evicts the least recently used one makes of
 * reads and writes: a model on a Map, which keeps its keys in the order of their use.
 */
export function lruModel(requests: readonly Request[], max: number) {
  const entries = new Map<Request["key"], true>();
  const events = { inserted: 0, updated: 0, deleted: 0, expired: 0, evicted: 0 };
  let hits = 0;
  let misses = 0;
  for (const { op, key } of requests) {
    const held = entries.delete(key);
    entries.set(key, true);
    if (op === "read" && held) {
      hits += 1;
      continue;
    }
    if (op === "read") misses += 1;
    events[held ? "updated" : "inserted"] += 1;
    const [oldest] = entries.keys();
    if (max === 0 || entries.size <= max || oldest === undefined) continue;
    entries.delete(oldest);
    events.evicted += 1;
  }
  const handled = Object.values(events).reduce((sum, count) => sum + count, 0);
  return { requests: requests.length, hits, misses, events, handled };
}
