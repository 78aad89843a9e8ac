import { parseArgs, type ParseArgsConfig, types } from "node:util";
import { type EventType, eventTypes } from "../event/types.js";
import {
  brokerIn,
  type BrokerOptions,
  brokerSchema,
  type BrokerValues,
} from "./argument-broker.js";
import { defaults, UsageError } from "./usage.js";

/** The longest delay that Node's timers accept. @internal */
export const maxTime = 2 ** 31 - 1;
const maxPartition = 65_535;

/** Options of all commands. @internal */
export const general = {
  help: { type: "boolean", short: "h" },
  version: { type: "boolean" },
} as const;

/** Options that say which stream is meant, and where. @internal */
export const place = {
  ...brokerSchema,
  cache: { type: "string" },
  name: { type: "string" },
  namespace: { type: "string" },
  json: { type: "boolean" },
  ...general,
} as const;

interface PlaceValues extends BrokerValues {
  readonly cache?: string;
  readonly name?: string;
  readonly namespace?: string;
  readonly json?: boolean;
}

/** Where streams are. @internal */
export interface PlaceOptions extends BrokerOptions {
  readonly namespace: string;
  readonly json: boolean;
}

/** Which stream, and where. @internal */
export interface StreamPlaceOptions extends PlaceOptions {
  readonly cache: string;
  readonly name: string;
}

/** @internal */
export function placeOptions(values: PlaceValues): PlaceOptions {
  const { namespace, json } = values;
  return {
    ...brokerIn(values),
    namespace: plainName("namespace", namespace ?? defaults.namespace),
    json: json === true,
  };
}

/** @internal */
export function streamPlaceOptions(values: PlaceValues): StreamPlaceOptions {
  const options = placeOptions(values);
  if (values.cache === undefined)
    throw new UsageError("option --cache: expected the cache's name, got none");
  const cache = plainName("cache", values.cache);
  return { ...options, cache, name: plainName("name", values.name ?? cache) };
}

/** @internal */
export function typesIn(text: string | undefined): readonly EventType[] {
  if (text === undefined) return eventTypes;
  const names = new Set(text.split(",").map((name) => name.trim()));
  for (const name of names)
    if (!(eventTypes as readonly string[]).includes(name))
      throw new UsageError(
        `option --events: expected some of ${eventTypes.join(", ")}, got ${JSON.stringify(name)}`,
      );
  return eventTypes.filter((type) => names.has(type));
}

/** A partition; null: all. @internal */
export function partitionIn(text: string | undefined): number | null {
  return text === undefined ? null : integer("partition", text, 0, maxPartition);
}

/** A place in a journal. @internal */
export type JournalPosition = "earliest" | "latest" | number;

/** @internal */
export function positionIn(option: string, text: string): JournalPosition {
  if (text === "earliest" || text === "latest") return text;
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (Number.isSafeInteger(value)) return value;
  throw new UsageError(
    `option --${option}: expected earliest, latest or a position (an integer from 0), got ${JSON.stringify(text)}`,
  );
}

/** @internal */
export function plainName(option: string, value: string): string {
  if (value !== "" && !value.includes(":")) return value;
  throw new UsageError(
    `option --${option}: expected a name without ":", got ${JSON.stringify(value)}`,
  );
}

/** @internal */
export function integer(option: string, text: string, min: number, max: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (value >= min && value <= max) return value;
  throw new UsageError(
    `option --${option}: expected an integer from ${min} to ${max}, got ${JSON.stringify(text)}`,
  );
}

/**
 * The options, each of which is given once, and what is no option.
 *
 * @param allowPositionals whether there may be such
 * @throws UsageError
 * @internal
 */
export function parse<const Options extends NonNullable<ParseArgsConfig["options"]>>(
  argv: readonly string[],
  options: Options,
  allowPositionals = false,
) {
  try {
    const parsed = parseArgs({
      args: joinNegativeValues(argv),
      strict: true,
      allowPositionals,
      tokens: true,
      options,
    });
    const names = parsed.tokens.flatMap((token) => (token.kind === "option" ? [token.name] : []));
    const twice = names.find((name, index) => names.indexOf(name) < index);
    if (twice === undefined) return { values: parsed.values, rest: parsed.positionals };
    throw new UsageError(`option --${twice}: expected once, got several times`);
  } catch (error) {
    throw error instanceof UsageError ? error : new UsageError(oneLine(error), { cause: error });
  }
}

/** `--partition -1` as `--partition=-1`: parseArgs would take -1 for an option. */
function joinNegativeValues(argv: readonly string[]): string[] {
  const joined: string[] = [];
  for (const argument of argv) {
    const before = joined.at(-1);
    const isValue = /^-\d/.test(argument) && before !== undefined && /^--[^=]+$/.test(before);
    if (isValue) joined[joined.length - 1] = `${before}=${argument}`;
    else joined.push(argument);
  }
  return joined;
}

/** The first sentence of parseArgs' message; the others advise on syntax that is not used here. */
function oneLine(error: unknown): string {
  const message = types.isNativeError(error) ? error.message : String(error);
  const sentence = message.split(/\.(?:\s|$)/, 1)[0] ?? "";
  const missing = /^Option '(?:-\w, )?(--[\w-]+).*argument (?:missing|is ambiguous)/s.exec(
    sentence,
  );
  if (missing !== null) return `option ${missing[1]}: expected a value, got none`;
  return sentence.replace(/\s+/g, " ").replace(/^[A-Z]/, (letter) => letter.toLowerCase());
}
