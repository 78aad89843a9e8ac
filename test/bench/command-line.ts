import { parseArgs } from "node:util";
import type { Settings } from "./scenario.js";
import { scenarioIds } from "./scenarios/index.js";

const full: Settings = { rounds: 9, warmups: 3, entries: 100_000, scale: 1, budget: 1000 };
const quick: Settings = { rounds: 3, warmups: 2, entries: 100_000, scale: 0.1, budget: 5 };

export const usage = `npm run bench -- [--quick] [--only a,c] [--json FILE] [--rounds N] [--scale X] [--entries N] [--trace FILE]

  --quick      all of it in under 90 seconds
  --only a,c   only these scenarios: ${scenarioIds.join(", ")}
  --json FILE  writes the figures to a file, too
  --rounds N   rounds that count (${full.rounds}; quick: ${quick.rounds})
  --scale X    size of the work (${full.scale}; quick: ${quick.scale})
  --entries N  entries stored beforehand (${full.entries})
  --trace FILE libCacheSim CSV, plain or .gz, for scenario s; without it that is skipped`;

export interface CommandLine {
  readonly settings: Settings;
  readonly only: readonly string[];
  readonly json: string | undefined;
}

/** @throws Error that says what is wrong */
export function readCommandLine(args: string[]): CommandLine | "help" {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string" },
      json: { type: "string" },
      rounds: { type: "string" },
      scale: { type: "string" },
      entries: { type: "string" },
      trace: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return "help";
  const base = values.quick ? quick : full;
  const only = values.only?.split(",") ?? scenarioIds;
  const unknown = only.filter((id) => !scenarioIds.includes(id));
  if (unknown.length > 0) throw new Error(`no such scenario: ${unknown.join(", ")}\n\n${usage}`);
  const settings = {
    ...base,
    rounds: Math.ceil(positive("rounds", values.rounds, base.rounds)),
    scale: positive("scale", values.scale, base.scale),
    entries: Math.ceil(positive("entries", values.entries, base.entries)),
    ...(values.trace !== undefined && { trace: values.trace }),
  };
  return { settings, only, json: values.json };
}

function positive(name: string, given: string | undefined, otherwise: number): number {
  const value = given === undefined ? otherwise : Number(given);
  if (!(value > 0)) throw new Error(`--${name}: expected a number above 0, got: ${given}`);
  return value;
}
