import { parseArgs, type ParseArgsConfig, types } from "node:util";
import { type EngineName, engineNames } from "../cluster/processes/protocol.js";
import { UsageError } from "./options.js";

/** Reads the option `--engine`. */
export function enginesOf(name: string): readonly EngineName[] {
  if (name === "both") return engineNames;
  const known = engineNames.find((engine) => engine === name);
  if (known === undefined)
    throw new UsageError(`option --engine: expected redis, nats or both, got "${name}"`);
  return [known];
}

/** Reads the option `--only`; `what` the ids stand for. */
export function chosenOf<Id extends string>(what: string, ids: readonly Id[], list: string): Id[] {
  const named = list.split(",").map((id) => id.trim());
  for (const id of named)
    if (!(ids as readonly string[]).includes(id))
      throw new UsageError(`unknown ${what} "${id}": expected some of ${ids.join(",")}`);
  return ids.filter((id) => named.includes(id));
}

/** Reads an option that is an integer. */
export function integerOf(option: string, text: string, min: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (value >= min && value <= 2 ** 31) return value;
  throw new UsageError(`option --${option}: expected an integer >= ${min}, got "${text}"`);
}

/**
 * Reads a command line that has options only.
 *
 * @throws UsageError
 */
export function valuesOf<const Options extends NonNullable<ParseArgsConfig["options"]>>(
  argv: readonly string[],
  options: Options,
) {
  try {
    const { values } = parseArgs({ args: [...argv], strict: true, options });
    if ((values as { json?: unknown }).json === "")
      throw new UsageError("option --json: expected a file name, got nothing");
    return values;
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const message = types.isNativeError(error) ? error.message : String(error);
    throw new UsageError(message.split(/\.(?:\s|$)|\n/, 1)[0] ?? message, { cause: error });
  }
}

/**
 * Sizes with those that options replace.
 *
 * @param numbers by option, the size that it is, and the least it may be
 */
export function sizesOf<Size extends string, Sizes extends Readonly<Record<Size, number>>>(
  numbers: Readonly<Record<string, readonly [size: Size, least: number]>>,
  values: Readonly<Record<string, unknown>>,
  defaults: Sizes,
): Sizes {
  const given = Object.entries(numbers).flatMap(([option, [size, least]]) => {
    const text = values[option];
    return typeof text === "string" ? [[size, integerOf(option, text, least)] as const] : [];
  });
  return { ...defaults, ...Object.fromEntries(given) };
}
