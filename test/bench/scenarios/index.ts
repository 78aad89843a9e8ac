import type { Scenario } from "../scenario.js";

/** The scenarios in the order in which they run. Each is loaded where it runs, so that none has another's peers in its heap. */
const loaders: Readonly<Record<string, () => Promise<Scenario>>> = {
  a: async () => (await import("./put.js")).withoutStream,
  b: async () => (await import("./put.js")).withoutReader,
  c: async () => (await import("./put.js")).unpartitioned,
  d: async () => (await import("./put.js")).partitioned,
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
};

export const scenarioIds: readonly string[] = Object.keys(loaders);

export async function loadScenario(id: string): Promise<Scenario> {
  const load = loaders[id];
  if (load === undefined) throw new Error(`no such scenario: ${id}`);
  return await load();
}
