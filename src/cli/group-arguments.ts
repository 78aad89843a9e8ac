import {
  type JournalPosition,
  parse,
  partitionIn,
  place,
  type PlaceOptions,
  placeOptions,
  positionIn,
  type StreamPlaceOptions,
  streamPlaceOptions,
} from "./argument-values.js";
import { type GroupCommandName, UsageError } from "./usage.js";

/** Lists the streams of an engine. @internal */
export type StreamsOptions = PlaceOptions;

/** @internal */
export interface GroupsOptions extends StreamPlaceOptions {
  /** Null: all groups of the stream. */
  readonly group: string | null;
  /** Null: all. */
  readonly partition: number | null;
  /** Whether the table is printed once. */
  readonly once: boolean;
}

/** @internal */
export interface GroupOptions extends StreamPlaceOptions {
  readonly group: string;
  /** Null: all. */
  readonly partition: number | null;
}

/** @internal */
export interface DeadOptions extends GroupOptions {
  /** Dead letters that are listed, at most. */
  readonly limit: number;
}

/** What is done to a group. @internal */
export type Action =
  | { readonly kind: "pause" | "resume" }
  | { readonly kind: "seek"; readonly to: JournalPosition }
  | { readonly kind: "retry" | "drop"; readonly ids: readonly string[] | "all" };

/** @internal */
export interface ActOptions extends GroupOptions {
  readonly action: Action;
  /** Whether it is done without asking. */
  readonly yes: boolean;
}

/** @internal */
export type GroupCommand =
  | { readonly kind: "streams"; readonly options: StreamsOptions }
  | { readonly kind: "groups"; readonly options: GroupsOptions }
  | { readonly kind: "dead"; readonly options: DeadOptions }
  | { readonly kind: "act"; readonly options: ActOptions };

const defaultLimit = 100;

const group = { type: "string" } as const;
const partition = { type: "string" } as const;
const yes = { type: "boolean" } as const;
const letters = { group, all: { type: "boolean" }, yes } as const;

const own = {
  groups: { group, partition, once: { type: "boolean" } },
  dead: { group, partition, limit: { type: "string" } },
  pause: { group, partition, yes },
  resume: { group, partition, yes },
  seek: { group, partition, to: { type: "string" }, yes },
  retry: letters,
  drop: letters,
} as const;

/** @throws UsageError @internal */
export function parseGroupCommand(
  command: GroupCommandName,
  argv: readonly string[],
): GroupCommand | { readonly kind: "help"; readonly of: GroupCommandName } | { kind: "version" } {
  const takesIds = command === "retry" || command === "drop";
  const { values, rest } = parse(argv, { ...place, ...own[command] }, takesIds) as {
    values: Parameters<typeof streamPlaceOptions>[0] & OwnValues;
    rest: readonly string[];
  };
  if (values.help === true) return { kind: "help", of: command };
  if (values.version === true) return { kind: "version" };
  if (command === "groups") return groupsCommand(values);
  const options = groupOptions(values);
  if (command === "dead") {
    const limit = values.limit === undefined ? defaultLimit : countIn(values.limit);
    return { kind: "dead", options: { ...options, limit } };
  }
  const action = takesIds
    ? { kind: command, ids: idsIn(command, rest, values.all === true) }
    : command === "seek"
      ? { kind: command, to: targetIn(values.to) }
      : { kind: command };
  return { kind: "act", options: { ...options, action, yes: values.yes === true } };
}

interface OwnValues {
  readonly help?: boolean;
  readonly version?: boolean;
  readonly group?: string;
  readonly partition?: string;
  readonly once?: boolean;
  readonly limit?: string;
  readonly to?: string;
  readonly all?: boolean;
  readonly yes?: boolean;
}

function groupsCommand(values: Parameters<typeof streamPlaceOptions>[0] & OwnValues): GroupCommand {
  if (values.cache === undefined) {
    for (const name of ["name", "group", "partition"] as const)
      if (values[name] !== undefined)
        throw new UsageError(`option --${name}: expected --cache with it, got none`);
    return { kind: "streams", options: placeOptions(values) };
  }
  return {
    kind: "groups",
    options: {
      ...streamPlaceOptions(values),
      group: values.group === undefined ? null : nameOf(values.group),
      partition: partitionIn(values.partition),
      once: values.once === true || values.json === true,
    },
  };
}

function groupOptions(values: Parameters<typeof streamPlaceOptions>[0] & OwnValues): GroupOptions {
  const options = streamPlaceOptions(values);
  if (values.group === undefined)
    throw new UsageError("option --group: expected the group's name, got none");
  return {
    ...options,
    group: nameOf(values.group),
    partition: partitionIn(values.partition),
  };
}

function nameOf(group: string): string {
  if (group !== "") return group;
  throw new UsageError(`option --group: expected a name, got ""`);
}

function targetIn(to: string | undefined): JournalPosition {
  if (to !== undefined) return positionIn("to", to);
  throw new UsageError("option --to: expected earliest, latest or a position, got none");
}

function idsIn(command: string, ids: readonly string[], all: boolean): readonly string[] | "all" {
  if (all && ids.length > 0)
    throw new UsageError(`${command}: expected ids of dead letters or --all, got both`);
  if (!all && ids.length === 0)
    throw new UsageError(`${command}: expected ids of dead letters or --all, got none`);
  return all ? "all" : [...new Set(ids)];
}

function countIn(text: string): number {
  const value = /^\d+$/.test(text) ? Number(text) : 0;
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new UsageError(`option --limit: expected an integer from 1, got ${JSON.stringify(text)}`);
}
