import {
  openBento,
  openCacheable,
  openEmittingLru,
  openKeyv,
  openLru,
  openNodeCache,
  openOurs,
  openOursStreamed,
  type OpenReader,
  type Reader,
} from "../reads/contestants.js";
import { Keyspace } from "../reads/keyspace.js";
import { type Result, resultOf, type Scenario, scaled, type Settings } from "../scenario.js";
import { inTurns } from "../turns.js";

/** Longer than the scenario takes: what expires is not measured. */
const hour = 3_600_000;
/** The caches alone, and those that report each put. */
const alone: readonly OpenReader[] = [
  openOurs,
  openLru,
  openKeyv,
  openCacheable,
  openBento,
  openNodeCache,
];
const reporting: readonly OpenReader[] = [openOursStreamed, openEmittingLru];

const sizeName = (size: number): string => size.toLocaleString("en");

async function measure(
  openers: readonly OpenReader[],
  space: Keyspace,
  ttl: number | undefined,
  kinds: readonly ("hit" | "miss" | "mix")[],
  suffix: string,
  settings: Settings,
): Promise<Result[]> {
  const readers: Reader[] = [];
  for (const open of openers) readers.push(await open(space, ttl));
  const work = scaled(300_000, settings, 1000);
  const results: Result[] = [];
  const names = { hit: "get hit", miss: "get miss", mix: "95 % reads" };
  for (const kind of kinds) {
    const keys = kind === "miss" ? space.missing : space.scattered;
    const runners = readers.map((reader) => ({
      name: reader.name,
      run: (count: number) => (kind === "mix" ? reader.mix(count) : reader.get(keys, count)),
    }));
    const before = readers.map(({ found }) => found);
    const rounds = await inTurns(runners, work, settings);
    readers.forEach(({ name, found }, index) => {
      if ((found === before[index]) !== (kind === "miss"))
        throw new Error(`${name}: ${found} found in "${kind}"`);
    });
    const ttlName = ttl === undefined ? "" : ", TTL";
    const name = `${names[kind]}${ttlName}, ${sizeName(space.size)}${suffix}`;
    results.push(resultOf("p", name, "ns", "lower", rounds));
  }
  for (const reader of readers) await reader.close();
  return results;
}

/** (p): what a read costs. */
export const reads: Scenario = {
  id: "p",
  title: "reads",
  about:
    "get in a scattered order, and 95 % reads over a Zipf distribution; all caches are full; with a stream: 4 partitions and a pool, until the last handler has run",
  async run(settings) {
    const sizes = [1000, 100_000, 1_000_000].map((size) =>
      size === 1000 ? size : scaled(size, settings, 1000),
    );
    const results: Result[] = [];
    for (const size of new Set(sizes)) {
      const space = new Keyspace(size);
      for (const ttl of [undefined, hour]) {
        results.push(...(await measure(alone, space, ttl, ["hit", "miss", "mix"], "", settings)));
        const streamed = await measure(
          reporting,
          space,
          ttl,
          ["hit", "mix"],
          ", stream and pool",
          settings,
        );
        results.push(...streamed);
      }
    }
    return results;
  },
};
