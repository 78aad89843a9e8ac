import { quantile } from "../../bench/stats.js";
import type { LedgerResult } from "../../store/processes/ledger-run.js";
import type { StaleResult } from "../../store/processes/stale-run.js";
import { formatColumns } from "../report.js";

const ledgerColumns: readonly (readonly [string, (result: LedgerResult) => string])[] = [
  ["", ({ id }) => id],
  ["fault", ({ name }) => name],
  ["near", ({ near }) => (near ? "on" : "off")],
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
  ["by copies", ({ nearHits }) => count(nearHits)],
  ["stale", ({ stale, wrong }) => count(stale + wrong)],
  ["due", ({ due, servedDue }) => count(due + servedDue)],
  ["seconds", ({ seconds }) => seconds.toFixed(0)],
];

const staleColumns: readonly (readonly [string, (result: StaleResult) => string])[] = [
  ["", ({ id }) => id],
  ["outage", ({ name }) => name],
  ["near", ({ near }) => near],
  ["reads", ({ reads }) => count(reads)],
  ["not answered", ({ failed }) => count(failed)],
  ["by copies", ({ hits }) => count(hits)],
  ["stale", ({ stale }) => count(stale)],
  ["oldest, ms", ({ oldest }) => oldest.toFixed(0)],
  ["beyond a heartbeat", ({ beyond }) => count(beyond)],
  ["wrongly nothing", ({ wrong }) => count(wrong)],
  ["stale at the end", ({ left }) => count(left)],
];

/** The stale reads as a table. */
export function formatStale(results: readonly StaleResult[]): string {
  return formatColumns(staleColumns, results, 3);
}

/** The ledgers as a table. */
export function formatLedgers(results: readonly LedgerResult[]): string {
  return formatColumns(ledgerColumns, results, 3);
}

function count(value: number): string {
  return value.toLocaleString("en-US");
}

function time(values: readonly number[], share: number): string {
  return values.length === 0 ? "-" : quantile(values, share).toFixed(0);
}
