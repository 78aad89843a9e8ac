import { writeFile } from "node:fs/promises";
import { type OutageResult, runOutage } from "../../cluster/outage-run.js";
import { clusterUsage, parseClusterOptions } from "./options.js";
import { formatOutages, outageProblems } from "./report.js";

/** Runs outages; gives what was promised and is not so. */
export async function runCluster(argv: readonly string[]): Promise<readonly string[]> {
  const options = parseClusterOptions(argv);
  if (options === undefined) {
    process.stdout.write(clusterUsage);
    return [];
  }
  const { engines, only, sizes, json } = options;
  const results: OutageResult[] = [];
  for (const engine of engines)
    for (const id of only) results.push(await runOutage(engine, id, sizes));
  process.stdout.write(`${formatOutages(results)}\n\nseed ${sizes.seed}\n`);
  if (json !== undefined) await writeFile(json, `${JSON.stringify({ results }, null, 2)}\n`);
  return outageProblems(results);
}
