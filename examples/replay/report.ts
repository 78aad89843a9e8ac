import Table from "cli-table3";
import type { ReplayResult } from "./replay.js";
import type { SharedReplayResult } from "./shared-store/shared-replay.js";

/** What came of a replay of either kind. */
export type AnyResult = ReplayResult | SharedReplayResult;

/** A result with where its requests came from. */
export interface Report {
  /** The trace file as it was given; null for the generated workload. */
  readonly trace: string | null;
  /** The seed of the generated workload. */
  readonly seed: number;
  readonly result: AnyResult;
}

/** The report as one JSON object on one line. */
export function formatJson({ trace, result }: Report): string {
  return JSON.stringify({
    trace,
    requests: result.requests,
    hits: result.hits,
    misses: result.misses,
    events: result.events,
    handled: result.handled,
    lost: result.lost,
    outOfOrder: result.outOfOrder,
    restarts: result.restarts,
    partitions: result.partitions,
    seconds: Number(result.seconds.toFixed(3)),
    eventsPerSecond: Math.round(result.eventsPerSecond),
    ...("processes" in result ? { processes: result.processes, entries: result.entries } : {}),
  });
}

/** The report as tables for people. */
export function formatTables({ trace, seed, result }: Report): string {
  const summary: [string, string][] = [
    ["trace", trace ?? `generated Zipf workload, seed ${seed}`],
    ["requests", count(result.requests)],
    [
      "hits",
      `${count(result.hits)} (${percent(result.hits, result.hits + result.misses)} of reads)`,
    ],
    ["misses", count(result.misses)],
    ...sharedRows(result),
    ["events handled", count(result.handled)],
    ["lost", count(result.lost)],
    ["out of order", count(result.outOfOrder)],
    ["handler restarts", count(result.restarts)],
    ["seconds", result.seconds.toFixed(3)],
    ["events/s", count(Math.round(result.eventsPerSecond))],
  ];
  return [
    eventTable("event type", Object.entries(result.events), result.handled),
    eventTable("partition", Object.entries(result.partitions), result.handled),
    table(summary),
  ].join("\n");
}

function sharedRows(result: AnyResult): [string, string][] {
  if (!("processes" in result)) return [];
  return [
    ["processes", count(result.processes)],
    ["entries at the end", count(result.entries)],
  ];
}

function eventTable(
  title: string,
  counts: readonly (readonly [string, number])[],
  total: number,
): string {
  const rows = [...counts, ["total", total] as const];
  return table(
    rows.map(([name, events]) => [name, count(events), percent(events, total)]),
    [title, "events", "share"],
  );
}

/** The first column is text, the others are numbers. */
function table(rows: readonly string[][], head: string[] = []): string {
  const columns = rows[0]?.length ?? 0;
  const drawn = new Table({
    head,
    colAligns: Array.from({ length: columns }, (_, column) => (column === 0 ? "left" : "right")),
    style: { head: [], border: [] },
  });
  drawn.push(...rows);
  return drawn.toString();
}

function count(value: number): string {
  return value.toLocaleString("en-US");
}

function percent(part: number, whole: number): string {
  return whole === 0 ? "-" : `${((100 * part) / whole).toFixed(1)} %`;
}
