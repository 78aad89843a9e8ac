import { writeFile } from "node:fs/promises";
import { type LedgerResult, runStoreFault } from "../../store/processes/ledger-run.js";
import {
  defaultStaleSizes,
  runStaleOutage,
  type StaleResult,
} from "../../store/processes/stale-run.js";
import { parseStoreOptions, storeUsage } from "./options.js";
import { formatLedgers, formatStale } from "./report.js";

/** Runs faults and outages; gives what was promised and is not so. */
export async function runStore(argv: readonly string[]): Promise<readonly string[]> {
  const options = parseStoreOptions(argv);
  if (options === undefined) {
    process.stdout.write(storeUsage);
    return [];
  }
  const { faults, outages, near, sizes, json } = options;
  const ledgers: LedgerResult[] = [];
  for (const isNear of near)
    for (const id of faults) ledgers.push(await runStoreFault(id, sizes, isNear));
  const stale: StaleResult[] = [];
  const { seed, heartbeat } = sizes;
  for (const id of outages)
    stale.push(...(await runStaleOutage(id, { ...defaultStaleSizes, seed, heartbeat })));
  if (ledgers.length > 0) process.stdout.write(`${formatLedgers(ledgers)}\n\n`);
  if (stale.length > 0) process.stdout.write(`${formatStale(stale)}\n\n`);
  process.stdout.write(`seed ${seed}\n`);
  if (json !== undefined) await writeFile(json, `${JSON.stringify({ ledgers, stale }, null, 2)}\n`);
  return [
    ...ledgers.flatMap(({ id, problems, tooLate }) =>
      [...problems, ...tooLate].map((problem) => `(${id}) ${problem}`),
    ),
    ...stale.flatMap(({ id, problems }) => problems.map((problem) => `(${id}) ${problem}`)),
  ];
}
