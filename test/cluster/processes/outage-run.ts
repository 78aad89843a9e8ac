import { performance } from "node:perf_hooks";
import { SeededRandom } from "../../../src/testing/random.js";
import { waitFor } from "../../../src/testing/wait-for.js";
import { type Account, sum } from "./account.js";
import { Cluster } from "./cluster.js";
import { type Outage, type OutageId, type OutageSizes, outages } from "./outages.js";
import type { EngineName } from "./protocol.js";

export const defaultSizes: OutageSizes = Object.freeze({
  seed: 42,
  rate: 3000,
  heartbeat: 1000,
  times: 4,
  capacity: 10_000,
});

/**
 * Milliseconds. Whoever waits for the broker is blocked for longer; whoever waits for a processor,
 * on a busy machine, is not.
 */
export const longestStop = 1000;

/** What came of an outage. */
export interface OutageResult {
  readonly id: OutageId;
  readonly engine: EngineName;
  readonly name: string;
  /** Events that were written. */
  readonly written: number;
  /** What became of them for readers in the writers' processes. */
  readonly local: Account;
  /** And for readers elsewhere: of each event, in each of the other processes. */
  readonly remote: Account;
  /** Copies in the near caches, and how many of them were not true at the end. */
  readonly held: number;
  readonly stale: number;
  readonly failures: readonly string[];
  /** Milliseconds. */
  readonly longestPut: number;
  readonly longestStall: number;
  readonly seconds: number;
  /** What was promised and is not so. */
  readonly problems: readonly string[];
  /** What took too long; on a busy machine, something may. */
  readonly delays: readonly string[];
}

const patience = { timeout: 20_000, interval: 50 };

/** Three processes, with what an outage needs. */
export function startCluster(
  engine: EngineName,
  { seed, heartbeat, capacity }: OutageSizes,
  small: boolean,
): Promise<Cluster> {
  return Cluster.start({
    engine,
    seed,
    heartbeat,
    partitions: 4,
    keys: 3000,
    names: ["x", "y", "z"],
    ...(small ? { capacity } : {}),
  });
}

/** Three processes write while something happens; then the books are compared. */
export async function runOutage(
  engine: EngineName,
  id: OutageId,
  sizes: OutageSizes,
): Promise<OutageResult> {
  await using cluster = await startCluster(engine, sizes, outages[id].small === true);
  // Not before it is done is the cluster disposed of.
  return await strike(cluster, id, sizes);
}

/** The same in a cluster that there is already. */
export async function strike(
  cluster: Cluster,
  id: OutageId,
  sizes: OutageSizes,
): Promise<OutageResult> {
  const began = performance.now();
  const { name, losses, haste = 1, strike: doHarm } = outages[id];
  const rate = haste * sizes.rate;
  await cluster.write(rate);
  await cluster.writesOn(rate / 2);
  await doHarm(cluster, { ...sizes, rate }, new SeededRandom(sizes.seed));
  await cluster.acquainted();
  await cluster.writesOn(rate / 2);
  // While they are read: a gap that is announced when nobody reads any more may clear them.
  const held = await copiesHeld(cluster);
  await cluster.rest();
  const { written, local, remote } = await settled(cluster);
  const stale = await copiesStale(cluster);
  const reports = await cluster.reports();
  const outcome = {
    id,
    engine: cluster.engine,
    name,
    written,
    local,
    remote,
    held,
    stale,
    failures: reports.flatMap(({ failures }) => failures),
    longestPut: Math.max(...reports.map(({ longestPut }) => longestPut)),
    longestStall: Math.max(...reports.map(({ longestStall }) => longestStall)),
    seconds: (performance.now() - began) / 1000,
  };
  return { ...outcome, problems: problemsOf(outcome, losses), delays: delaysOf(outcome) };
}

/** Waits until all is accounted for; not for ever. */
async function settled(
  cluster: Cluster,
): Promise<{ written: number; local: Account; remote: Account }> {
  const look = async () => {
    const { written, local, remote } = await cluster.accounts();
    return { written, local: sum(local), remote: sum(remote) };
  };
  const isSettled = async (): Promise<boolean> => {
    const { local, remote } = await look();
    return local.unaccounted + remote.unaccounted === 0;
  };
  await waitFor(isSettled, patience).catch(() => {});
  return look();
}

/** Waits until the near caches hold something; not for ever. */
async function copiesHeld(cluster: Cluster): Promise<number> {
  const look = async (): Promise<number> => (await cluster.near()).held;
  return waitFor(look, patience).catch(() => 0);
}

/** Waits until no copy is stale; not for ever. */
async function copiesStale(cluster: Cluster): Promise<number> {
  const look = async (): Promise<number> => (await cluster.near()).stale;
  await waitFor(async () => (await look()) === 0, patience).catch(() => {});
  return look();
}

/** Compares an outcome with what is promised. */
export function problemsOf(
  outcome: Omit<OutageResult, "problems" | "delays">,
  losses: Outage["losses"],
): readonly string[] {
  const { local, remote, written, failures } = outcome;
  const problems: string[] = [];
  const none = (what: string, count: number): void => {
    if (count !== 0) problems.push(`${what}: ${count}`);
  };
  none("puts that failed", failures.length);
  none("own events that were not received", local.unaccounted);
  // Where little is kept, what comes from others at once may push out what a reader here has not
  // read yet.
  if (losses !== "some") none("own events announced as lost", local.announced);
  none("own events received twice or out of order", local.twice + local.outOfOrder);
  none("events neither received nor announced", remote.unaccounted);
  none("events received twice", remote.twice);
  none("events out of order", remote.outOfOrder);
  none(
    "events that nobody wrote, or that were announced as lost and came",
    remote.madeUp + local.madeUp,
  );
  none("stale copies", outcome.stale);
  if (losses === "none")
    none("events announced as lost, though nothing happened", remote.announced);
  else if (losses === "some" && remote.announced === 0)
    problems.push("nothing was announced as lost, though it must have been");
  if (written === 0 || remote.received === 0) problems.push("nothing was written, or nothing came");
  if (outcome.held === 0) problems.push("the near caches hold nothing");
  return problems;
}

function delaysOf({
  longestPut,
  longestStall,
}: Pick<OutageResult, "longestPut" | "longestStall">): readonly string[] {
  const delays: string[] = [];
  if (longestPut > longestStop) delays.push(`a put took ${Math.round(longestPut)} ms`);
  if (longestStall > longestStop)
    delays.push(`the event loop stood still for ${Math.round(longestStall)} ms`);
  return delays;
}
