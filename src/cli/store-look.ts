import type { RedisEngine } from "../journal/redis-engine.js";
import { observeStore, type StoreFindings } from "../store/redis-observe.js";
import type { Problem } from "./diagnosis.js";
import type { JournalStream } from "./journal.js";
import { table } from "./table.js";

/** Milliseconds that an entry may be kept behind its deadline: what is promised of `expired`. */
const maxDelay = 1000;

/** The shared store whose stream this is; null: it is that of another cache. @internal */
export async function lookAtStore({
  engine,
  address,
  count,
}: JournalStream): Promise<StoreFindings | null> {
  if (engine.kind !== "redis") return null;
  const { caller } = engine as RedisEngine;
  return (await observeStore(caller, address, count)) ?? null;
}

/** What is wrong with a shared store. @internal */
export function diagnoseStore(cache: string, store: StoreFindings): Problem[] {
  const { due, sweepDelay, processes } = store;
  const problems: Problem[] = processes
    .filter(({ silent }) => silent)
    .map(({ node }) => ({
      kind: "silent",
      message: `The process of node ${node}, which uses the store of cache ${cache}, does not announce itself any more, and did not say that it ends.`,
      advice: "Check that it lives, is not blocked, and reaches the engine.",
    }));
  if (sweepDelay > maxDelay) {
    const what = due === 1 ? "1 expired entry waits" : `${due} expired entries wait`;
    const isUsed = processes.some(({ silent }) => !silent);
    problems.push({
      kind: "sweep",
      message: `${what} for the sweep of cache ${cache}, the oldest for ${Math.round(sweepDelay)} ms: ${isUsed ? "it is behind" : "no process does it"}. Their events come late; the entries are not served.`,
      advice: isUsed
        ? "Check the sweepInterval of the processes, that they are not blocked, and how quickly the engine answers; more partitions are swept side by side."
        : "Start a process that defines the cache with redisAdapter.",
    });
  }
  return problems;
}

/** For people. @internal */
export function storeLines(store: StoreFindings): string[] {
  const { entries, due, sweepDelay, journal, processes } = store;
  const waiting = due === 0 ? "none waits for the sweep" : `${due} wait for the sweep`;
  const late = due === 0 ? "" : `, the oldest for ${Math.round(sweepDelay)} ms`;
  const rows = processes.map(({ node, silent, near }) => [
    node,
    silent ? "silent" : "lives",
    near === null ? "-" : `${near.entries} of at most ${near.maxEntries}`,
  ]);
  return [
    "",
    `store    ${countOf(entries, "entry", "entries")}, ${waiting}${late}`,
    `events   ${journal.events} in the journal${journal.bytes === null ? "" : `, ${bytesText(journal.bytes)}`}`,
    `used by  ${countOf(processes.length, "process", "processes")}`,
    ...(rows.length === 0 ? [] : table([["node", "state", "near copies"], ...rows])),
  ];
}

/** A store in a table of several. @internal */
export function storeCells({ entries, due, sweepDelay, journal, processes }: StoreFindings) {
  const near = processes.filter((it) => it.near !== null).map(({ node }) => node);
  return [
    String(entries),
    due === 0 ? "-" : `${due}, ${Math.round(sweepDelay)} ms`,
    String(journal.events),
    journal.bytes === null ? "?" : bytesText(journal.bytes),
    processes.map(({ node, silent }) => (silent ? `${node} (silent)` : node)).join(", ") || "-",
    near.join(", ") || "-",
  ];
}

/** @internal */
export const storeHeading: readonly string[] = [
  "entries",
  "due",
  "events",
  "journal",
  "processes",
  "near copies",
];

const countOf = (count: number, one: string, many: string): string =>
  `${count} ${count === 1 ? one : many}`;

function bytesText(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let size = bytes;
  let unit = 0;
  for (; size >= 1000 && unit < units.length - 1; unit++) size /= 1000;
  return `${unit === 0 || size >= 100 ? Math.round(size) : size.toFixed(1)} ${units[unit]}`;
}
