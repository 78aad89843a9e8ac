import { type StoreFaultId, storeFaultIds, type StoreSizes } from "../../store/processes/faults.js";
import { defaultStoreSizes } from "../../store/processes/ledger-run.js";
import { type OutageId, outageIds } from "../../store/processes/stale-run.js";
import { chosenOf, sizesOf, valuesOf } from "../option-values.js";
import { UsageError } from "../options.js";

/** All ids: those of the ledger's faults, and those of the stale reads' outages. */
const ids = [...storeFaultIds, ...outageIds] as const;

/** What is asked for. */
export interface StoreExperiments {
  readonly faults: readonly StoreFaultId[];
  readonly outages: readonly OutageId[];
  /** Whether the writers of the ledger have near copies: one run each. */
  readonly near: readonly boolean[];
  readonly sizes: StoreSizes;
  /** The file that the results go to, for machines. */
  readonly json?: string;
}

/** Sizes for those who are in a hurry. */
export const quickStoreSizes: StoreSizes = { ...defaultStoreSizes, rate: 50, times: 1 };

/** What `--help` prints. */
export const storeUsage = `Two tables about a shared store in Redis. The ledger: three processes write at random while they, the engine or the connections come to harm; what the store and its journal have is compared with the writers' notes. Stale reads: how old what readers get is, without near copies and with both kinds, while the broker or their connections come to harm.

Usage: npm run experiments -- store [options]

  --only IDS        which, e.g. a,c: ${storeFaultIds.join(",")} of the ledger, ${outageIds.join(",")} of stale reads (default: all)
  --near WHICH      the ledger with near copies: on, off or both (default both)
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

const options = {
  only: { type: "string" },
  near: { type: "string" },
  seed: { type: "string" },
  rate: { type: "string" },
  keys: { type: "string" },
  heartbeat: { type: "string" },
  times: { type: "string" },
  quick: { type: "boolean" },
  json: { type: "string" },
  help: { type: "boolean" },
} as const;

/**
 * Reads the command line behind `store`.
 *
 * @returns what is asked for; undefined: the usage
 * @throws UsageError
 */
export function parseStoreOptions(argv: readonly string[]): StoreExperiments | undefined {
  const values = valuesOf(argv, options);
  if (values.help === true) return undefined;
  const defaults = values.quick === true ? quickStoreSizes : defaultStoreSizes;
  const sizes = sizesOf(numbers, values, defaults);
  const only = values.only === undefined ? ids : chosenOf("fault", ids, values.only);
  return {
    faults: storeFaultIds.filter((id) => only.includes(id)),
    outages: outageIds.filter((id) => only.includes(id)),
    near: nearOf(values.near ?? "both"),
    sizes,
    ...(values.json === undefined ? {} : { json: values.json }),
  };
}

function nearOf(text: string): readonly boolean[] {
  if (text === "both") return [false, true];
  if (text === "on" || text === "off") return [text === "on"];
  throw new UsageError(`option --near: expected on, off or both, got "${text}"`);
}
