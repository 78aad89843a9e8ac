import type { SubscribeOptions } from "../cache/stream-port.js";
import { OptionError } from "../errors.js";
import {
  abortSignal,
  boolean,
  integer,
  nonEmptyString,
  oneOf,
  option,
  readOptions,
  type Resolved,
  type SchemaOf,
} from "../options.js";
import { allTypes, eventsOption } from "../log/event-mask.js";
import type { ResolvedStreamOptions } from "./stream-options.js";

/** Whether a reader without `partition` reads all partitions, or one that is chosen for it. */
type DefaultPartition = "all" | "auto";

const subscribeSchema = (fallback: DefaultPartition, capacity: number) =>
  ({
    events: option(eventsOption, allTypes),
    partition: option(partitionOption, fallback),
    group: option(nonEmptyString, null),
    from: option(fromOption, "latest"),
    gaps: option(boolean, false),
    snapshot: option(boolean, false),
    capacity: option((name, value) => integer(name, value, 1, capacity), Infinity),
    overflow: option((name, value) => oneOf(name, value, ["gap", "coalesce"]), "gap"),
  }) satisfies SchemaOf<SubscribeOptions>;

/** The options of a reader with their defaults; `events` is a mask. @internal */
export type ReaderOptions = Resolved<ReturnType<typeof subscribeSchema>>;

/**
 * Checks the options of `subscribe` as far as that is possible without the stream's logs.
 *
 * @internal
 */
export function resolveSubscribeOptions(
  options: SubscribeOptions,
  fallback: DefaultPartition,
  stream: ResolvedStreamOptions,
): ReaderOptions {
  const resolved = readOptions("subscribe", subscribeSchema(fallback, stream.capacity), options);
  checkCombination(options, resolved, stream);
  return resolved;
}

/** As {@link resolveSubscribeOptions}, for `events`. @internal */
export function resolveEventsOptions(
  options: SubscribeOptions & { signal?: AbortSignal },
  stream: ResolvedStreamOptions,
): ReaderOptions & { readonly signal: AbortSignal | undefined } {
  const schema = { ...subscribeSchema("all", stream.capacity), signal: option(abortSignal) };
  const resolved = readOptions("events", schema, options);
  checkCombination(options, resolved, stream);
  return resolved;
}

/** Fails for options that exclude each other. */
function checkCombination(
  options: SubscribeOptions,
  { from, partition, snapshot }: ReaderOptions,
  { partitions, isShared }: ResolvedStreamOptions,
): void {
  if (snapshot && from !== "latest")
    throw OptionError.invalid("from", '"latest" with snapshot: true', from);
  if (snapshot && options.events?.includes("inserted") === false) {
    const expected = '"inserted" to be among them with snapshot: true';
    throw OptionError.invalid("events", expected, options.events);
  }
  const readsOneLog = options.partition === undefined && (partitions ?? 1) === 1;
  if (typeof from === "number" && isShared === true) {
    const why = "the stream of a shared store has no sequences of this node";
    throw OptionError.invalid("from", `"latest", "earliest" or a token (${why})`, from);
  }
  if (typeof from === "number" && partition === "all" && !readsOneLog) {
    throw OptionError.invalid(
      "from",
      '"latest", "earliest" or a token (a sequence belongs to one partition) for partition "all"',
      from,
    );
  }
}

/** Checks a partition's number against a stream. @internal */
export function checkPartition(partition: number, partitions: number | null): void {
  if (partitions === null) {
    throw OptionError.invalid(
      "partition",
      '"all" or "auto" (the stream has no partitions)',
      partition,
    );
  }
  if (!Number.isInteger(partition) || partition < 0 || partition >= partitions) {
    throw OptionError.invalid(
      "partition",
      `an integer >= 0 and < ${partitions} (the number of partitions)`,
      partition,
    );
  }
}

function partitionOption(name: string, value: unknown): number | "all" | "auto" {
  if (value === "auto" || value === "all" || typeof value === "number") return value;
  throw OptionError.invalid(name, 'an integer, "all" or "auto"', value);
}

/** A string that is neither "latest" nor "earliest" is a token. */
function fromOption(name: string, value: unknown): string | number {
  if (typeof value === "string") return value;
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  throw OptionError.invalid(
    name,
    '"latest", "earliest", an integer >= 0 (a sequence) or a token of position()',
    value,
  );
}
