import { randomBytes } from "node:crypto";
import {
  derivedOption,
  integer,
  oneOf,
  option,
  plainName,
  positiveMilliseconds,
  readOptions,
  type Resolved,
  type SchemaOf,
} from "../options.js";
import { refuseOption, shownKind } from "../pubsub/broker-address.js";
import type { JournalOptions } from "./types.js";

const schema = {
  nodeName: derivedOption(plainName, () => `node-${randomBytes(6).toString("hex")}`),
  namespace: option(plainName, "nebulex"),
  capacity: option((name, value) => integer(name, value, 1), 1_000_000),
  retain: derivedOption(
    (name, value, { capacity }: { capacity: number }) => integer(name, value, 0, capacity),
    ({ capacity }) => Math.min(100_000, capacity),
  ),
  retainFor: option(positiveMilliseconds),
  heartbeat: option(positiveMilliseconds, 3000),
  codec: option((name, value) => oneOf(name, value, ["binary", "json"]), "binary"),
  maxMessageSize: option((name, value) => integer(name, value, 1024), 1_048_576),
} satisfies SchemaOf<JournalOptions>;

/** The options with their defaults. @internal */
export type ResolvedJournalOptions = Resolved<typeof schema>;

/** @throws OptionError @internal */
export function resolveJournalOptions(options: JournalOptions): ResolvedJournalOptions {
  return readOptions("createJournal", schema, options);
}

/**
 * Fails for options that are neither an engine's own (`own`) nor common to all journals, and
 * returns the common ones for `createJournal`.
 *
 * @throws OptionError
 * @internal
 */
export function commonJournalOptions(
  what: string,
  options: object,
  own: readonly string[],
): JournalOptions {
  // The value may be a URL with a password, which must not be shown.
  if (typeof options !== "object" || options === null || Array.isArray(options))
    throw refuseOption("options")(`an object (the options of ${what})`, shownKind(options));
  const names = [...own, ...Object.keys(schema)];
  readOptions(
    what,
    Object.fromEntries(names.map((name) => [name, option((_, it) => it)])),
    options,
  );
  return Object.fromEntries(
    Object.entries(options).filter(([name]) => name in schema),
  ) as JournalOptions;
}
