import { SeededRandom } from "../../../src/testing/random.js";
import { quantile } from "../../bench/stats.js";
import { type StoreFaultId, storeFaults, type StoreSizes } from "./faults.js";
import type { StoreAccount } from "./ledger.js";
import type { ReadCounts } from "./read-check.js";
import { StoreCluster } from "./store-cluster.js";

export const defaultStoreSizes: StoreSizes = Object.freeze({
  seed: 42,
  rate: 100,
  keys: 500,
  heartbeat: 1000,
  times: 3,
});

/** Milliseconds within which 99 of 100 entries expire. */
const longestDelay = 1000;
const partitions = 4;
const writers = ["x", "y", "z"];

/** What came of a fault. */
export interface LedgerResult extends StoreAccount, ReadCounts {
  readonly id: StoreFaultId;
  readonly name: string;
  /** Whether the writers have near copies. */
  readonly near: boolean;
  /** Reads that these answered. */
  readonly nearHits: number;
  readonly seconds: number;
  /** Keys that writers read wrong when all is quiet. */
  readonly wrong: number;
  /** What was promised and is not so. */
  readonly problems: readonly string[];
  /** What took too long; on a busy machine, something may. */
  readonly tooLate: readonly string[];
}

/** Processes write while something happens to them; then the ledger is compared. */
export async function runStoreFault(
  id: StoreFaultId,
  sizes: StoreSizes,
  near: boolean,
): Promise<LedgerResult> {
  const { name, persistent = false, strike } = storeFaults[id];
  const { seed, rate, heartbeat, keys } = sizes;
  // Not for all keys: copies make room for each other.
  const adapter = near ? { near: { maxEntries: Math.ceil(keys / 2) } } : {};
  const options = { seed, partitions, heartbeat, keys, persistent, adapter };
  await using cluster = await StoreCluster.start(options, writers);
  const began = performance.now();
  await cluster.write(rate);
  await cluster.goesOn(rate / 2);
  await strike(cluster, sizes, new SeededRandom(seed));
  await cluster.goesOn(rate / 2);
  await cluster.quiet();
  const contents = await cluster.contents();
  const account = cluster.ledger.account(cluster.commands(), contents);
  const wrong = (await cluster.contentsByNode()).reduce(
    (sum, read) => sum + [...contents].filter(([key, value]) => read.get(key) !== value).length,
    0,
  );
  const infos = await cluster.infos();
  const result = {
    id,
    name,
    near,
    nearHits: infos.reduce((sum, info) => sum + (info.near?.hits ?? 0), 0),
    ...account,
    ...sumOf(await cluster.reads()),
    wrong,
    seconds: (performance.now() - began) / 1000,
  };
  return {
    ...result,
    problems: problemsOf(result),
    // Nothing can expire while the engine is away.
    tooLate: persistent ? [] : tooLateOf(result.delays),
  };
}

function sumOf(all: readonly ReadCounts[]): ReadCounts {
  const sum = (name: keyof ReadCounts): number => all.reduce((total, it) => total + it[name], 0);
  return {
    reads: sum("reads"),
    failed: sum("failed"),
    stale: sum("stale"),
    due: sum("due"),
    unconfirmed: sum("unconfirmed"),
  };
}

function problemsOf(result: Omit<LedgerResult, "problems" | "tooLate">): string[] {
  const problems: string[] = [];
  const none = (what: string, count: number): void => {
    if (count !== 0) problems.push(`${what}: ${count}`);
  };
  none("events and commands lost", result.lost);
  none("events out of order", result.outOfOrder);
  none("events and commands twice", result.twice);
  none("events of nothing that was done", result.madeUp);
  none("entries that expired twice", result.expiredTwice);
  none("entries that expired early", result.expiredEarly);
  none("entries changed behind their deadline", result.servedDue);
  none("keys that differ from their events", result.differences);
  none("reads of what an event had replaced", result.stale);
  none("reads of what was due", result.due);
  none("reads that no event confirms", result.unconfirmed);
  none("keys read wrong when all is quiet", result.wrong);
  if (result.near && result.nearHits === 0) problems.push("no copy answered a read");
  if (result.events === 0 || result.expired === 0) problems.push("nothing was written, or expired");
  if (problems.length > 0) problems.push(...result.faults);
  return problems;
}

function tooLateOf(delays: readonly number[]): string[] {
  const delay = quantile(delays, 0.99);
  return delay > longestDelay ? [`expired events, p99: ${Math.round(delay)} ms late`] : [];
}
