import { parseArgs, types } from "node:util";
import { defaultSizes, type Sizes } from "./experiment.js";
import { type ExperimentId, experimentIds } from "./table.js";

/** What the experiments are asked to do. */
export interface ExperimentOptions {
  readonly only: readonly ExperimentId[];
  readonly sizes: Sizes;
  /** The file that the results go to, for machines. */
  readonly json?: string;
}

/** A command line that can't be understood; its message is one line for the user. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

export const usage = `Measures what is lost, handled twice or handled out of order under faults.

Usage: npm run experiments -- [options]
       npm run experiments -- cluster --help
       npm run experiments -- journal --help
       npm run experiments -- store --help

  --only IDS        which experiments, e.g. a,c (default: ${experimentIds.join(",")})
  --seed N          seed of the keys, and of when the faults strike (default ${defaultSizes.seed})
  --json FILE       write the results to a file, too
  --puts N          commands in an experiment (default ${defaultSizes.puts})
  --keys N          keys (default ${defaultSizes.keys})
  --faults N        crashes or kills in each of b to f (default ${defaultSizes.faults})
  --partitions N    (default ${defaultSizes.partitions})
  --capacity N      events that a partition keeps in h (default ${defaultSizes.capacity})
  --help            print this text

Exit status: 0 all is as promised; 1 something is not; 2 a bad option.
`;

const numbers = ["seed", "puts", "keys", "faults", "partitions", "capacity"] as const;

/**
 * Reads the command line.
 *
 * @returns what is asked for; undefined: the usage
 * @throws UsageError
 */
export function parseOptions(argv: readonly string[]): ExperimentOptions | undefined {
  const { values, positionals } = parse(argv);
  if (values.help === true) return undefined;
  const [name] = positionals;
  if (name !== undefined)
    throw new UsageError(`unknown name "${name}": experiments are chosen by --only`);
  const sizes = { ...defaultSizes };
  for (const option of numbers) {
    const text = values[option];
    if (text !== undefined) sizes[option] = integer(option, text);
  }
  if (sizes.puts < sizes.faults * 20)
    throw new UsageError(`option --puts: expected at least 20 for each fault, got ${sizes.puts}`);
  const only = values.only === undefined ? experimentIds : idsOf(values.only);
  if (values.json === "") throw new UsageError("option --json: expected a file name, got nothing");
  return { only, sizes, ...(values.json === undefined ? undefined : { json: values.json }) };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      strict: true,
      allowPositionals: true,
      options: {
        only: { type: "string" },
        json: { type: "string" },
        seed: { type: "string" },
        puts: { type: "string" },
        keys: { type: "string" },
        faults: { type: "string" },
        partitions: { type: "string" },
        capacity: { type: "string" },
        help: { type: "boolean" },
      },
    });
  } catch (error) {
    const message = types.isNativeError(error) ? error.message : String(error);
    throw new UsageError(message.split(/\.(?:\s|$)|\n/, 1)[0] ?? message, { cause: error });
  }
}

function idsOf(list: string): ExperimentId[] {
  const named = list.split(",").map((id) => id.trim());
  for (const id of named)
    if (!isId(id))
      throw new UsageError(
        `unknown experiment "${id}": expected some of ${experimentIds.join(",")}`,
      );
  return experimentIds.filter((id) => named.includes(id));
}

function isId(id: string): id is ExperimentId {
  return (experimentIds as readonly string[]).includes(id);
}

function integer(option: (typeof numbers)[number], text: string): number {
  const min = option === "seed" ? 0 : 1;
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (value >= min && value <= 2 ** 31) return value;
  throw new UsageError(`option --${option}: expected an integer >= ${min}, got "${text}"`);
}
