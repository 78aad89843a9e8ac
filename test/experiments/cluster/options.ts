import { parseArgs, types } from "node:util";
import { defaultSizes } from "../../cluster/processes/outage-run.js";
import { type OutageId, outageIds, type OutageSizes } from "../../cluster/processes/outages.js";
import type { EngineName } from "../../cluster/processes/protocol.js";
import { chosenOf, enginesOf, integerOf } from "../engine-options.js";
import { UsageError } from "../options.js";

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

const numbers = ["seed", "rate", "heartbeat", "times", "capacity"] as const;
const least: Readonly<Record<(typeof numbers)[number], number>> = {
  seed: 0,
  rate: 100,
  heartbeat: 100,
  times: 1,
  capacity: 128,
};

/**
 * Reads the command line behind `cluster`.
 *
 * @returns what is asked for; undefined: the usage
 * @throws UsageError
 */
export function parseClusterOptions(argv: readonly string[]): ClusterOptions | undefined {
  const values = parse(argv);
  if (values.help === true) return undefined;
  const sizes = { ...defaultSizes };
  for (const option of numbers) {
    const text = values[option];
    if (text !== undefined) sizes[option] = integerOf(option, text, least[option]);
  }
  if (values.json === "") throw new UsageError("option --json: expected a file name, got nothing");
  return {
    engines: enginesOf(values.engine ?? "both"),
    only: values.only === undefined ? outageIds : chosenOf("outage", outageIds, values.only),
    sizes,
    scale: values.scale === true,
    ...(values.json === undefined ? undefined : { json: values.json }),
  };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      strict: true,
      options: {
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
      },
    }).values;
  } catch (error) {
    const message = types.isNativeError(error) ? error.message : String(error);
    throw new UsageError(message.split(/\.(?:\s|$)|\n/, 1)[0] ?? message, { cause: error });
  }
}
