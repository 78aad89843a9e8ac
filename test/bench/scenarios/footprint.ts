import {
  openBento,
  openCacheable,
  openKeyv,
  openLru,
  openNodeCache,
  openOurs,
  type OpenReader,
} from "../reads/contestants.js";
import { Keyspace } from "../reads/keyspace.js";
import {
  collectGarbage,
  oneTurn,
  type Result,
  resultOf,
  type Scenario,
  scaled,
} from "../scenario.js";

const openers: readonly OpenReader[] = [
  openOurs,
  openLru,
  openKeyv,
  openCacheable,
  openBento,
  openNodeCache,
];

/** Bytes in use when nothing is left to be collected: the heap, and what typed arrays hold. */
async function used(): Promise<number> {
  for (let turn = 0; turn < 3; turn++) {
    await oneTurn();
    collectGarbage();
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** In a function of its own, so that nothing keeps the cache alive afterwards. */
async function bytesEach(open: OpenReader, space: Keyspace, ttl: number | undefined) {
  const before = await used();
  const reader = await open(space, ttl);
  const after = await used();
  await reader.close();
  return { name: reader.name, bytes: (after - before) / space.size };
}

/** (q): what an entry takes, without its key and its value. */
export const footprint: Scenario = {
  id: "q",
  title: "bytes an entry",
  about:
    "heap and typed arrays with a full cache, less those without it; keys and values not counted",
  async run(settings) {
    const size = scaled(1_000_000, settings, 10_000);
    const space = new Keyspace(size);
    const results: Result[] = [];
    for (const ttl of [undefined, 3_600_000]) {
      const bytes = new Map<string, number[]>();
      for (let round = 0; round < scaled(3, settings); round++)
        for (const open of openers) {
          const { name, bytes: each } = await bytesEach(open, space, ttl);
          bytes.set(name, [...(bytes.get(name) ?? []), each]);
        }
      const name = `${size.toLocaleString("en")} entries${ttl === undefined ? "" : ", TTL"}`;
      results.push(resultOf("q", name, "bytes", "lower", bytes));
    }
    return results;
  },
};
