import type { FaultResult } from "../../journal/processes/fault-run.js";
import { quantile } from "../../bench/stats.js";
import { formatColumns } from "../report.js";

const columns: readonly (readonly [string, (result: FaultResult) => string])[] = [
  ["", ({ id }) => id],
  ["engine", ({ engine }) => engine],
  ["fault", ({ name }) => name],
  ["written", ({ written }) => count(written)],
  ["handled", ({ handled }) => count(handled)],
  ["announced", ({ announced }) => count(announced)],
  ["lost", ({ lost }) => count(lost)],
  ["unannounced", ({ unannounced }) => count(unannounced)],
  ["out of order", ({ outOfOrder }) => count(outOfOrder)],
  ["twice", ({ twice }) => count(twice)],
  ["at most", ({ bound }) => count(bound)],
  ["refused", ({ refused }) => count(refused)],
  ["two owners", ({ twoOwners }) => count(twoOwners)],
  ["fail-over, ms: p50", ({ failOvers }) => time(failOvers, 0.5)],
  ["p99", ({ failOvers }) => time(failOvers, 0.99)],
  ["max", ({ failOvers }) => time(failOvers, 1)],
  ["hand-over, ms: max", ({ handOvers }) => time(handOvers, 1)],
  ["longest put, ms", ({ longestPut }) => longestPut.toFixed(0)],
  ["seconds", ({ seconds }) => seconds.toFixed(0)],
];

/** The results as a table. */
export function formatFaults(results: readonly FaultResult[]): string {
  return formatColumns(columns, results, 3);
}

/** What was promised and is not so. */
export function faultProblems(results: readonly FaultResult[]): string[] {
  return results.flatMap(({ id, engine, problems, delays }) =>
    [...problems, ...delays].map((problem) => `(${id}) over ${engine}: ${problem}`),
  );
}

function count(value: number): string {
  return value.toLocaleString("en-US");
}

function time(values: readonly number[], share: number): string {
  return values.length === 0 ? "-" : quantile(values, share).toFixed(0);
}
