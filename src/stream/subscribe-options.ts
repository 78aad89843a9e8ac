import type { SubscribeOptions } from "../cache/stream-port.js";
import { OptionError } from "../errors.js";
import { eventTypes } from "../event/types.js";
import { boolean, integer, knownOptions, nonEmptyString, oneOf, subsetOf } from "../options.js";
import { allTypes, maskOf } from "../log/event-mask.js";
import type { ResolvedStreamOptions } from "./stream-options.js";

/** What a reader asked for, checked as far as that goes without the stream. @internal */
export interface ReaderOptions {
  readonly mask: number;
  readonly partition: number | "all" | "auto";
  readonly group: string | null;
  /** A string that is neither is a token. */
  readonly from: string | number;
  readonly gaps: boolean;
  readonly coalesces: boolean;
  readonly bound: number;
  readonly snapshot: boolean;
}

/** @internal */
export function resolveReaderOptions(
  what: string,
  options: SubscribeOptions,
  /** The partitions that are read by default, and the stream's options. */
  fallback: "all" | "auto",
  stream: ResolvedStreamOptions,
  more: readonly string[] = [],
): ReaderOptions {
  knownOptions(what, options, [
    "events",
    "partition",
    "group",
    "from",
    "gaps",
    "snapshot",
    "capacity",
    "overflow",
    ...more,
  ]);
  const { events, partition = fallback, group, from = "latest", gaps = false } = options;
  const { partitions } = stream;
  const snapshot = boolean("snapshot", options.snapshot ?? false);
  if (snapshot && from !== "latest") {
    throw OptionError.invalid("from", '"latest" with snapshot: true', from);
  }
  if (snapshot && events?.includes("inserted") === false) {
    throw OptionError.invalid("events", '"inserted" to be among them with snapshot: true', events);
  }
  if (typeof from !== "string" && !isSequence(from)) {
    throw OptionError.invalid(
      "from",
      '"latest", "earliest", an integer >= 0 (a sequence) or a token of position()',
      from,
    );
  }
  const readsOneLog = options.partition === undefined && (partitions ?? 1) === 1;
  if (typeof from === "number" && partition === "all" && !readsOneLog) {
    throw OptionError.invalid(
      "from",
      '"latest", "earliest" or a token (a sequence belongs to one partition) for partition "all"',
      from,
    );
  }
  if (partition !== "auto" && partition !== "all" && typeof partition !== "number") {
    throw OptionError.invalid("partition", 'an integer, "all" or "auto"', partition);
  }
  return {
    mask: events === undefined ? allTypes : maskOf(subsetOf("events", events, eventTypes, 1)),
    partition,
    group: group === undefined ? null : nonEmptyString("group", group),
    from,
    gaps: boolean("gaps", gaps),
    coalesces: oneOf("overflow", options.overflow ?? "gap", ["gap", "coalesce"]) === "coalesce",
    bound:
      options.capacity === undefined
        ? Infinity
        : integer("capacity", options.capacity, 1, stream.capacity),
    snapshot,
  };
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

function isSequence(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
