import type { EngineName } from "../../cluster/processes/protocol.js";
import { defaultSizes } from "../../journal/processes/fault-run.js";
import { type FaultId, faultIds, type FaultSizes } from "../../journal/processes/faults.js";
import { chosenOf, enginesOf, sizesOf, valuesOf } from "../option-values.js";

/** What is asked for. */
export interface JournalExperiments {
  readonly engines: readonly EngineName[];
  readonly only: readonly FaultId[];
  readonly sizes: FaultSizes;
  /** The file that the results go to, for machines. */
  readonly json?: string;
}

const quickSizes: FaultSizes = { ...defaultSizes, rate: 1000, times: 1 };

/** What `--help` prints. */
export const journalUsage = `What a cluster group of three processes handles, over a journal of 8 partitions, while all of them write and one of them, the engine or the connections come to harm.

Usage: npm run experiments -- journal [options]

  --engine NAME     redis, nats or both (default both): starts redis-server, nats-server
  --only IDS        which faults, e.g. a,c (default: ${faultIds.join(",")})
  --seed N          seed of the keys, and of when things happen (default ${defaultSizes.seed})
  --rate N          events that each process writes a second (default ${defaultSizes.rate})
  --lease N         the group's leaseTime, milliseconds (default ${defaultSizes.leaseTime})
  --heartbeat N     milliseconds (default ${defaultSizes.heartbeat})
  --times N         how often nodes are killed in b, stopped in c, and connections cut in g (default ${defaultSizes.times})
  --quick           other defaults: rate ${quickSizes.rate}, times ${quickSizes.times}
  --json FILE       write the results to a file, too
  --help            print this text

Exit status: 0 all is as promised; 1 something is not; 2 a bad option.
`;

const numbers = {
  seed: ["seed", 0],
  rate: ["rate", 100],
  lease: ["leaseTime", 500],
  heartbeat: ["heartbeat", 100],
  times: ["times", 1],
} as const;

const options = {
  engine: { type: "string" },
  only: { type: "string" },
  seed: { type: "string" },
  rate: { type: "string" },
  lease: { type: "string" },
  heartbeat: { type: "string" },
  times: { type: "string" },
  quick: { type: "boolean" },
  json: { type: "string" },
  help: { type: "boolean" },
} as const;

/**
 * Reads the command line behind `journal`.
 *
 * @returns what is asked for; undefined: the usage
 * @throws UsageError
 */
export function parseJournalOptions(argv: readonly string[]): JournalExperiments | undefined {
  const values = valuesOf(argv, options);
  if (values.help === true) return undefined;
  const defaults = values.quick === true ? quickSizes : defaultSizes;
  const sizes = sizesOf(numbers, values, defaults);
  return {
    engines: enginesOf(values.engine ?? "both"),
    only: values.only === undefined ? faultIds : chosenOf("fault", faultIds, values.only),
    sizes,
    ...(values.json === undefined ? {} : { json: values.json }),
  };
}
