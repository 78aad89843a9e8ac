import { writeFile } from "node:fs/promises";
import { type FaultResult, runFault } from "../../journal/processes/fault-run.js";
import { journalUsage, parseJournalOptions } from "./options.js";
import { faultProblems, formatFaults } from "./report.js";

/** Runs faults; gives what was promised and is not so. */
export async function runJournal(argv: readonly string[]): Promise<readonly string[]> {
  const options = parseJournalOptions(argv);
  if (options === undefined) {
    process.stdout.write(journalUsage);
    return [];
  }
  const { engines, only, sizes, json } = options;
  const results: FaultResult[] = [];
  for (const engine of engines)
    for (const id of only) results.push(await runFault(engine, id, sizes));
  process.stdout.write(`${formatFaults(results)}\n\nseed ${sizes.seed}\n`);
  if (json !== undefined) await writeFile(json, `${JSON.stringify({ results }, null, 2)}\n`);
  return faultProblems(results);
}
