/** Runs all tests several times beside busy loops, and prints what failed. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Child } from "../helpers/brokers/process.js";
import { projectRoot } from "../helpers/project-root.js";
import { readOptions, type StressOptions, usage } from "./options.js";
import { failuresOf, formatFailures, type RunResult } from "./report.js";

// Milliseconds that a property is tried for, where its number of runs takes longer.
process.env["PROPERTY_TIME"] ??= "15000";

async function main(): Promise<number> {
  let options: StressOptions;
  try {
    options = readOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`stress: ${(error as Error).message}\n${usage}`);
    return 2;
  }
  return stress(options);
}

async function stress({ rounds, load, patterns }: StressOptions): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "nebulex-streams-stress-"));
  const busy = Array.from(
    { length: load },
    () => new Child(process.execPath, ["-e", "for (;;);"], projectRoot),
  );
  try {
    const runs: RunResult[] = [];
    let faults = 0;
    for (let round = 1; round <= rounds; round++) {
      console.log(`stress: round ${round} of ${rounds}, beside ${load} busy loops`);
      const file = join(folder, `${round}.json`);
      const status = await runTests(file, patterns);
      if (status !== 0) faults++;
      runs.push(JSON.parse(readFileSync(file, "utf8")) as RunResult);
    }
    const failures = failuresOf(runs);
    if (failures.length > 0) console.log(`\n${formatFailures(failures, rounds)}\n`);
    console.log(`stress: ${rounds} rounds, ${failures.length} tests failed at least once`);
    return faults === 0 ? 0 : 1;
  } finally {
    await Promise.all(busy.map((child) => child.kill()));
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Gives the exit status of `npm test`. */
function runTests(file: string, patterns: readonly string[]): Promise<number | null> {
  const args = ["test", "--", "--json", `--outputFile=${file}`, ...patterns];
  return new Child("npm", args, projectRoot, { group: true, stderr: process.stderr }).exited;
}

process.exitCode = await main();
