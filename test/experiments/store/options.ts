import { parseArgs, types } from "node:util";
import { type StoreFaultId, storeFaultIds, type StoreSizes } from "../../store/processes/faults.js";
import { defaultStoreSizes } from "../../store/processes/ledger-run.js";
import { chosenOf, integerOf } from "../engine-options.js";
import { UsageError } from "../options.js";

/** What is asked for. */
export interface StoreExperiments {
  readonly only: readonly StoreFaultId[];
  readonly sizes: StoreSizes;
  /** The file that the results go to, for machines. */
  readonly json?: string;
}

/** Sizes for those who are in a hurry. */
export const quickStoreSizes: StoreSizes = { ...defaultStoreSizes, rate: 100, times: 1 };

/** What `--help` prints. */
export const storeUsage = `What a shared store and its journal have, in Redis, while three processes write to it at random and they, the engine or the connections come to harm: compared with the notes of the writers.

Usage: npm run experiments -- store [options]

  --only IDS        which faults, e.g. a,c (default: ${storeFaultIds.join(",")})
  --seed N          seed of the commands, and of when things happen (default ${defaultStoreSizes.seed})
  --rate N          commands that each process issues a second, and reads (default ${defaultStoreSizes.rate})
  --keys N          keys (default ${defaultStoreSizes.keys})
  --heartbeat N     milliseconds (default ${defaultStoreSizes.heartbeat})
  --times N         how often processes are killed or stopped, and connections cut (default ${defaultStoreSizes.times})
  --quick           other defaults: rate ${quickStoreSizes.rate}, times ${quickStoreSizes.times}
  --json FILE       write the results to a file, too
  --help            print this text

Exit status: 0 all is as promised; 1 something is not; 2 a bad option.
`;

const numbers = {
  seed: ["seed", 0],
  rate: ["rate", 20],
  keys: ["keys", 20],
  heartbeat: ["heartbeat", 100],
  times: ["times", 1],
} as const;

/**
 * Reads the command line behind `store`.
 *
 * @returns what is asked for; undefined: the usage
 * @throws UsageError
 */
export function parseStoreOptions(argv: readonly string[]): StoreExperiments | undefined {
  const values = parse(argv);
  if (values.help === true) return undefined;
  const sizes = { ...(values.quick === true ? quickStoreSizes : defaultStoreSizes) };
  for (const option of Object.keys(numbers) as (keyof typeof numbers)[]) {
    const [size, least] = numbers[option];
    const text = values[option];
    if (text !== undefined) sizes[size] = integerOf(option, text, least);
  }
  if (values.json === "") throw new UsageError("option --json: expected a file name, got nothing");
  return {
    only: values.only === undefined ? storeFaultIds : chosenOf("fault", storeFaultIds, values.only),
    sizes,
    ...(values.json === undefined ? {} : { json: values.json }),
  };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      strict: true,
      options: {
        only: { type: "string" },
        seed: { type: "string" },
        rate: { type: "string" },
        keys: { type: "string" },
        heartbeat: { type: "string" },
        times: { type: "string" },
        quick: { type: "boolean" },
        json: { type: "string" },
        help: { type: "boolean" },
      },
    }).values;
  } catch (error) {
    const message = types.isNativeError(error) ? error.message : String(error);
    throw new UsageError(message.split(/\.(?:\s|$)|\n/, 1)[0] ?? message, { cause: error });
  }
}
