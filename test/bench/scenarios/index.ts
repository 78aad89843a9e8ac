import type { Scenario } from "../scenario.js";

/**
 * The scenarios, and the parts of those that have several, in the order in which they run. Each is loaded where it
 * runs, so that none has another's peers in its heap.
 */
const loaders: Readonly<Record<string, () => Promise<Scenario>>> = {
  a: async () => (await import("./put.js")).withoutStream,
  b: async () => (await import("./put.js")).withoutReader,
  "c, bursts": async () => (await import("./put.js")).unpartitioned("bursts"),
  "c, turns": async () => (await import("./put.js")).unpartitioned("turns"),
  "d, bursts": async () => (await import("./put.js")).partitioned("bursts"),
  "d, turns": async () => (await import("./put.js")).partitioned("turns"),
  e: async () => (await import("./fan-out.js")).fanOut,
  f: async () => (await import("./fan-out.js")).filtered,
  g: async () => (await import("./latency.js")).latency,
  h: async () => (await import("./recovery.js")).recovery,
  i: async () => (await import("./memory.js")).memoryUse,
  j: async () => (await import("./growth.js")).growth,
  k: async () => (await import("./async-handlers.js")).asyncHandlers,
  l: async () => (await import("./ttl.js")).withTtl,
  m: async () => (await import("./workers.js")).workers,
  n: async () => (await import("./remote.js")).overRedis,
  o: async () => (await import("./remote.js")).overNats,
  p: async () => (await import("./reads.js")).reads,
  q: async () => (await import("./footprint.js")).footprint,
  r: async () => (await import("./fetch.js")).fetching,
  s: async () => (await import("./trace.js")).realTrace,
  t: async () => (await import("./startup.js")).startup,
  u: async () => (await import("./journal.js")).overRedisJournal,
  v: async () => (await import("./journal.js")).overNatsJournal,
  w: async () => (await import("./shared-store.js")).sharedStore,
  x: async () => (await import("./inspector.js")).inspected,
  y: async () => (await import("./sharing.js")).sharing,
};

const idOf = (part: string): string => part.charAt(0);

export const scenarioIds: readonly string[] = [...new Set(Object.keys(loaders).map(idOf))];

/** The parts of these scenarios, in their order. */
export const partsOf = (ids: readonly string[]): readonly string[] =>
  Object.keys(loaders).filter((part) => ids.includes(idOf(part)));

export async function loadScenario(part: string): Promise<Scenario> {
  const load = loaders[part];
  if (load === undefined) throw new Error(`no such scenario: ${part}`);
  return await load();
}
