import { writeFile } from "node:fs/promises";
import { type OutageResult, runOutage } from "../../cluster/processes/outage-run.js";
import type { EngineName } from "../../cluster/processes/protocol.js";
import { clusterUsage, parseClusterOptions } from "./options.js";
import { formatOutages, formatScales, outageProblems } from "./report.js";
import { measureScale, type ScaleResult } from "./scale.js";

/** How many processes there are. */
const scales = [2, 4, 8, 16];
const scaleSizes = { partitions: 4, heartbeat: 3000, load: 4000, seconds: 5 };

/** Runs outages; gives what was promised and is not so. */
export async function runCluster(argv: readonly string[]): Promise<readonly string[]> {
  const options = parseClusterOptions(argv);
  if (options === undefined) {
    process.stdout.write(clusterUsage);
    return [];
  }
  const { engines, only, sizes, scale, json } = options;
  if (scale) {
    await runScales(engines, json);
    return [];
  }
  const results: OutageResult[] = [];
  for (const engine of engines)
    for (const id of only) results.push(await runOutage(engine, id, sizes));
  process.stdout.write(`${formatOutages(results)}\n\nseed ${sizes.seed}\n`);
  if (json !== undefined) await writeFile(json, `${JSON.stringify({ results }, null, 2)}\n`);
  return outageProblems(results);
}

/** Measures clusters of several sizes. */
async function runScales(engines: readonly EngineName[], json: string | undefined): Promise<void> {
  const results: ScaleResult[] = [];
  for (const engine of engines)
    for (const processes of scales) results.push(await measureScale(engine, processes, scaleSizes));
  process.stdout.write(`${formatScales(results)}\n`);
  if (json !== undefined) await writeFile(json, `${JSON.stringify({ results }, null, 2)}\n`);
}
