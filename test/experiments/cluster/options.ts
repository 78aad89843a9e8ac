import { defaultSizes } from "../../cluster/processes/outage-run.js";
import { type OutageId, outageIds, type OutageSizes } from "../../cluster/processes/outages.js";
import type { EngineName } from "../../cluster/processes/protocol.js";
import { chosenOf, enginesOf, sizesOf, valuesOf } from "../option-values.js";

/** What is asked for. */
export interface ClusterOptions {
  readonly engines: readonly EngineName[];
  readonly only: readonly OutageId[];
  readonly sizes: OutageSizes;
  /** Whether clusters of several sizes are measured instead. */
  readonly scale: boolean;
  /** The file that the results go to, for machines. */
  readonly json?: string;
}

/** What `--help` prints. */
export const clusterUsage = `What becomes of events between three processes that write all the time, while their broker, their connections or one of them come to harm.

Usage: npm run experiments -- cluster [options]

  --engine NAME     redis, nats or both (default both): starts redis-server, nats-server
  --only IDS        which outages, e.g. a,c (default: ${outageIds.join(",")})
  --seed N          seed of the keys, and of when things happen (default ${defaultSizes.seed})
  --rate N          events that each process writes a second (default ${defaultSizes.rate})
  --heartbeat N     milliseconds (default ${defaultSizes.heartbeat})
  --times N         how often connections are cut in d, and nodes killed in e (default ${defaultSizes.times})
  --capacity N      events that a partition keeps in f (default ${defaultSizes.capacity})
  --scale           instead: what 2, 4, 8 and 16 processes send each other, and how much memory they take
  --json FILE       write the results to a file, too
  --help            print this text

Exit status: 0 all is as promised; 1 something is not; 2 a bad option.
`;

const numbers = {
  seed: ["seed", 0],
  rate: ["rate", 100],
  heartbeat: ["heartbeat", 100],
  times: ["times", 1],
  capacity: ["capacity", 128],
} as const;

const options = {
  engine: { type: "string" },
  only: { type: "string" },
  seed: { type: "string" },
  rate: { type: "string" },
  heartbeat: { type: "string" },
  times: { type: "string" },
  capacity: { type: "string" },
  scale: { type: "boolean" },
  json: { type: "string" },
  help: { type: "boolean" },
} as const;

/**
 * Reads the command line behind `cluster`.
 *
 * @returns what is asked for; undefined: the usage
 * @throws UsageError
 */
export function parseClusterOptions(argv: readonly string[]): ClusterOptions | undefined {
  const values = valuesOf(argv, options);
  if (values.help === true) return undefined;
  const sizes = sizesOf(numbers, values, defaultSizes);
  return {
    engines: enginesOf(values.engine ?? "both"),
    only: values.only === undefined ? outageIds : chosenOf("outage", outageIds, values.only),
    sizes,
    scale: values.scale === true,
    ...(values.json === undefined ? undefined : { json: values.json }),
  };
}
