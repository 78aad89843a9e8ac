import { quantile } from "../../bench/stats.js";
import type { LedgerResult } from "../../store/processes/ledger-run.js";
import { formatColumns } from "../report.js";

const columns: readonly (readonly [string, (result: LedgerResult) => string])[] = [
  ["", ({ id }) => id],
  ["fault", ({ name }) => name],
  ["commands", ({ commands }) => count(commands)],
  ["unknown", ({ unknown }) => count(unknown)],
  ["refused", ({ refused }) => count(refused)],
  ["events", ({ events }) => count(events)],
  ["lost", ({ lost }) => count(lost)],
  ["twice", ({ twice }) => count(twice)],
  ["out of order", ({ outOfOrder }) => count(outOfOrder)],
  ["made up", ({ madeUp }) => count(madeUp)],
  ["keys that differ", ({ differences }) => count(differences)],
  ["expired", ({ expired }) => count(expired)],
  ["twice, early", ({ expiredTwice, expiredEarly }) => count(expiredTwice + expiredEarly)],
  ["late, ms: p50", ({ delays }) => time(delays, 0.5)],
  ["p99", ({ delays }) => time(delays, 0.99)],
  ["max", ({ delays }) => time(delays, 1)],
  ["reads", ({ reads }) => count(reads)],
  ["stale", ({ stale, wrong }) => count(stale + wrong)],
  ["due", ({ due, servedDue }) => count(due + servedDue)],
  ["seconds", ({ seconds }) => seconds.toFixed(0)],
];

/** The results as a table. */
export function formatLedgers(results: readonly LedgerResult[]): string {
  return formatColumns(columns, results, 2);
}

function count(value: number): string {
  return value.toLocaleString("en-US");
}

function time(values: readonly number[], share: number): string {
  return values.length === 0 ? "-" : quantile(values, share).toFixed(0);
}
