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
