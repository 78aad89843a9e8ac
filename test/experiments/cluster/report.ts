import type { OutageResult } from "../../cluster/processes/outage-run.js";
import { formatColumns } from "../report.js";
import type { ScaleResult } from "./scale.js";

const columns: readonly (readonly [string, (result: OutageResult) => string])[] = [
  ["", ({ id }) => id],
  ["engine", ({ engine }) => engine],
  ["outage", ({ name }) => name],
  ["written", ({ written }) => count(written)],
  ["own, missed", ({ local }) => count(local.unaccounted + local.announced)],
  [
    "to be received",
    ({ remote }) => count(remote.received + remote.announced + remote.unaccounted),
  ],
  ["received", ({ remote }) => count(remote.received)],
  ["announced", ({ remote }) => count(remote.announced)],
  ["unaccounted", ({ remote }) => count(remote.unaccounted)],
  ["twice", ({ remote, local }) => count(remote.twice + local.twice)],
  ["out of order", ({ remote, local }) => count(remote.outOfOrder + local.outOfOrder)],
  ["made up", ({ remote, local }) => count(remote.madeUp + local.madeUp)],
  ["copies", ({ held }) => count(held)],
  ["stale", ({ stale }) => count(stale)],
  ["longest put, ms", ({ longestPut }) => longestPut.toFixed(0)],
  ["longest stall, ms", ({ longestStall }) => longestStall.toFixed(0)],
  ["seconds", ({ seconds }) => seconds.toFixed(0)],
];

/** The results as a table. */
export function formatOutages(results: readonly OutageResult[]): string {
  return formatColumns(columns, results, 3);
}

const scaleColumns: readonly (readonly [string, (result: ScaleResult) => string])[] = [
  ["engine", ({ engine }) => engine],
  ["processes", ({ processes }) => count(processes)],
  ["acquainted after, ms", ({ acquainted }) => count(Math.round(acquainted * 1000))],
  ["idle: messages/s in", ({ idle }) => rate(idle.messagesIn)],
  ["out", ({ idle }) => rate(idle.messagesOut)],
  ["bytes/s in", ({ idle }) => rate(idle.bytesIn)],
  ["out", ({ idle }) => rate(idle.bytesOut)],
  ["puts/s", ({ load }) => rate(load)],
  ["messages/s in", ({ loaded }) => rate(loaded.messagesIn)],
  ["out", ({ loaded }) => rate(loaded.messagesOut)],
  ["bytes/s in", ({ loaded }) => rate(loaded.bytesIn)],
  ["out", ({ loaded }) => rate(loaded.bytesOut)],
  ["MB a process", ({ memory }) => (memory / 1e6).toFixed(0)],
];

/** What clusters of several sizes cost, as a table; "in" and "out" are the broker's. */
export function formatScales(results: readonly ScaleResult[]): string {
  return formatColumns(scaleColumns, results, 1);
}

/** What was promised and is not so. */
export function outageProblems(results: readonly OutageResult[]): string[] {
  return results.flatMap(({ id, engine, problems, delays }) =>
    [...problems, ...delays].map((problem) => `(${id}) over ${engine}: ${problem}`),
  );
}

function count(value: number): string {
  return value.toLocaleString("en-US");
}

function rate(value: number): string {
  return Number.isNaN(value) ? "-" : count(Math.round(value));
}
