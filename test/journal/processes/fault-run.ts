import { performance } from "node:perf_hooks";
import { SeededRandom } from "../../../src/testing/random.js";
import { waitFor } from "../../../src/testing/wait-for.js";
import type { EngineName } from "../../cluster/processes/protocol.js";
import type { GroupAccount } from "./books.js";
import { type Fault, type FaultId, faults, type FaultSizes, type Interruptions } from "./faults.js";
import { GroupCluster } from "./group-cluster.js";

export const defaultSizes: FaultSizes = Object.freeze({
  seed: 42,
  rate: 3000,
  heartbeat: 1000,
  leaseTime: 2000,
  times: 4,
});

/** Milliseconds. Whoever waits for the engine is blocked for longer. */
const longestStop = 1000;
/** Milliseconds, beside the lease, within which another node handles a killed one's partitions. */
const failOverSlack = 1000;
/** Milliseconds within which another node handles what one has handed over. */
const longestHandOver = 200;
/** Events of a partition that are handled again after an owner's death, at most. */
const maxRepeated = 64;
const partitions = 8;

/** What came of a fault. */
export interface FaultResult extends GroupAccount, Interruptions {
  readonly id: FaultId;
  readonly engine: EngineName;
  readonly name: string;
  /** Positions of the journal that the group was given neither as an event nor as a gap. */
  readonly lost: number;
  /** How many events may have been handled twice. */
  readonly bound: number;
  /** Effects that the witness refused by their fence. */
  readonly refused: number;
  /** Effects that counted, of two nodes with one fence. */
  readonly twoOwners: number;
  /** What is neither handled nor announced, by writer and partition. */
  readonly missing: readonly string[];
  readonly failures: readonly string[];
  /** Milliseconds. */
  readonly longestPut: number;
  readonly seconds: number;
  /** What was promised and is not so. */
  readonly problems: readonly string[];
  /** What took too long; on a busy machine, something may. */
  readonly delays: readonly string[];
}

const patience = { timeout: 30_000, interval: 100 };

/** Processes write while something happens to their group; then the books are compared. */
export async function runFault(
  engine: EngineName,
  id: FaultId,
  sizes: FaultSizes,
): Promise<FaultResult> {
  const fault = faults[id];
  const { seed, rate, heartbeat, leaseTime } = sizes;
  const { persistent = false, cuts: proxied = false } = fault;
  const shape = { partitions, heartbeat, leaseTime, keys: 3000 };
  const options = { engine, seed, persistent, proxied, ...shape };
  await using cluster = await GroupCluster.start(options, fault.nodes);
  const began = performance.now();
  const interruptions: Interruptions = { failOvers: [], handOvers: [] };
  await cluster.write(rate);
  await cluster.shared();
  await cluster.writesOn(rate / 2);
  // What changes hands from here on is the fault's.
  const before = cluster.books.changes;
  await fault.strike(cluster, sizes, new SeededRandom(seed), interruptions);
  await cluster.writesOn(rate / 2);
  await cluster.rest();
  await settled(cluster);
  const lost = fault.renews === true ? 0 : await lostOf(cluster);
  const reports = await cluster.reports();
  const { books } = cluster;
  const result = {
    id,
    engine,
    name: fault.name,
    ...cluster.account(),
    lost,
    bound: fault.repeats ? maxRepeated * Math.max(books.changes - before, partitions) : 0,
    refused: books.refused,
    twoOwners: books.twoOwners,
    ...interruptions,
    missing: cluster.missing(),
    failures: reports.flatMap(({ failures }) => failures),
    longestPut: Math.max(...reports.map(({ longestPut }) => longestPut)),
    seconds: (performance.now() - began) / 1000,
  };
  return { ...result, problems: problemsOf(result, fault), delays: delaysOf(result, leaseTime) };
}

/** Waits until all is accounted for, and handled; not for ever. */
async function settled(cluster: GroupCluster): Promise<void> {
  const isSettled = async (): Promise<boolean> => {
    // A running node has what is not stored yet, whatever a marker says of it.
    if (cluster.unhandled() > 0 || cluster.account().unannounced > 0) return false;
    return (await cluster.group()).every(({ lag }) => lag === 0);
  };
  await waitFor(isSettled, patience).catch(() => {});
}

async function lostOf(cluster: GroupCluster): Promise<number> {
  const group = await cluster.group();
  return group.reduce(
    (sum, { partition, position, lag }) =>
      sum + cluster.books.lostBefore(partition, position + lag),
    0,
  );
}

function problemsOf(
  result: Omit<FaultResult, "problems" | "delays">,
  { repeats, renews = false }: Fault,
): readonly string[] {
  const problems: string[] = [];
  const none = (what: string, count: number): void => {
    if (count !== 0) problems.push(`${what}: ${count}`);
  };
  none("puts that failed", result.failures.length);
  none("positions neither handled nor announced", result.lost);
  none("events neither handled nor announced", result.unannounced);
  if (result.unannounced > 0) problems.push(...result.missing);
  none("events out of order", result.outOfOrder);
  none("events that nobody wrote", result.madeUp);
  none("effects of two owners with one fence", result.twoOwners);
  // What the engine has lost is stored again by the writers, who don't know what was handled.
  if (!renews && result.twice > result.bound)
    problems.push(`events handled twice: ${result.twice}, of at most ${result.bound}`);
  if (!repeats) none("effects of owners that were replaced", result.refused);
  if (result.handled === 0) problems.push("nothing was handled");
  return problems;
}

function delaysOf(
  { failOvers, handOvers, longestPut }: Omit<FaultResult, "problems" | "delays">,
  leaseTime: number,
): readonly string[] {
  const delays: string[] = [];
  const atMost = (what: string, value: number, limit: number): void => {
    if (value > limit) delays.push(`${what} took ${Math.round(value)} ms, of at most ${limit}`);
  };
  atMost("a put", longestPut, longestStop);
  atMost("a fail-over", Math.max(0, ...failOvers), leaseTime + failOverSlack);
  atMost("a hand-over", Math.max(0, ...handOvers), longestHandOver);
  return delays;
}
