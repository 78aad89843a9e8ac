/** The benchmark: `npm run bench -- --help`. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { type CommandLine, readCommandLine, usage } from "./command-line.js";
import { receiverTask } from "./remote/task.js";
import { helperTask } from "./shared/task.js";
import type { Result, Settings } from "./scenario.js";
import { loadScenario, partsOf } from "./scenarios/index.js";

const legend =
  "Medians of the rounds, ± half the distance of their quartiles; the ratio is the median of the rounds' ratios, above 1 where ours is better.";

/** Set in the processes that run one scenario each, or a part of it: which, and the settings. */
const task = "BENCH_TASK";

/** What such a process sends back. */
interface Report {
  readonly results: Result[];
  readonly table: string;
}

/** Runs a scenario in a process of its own, so that no other one has left it types, code or garbage. */
async function runApart(part: string, settings: Settings): Promise<Report> {
  const child = fork(fileURLToPath(import.meta.url), {
    execArgv: ["--expose-gc"],
    env: { ...process.env, [task]: JSON.stringify({ part, settings }) },
  });
  let report: Report | undefined;
  child.on("message", (message) => {
    report = message as Report;
  });
  await once(child, "exit");
  if (report === undefined) throw new Error(`scenario ${part} has failed`);
  return report;
}

async function runHere(given: string): Promise<void> {
  const { part, settings } = JSON.parse(given) as { part: string; settings: Settings };
  const scenario = await loadScenario(part);
  // Loaded here only: it knows the peers.
  const { tableOf } = await import("./table.js");
  const reason = scenario.needs?.(settings);
  if (reason !== undefined) {
    const table = `(${scenario.id}) ${scenario.title}: ${reason}`;
    process.send?.({ results: [], table }, () => process.exit());
    return;
  }
  const results = await scenario.run(settings);
  process.send?.({ results, table: tableOf(scenario, results) }, () => process.exit());
}

function jsonOf(results: readonly Result[]): string {
  const report = {
    node: process.version,
    cpus: availableParallelism(),
    scenarios: results.map(({ id, name, unit, ours, peers, ratios }) => ({
      id,
      name,
      unit,
      ours: ours.median,
      peers: Object.fromEntries(Object.entries(peers).map(([who, { median }]) => [who, median])),
      ratios,
    })),
  };
  return `${JSON.stringify(report, undefined, 2)}\n`;
}

async function runAll({ settings, only, json }: CommandLine): Promise<void> {
  const start = performance.now();
  console.log(`Node ${process.version}, ${availableParallelism()} cores. ${legend}\n`);
  const all: Result[] = [];
  for (const part of partsOf(only)) {
    const { results, table } = await runApart(part, settings);
    console.log(`${table}\n`);
    all.push(...results);
  }
  if (json !== undefined) writeFileSync(json, jsonOf(all));
  console.log(`${Math.round((performance.now() - start) / 1000)} s`);
}

const given = process.env[task];
if (process.env[receiverTask] !== undefined) (await import("./remote/receiver.js")).receive();
else if (process.env[helperTask] !== undefined) (await import("./shared/helper.js")).help();
else if (given !== undefined) await runHere(given);
else {
  const commandLine = readCommandLine(process.argv.slice(2));
  if (commandLine === "help") console.log(usage);
  else await runAll(commandLine);
}
