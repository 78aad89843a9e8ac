import { writeFile } from "node:fs/promises";
import { type LedgerResult, runStoreFault } from "../../store/processes/ledger-run.js";
import { parseStoreOptions, storeUsage } from "./options.js";
import { formatLedgers } from "./report.js";

/** Runs faults; gives what was promised and is not so. */
export async function runStore(argv: readonly string[]): Promise<readonly string[]> {
  const options = parseStoreOptions(argv);
  if (options === undefined) {
    process.stdout.write(storeUsage);
    return [];
  }
  const { only, sizes, json } = options;
  const results: LedgerResult[] = [];
  for (const id of only) results.push(await runStoreFault(id, sizes));
  process.stdout.write(`${formatLedgers(results)}\n\nseed ${sizes.seed}\n`);
  if (json !== undefined) await writeFile(json, `${JSON.stringify({ results }, null, 2)}\n`);
  return results.flatMap(({ id, problems, tooLate }) =>
    [...problems, ...tooLate].map((problem) => `(${id}) ${problem}`),
  );
}
