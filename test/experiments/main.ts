import { open, writeFile } from "node:fs/promises";
import { runCluster } from "./cluster/main.js";
import { runJournal } from "./journal/main.js";
import { parseOptions, usage, UsageError } from "./options.js";
import { formatJson, formatTable } from "./report.js";
import { runStore } from "./store/main.js";
import { allProblems, runExperiments } from "./table.js";

/** The exit statuses. */
const status = Object.freeze({ ok: 0, broken: 1, usage: 2 });

async function main(argv: readonly string[]): Promise<number> {
  const [name, ...rest] = argv;
  if (name === "cluster") return verdict(await runCluster(rest));
  if (name === "journal") return verdict(await runJournal(rest));
  if (name === "store") return verdict(await runStore(rest));
  return verdict(await runAll(argv));
}

/** Gives what was promised and is not so. */
async function runAll(argv: readonly string[]): Promise<readonly string[]> {
  const options = parseOptions(argv);
  if (options === undefined) {
    process.stdout.write(usage);
    return [];
  }
  const { only, sizes, json } = options;
  if (json !== undefined) await checkWritable(json);
  const results = await runExperiments(only, sizes);
  process.stdout.write(`${formatTable(results)}\n\nseed ${sizes.seed}\n`);
  if (json !== undefined) await writeFile(json, formatJson(results));
  return allProblems(results);
}

function verdict(problems: readonly string[]): number {
  for (const problem of problems) complain(problem);
  return problems.length === 0 ? status.ok : status.broken;
}

/** Reports a file that can't be written before the time to fill it is spent. */
async function checkWritable(path: string): Promise<void> {
  try {
    await (await open(path, "a")).close();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new UsageError(`option --json: cannot write ${path} (${code})`, { cause: error });
  }
}

function complain(message: string): void {
  process.stderr.write(`experiments: ${message}\n`);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  complain(error.message);
  process.exitCode = status.usage;
}
