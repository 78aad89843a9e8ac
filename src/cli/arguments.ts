import type { EventType } from "../event/types.js";
import type { Milliseconds } from "../options.js";
import {
  general,
  integer,
  type JournalPosition,
  maxTime,
  parse,
  partitionIn,
  place,
  type PlaceOptions,
  placeOptions,
  positionIn,
  type StreamPlaceOptions,
  streamPlaceOptions,
  typesIn,
} from "./argument-values.js";
import { type GroupCommand, parseGroupCommand } from "./group-arguments.js";
import { type CommandName, commandNames, defaults, UsageError } from "./usage.js";

/** Which stream, and which broker. @internal */
export interface StreamOptions extends StreamPlaceOptions {
  readonly heartbeat: Milliseconds;
}

/** @internal */
export interface TailOptions extends StreamOptions {
  readonly events: readonly EventType[];
  /** Null: all. */
  readonly partition: number | null;
  /** Where to begin in the journal; null: the events come from the nodes' pubsubs. */
  readonly from: JournalPosition | null;
}

/** @internal */
export interface DoctorOptions extends StreamOptions {
  readonly timeout: Milliseconds;
}

/** @internal */
export interface DoctorOfStoresOptions extends PlaceOptions {
  /** How long the engine has to answer the first time. */
  readonly timeout: Milliseconds;
}

/** @internal */
export interface InspectOptions extends StreamOptions {
  readonly port: number;
  /** Whether dead letters are shown with their values. */
  readonly values: boolean;
}

/** @internal */
export interface TopOptions extends StreamOptions {
  /** Whether the table is printed once. */
  readonly once: boolean;
}

/** What the command line asks for. @internal */
export type Command =
  | { readonly kind: "tail"; readonly options: TailOptions }
  | { readonly kind: "doctor"; readonly options: DoctorOptions }
  | { readonly kind: "stores"; readonly options: DoctorOfStoresOptions }
  | { readonly kind: "inspect"; readonly options: InspectOptions }
  | { readonly kind: "top"; readonly options: TopOptions }
  | { readonly kind: "help"; readonly of: CommandName | null }
  | { readonly kind: "version" }
  | GroupCommand;

const common = { ...place, heartbeat: { type: "string" } } as const;
const tailOnly = {
  events: { type: "string" },
  partition: { type: "string" },
  journal: { type: "boolean" },
  from: { type: "string" },
} as const;
/** Milliseconds that an engine has to answer the first time, unless others are given. */
const maxWait = 5000;
const inspectOnly = { port: { type: "string" }, values: { type: "boolean" } } as const;
const doctorOnly = { timeout: { type: "string" } } as const;

/** The command that is meant; undefined: none. @internal */
export function commandIn([first]: readonly string[]): CommandName | undefined {
  return commandNames.find((name) => name === first);
}

/**
 * Reads the command line.
 *
 * @param argv the arguments after the program's name
 * @throws UsageError for an unknown command or option, a missing value, or a wrong one
 * @internal
 */
export function parseCommand(argv: readonly string[]): Command {
  const command = commandIn(argv);
  if (command === undefined) return parseGeneral(argv);
  const rest = argv.slice(1);
  if (command === "tail") return parseTail(rest);
  if (command === "doctor") return parseDoctor(rest);
  if (command === "inspect") return parseInspect(rest);
  return command === "top" ? parseTop(rest) : parseGroupCommand(command, rest);
}

function parseGeneral(argv: readonly string[]): Command {
  const [first] = argv;
  const expected = `${commandNames.slice(0, -1).join(", ")} or ${commandNames.at(-1)}`;
  if (first === undefined) throw new UsageError(`expected a command: ${expected}, got none`);
  if (!first.startsWith("-"))
    throw new UsageError(`unknown command ${JSON.stringify(first)}: expected ${expected}`);
  const { values } = parse(argv, general);
  return values.help === true ? { kind: "help", of: null } : { kind: "version" };
}

function parseTail(argv: readonly string[]): Command {
  const { values } = parse(argv, { ...common, ...tailOnly });
  if (values.help === true) return { kind: "help", of: "tail" };
  if (values.version === true) return { kind: "version" };
  const { from } = values;
  if (from !== undefined && values.journal !== true)
    throw new UsageError("option --from: expected --journal with it, got none");
  if (values.journal === true && values.heartbeat !== undefined)
    throw new UsageError("option --heartbeat: expected no --journal with it, got both");
  const options: TailOptions = {
    ...streamOptions(values),
    events: typesIn(values.events),
    partition: partitionIn(values.partition),
    from: values.journal === true ? positionIn("from", from ?? "latest") : null,
  };
  return { kind: "tail", options };
}

function parseDoctor(argv: readonly string[]): Command {
  const { values } = parse(argv, { ...common, ...doctorOnly });
  if (values.help === true) return { kind: "help", of: "doctor" };
  if (values.version === true) return { kind: "version" };
  const timeout =
    values.timeout === undefined ? undefined : integer("timeout", values.timeout, 1, maxTime);
  if (values.cache === undefined && values.redis !== undefined) {
    const other = (["name", "heartbeat"] as const).find((name) => values[name] !== undefined);
    if (other !== undefined)
      throw new UsageError(`option --${other}: expected --cache with it, got none`);
    return { kind: "stores", options: { ...placeOptions(values), timeout: timeout ?? maxWait } };
  }
  const options = streamOptions(values);
  return {
    kind: "doctor",
    options: { ...options, timeout: timeout ?? 1.5 * options.heartbeat },
  };
}

function parseInspect(argv: readonly string[]): Command {
  const { values } = parse(argv, { ...common, ...inspectOnly });
  if (values.help === true) return { kind: "help", of: "inspect" };
  if (values.version === true) return { kind: "version" };
  const { port } = values;
  const options: InspectOptions = {
    ...streamOptions(values),
    port: port === undefined ? defaults.port : integer("port", port, 0, 65_535),
    values: values.values === true,
  };
  return { kind: "inspect", options };
}

function parseTop(argv: readonly string[]): Command {
  const { values } = parse(argv, { ...common, once: { type: "boolean" } });
  if (values.help === true) return { kind: "help", of: "top" };
  if (values.version === true) return { kind: "version" };
  const options = streamOptions(values);
  return { kind: "top", options: { ...options, once: values.once === true || options.json } };
}

function streamOptions(
  values: Parameters<typeof streamPlaceOptions>[0] & { readonly heartbeat?: string },
): StreamOptions {
  const { heartbeat } = values;
  return {
    ...streamPlaceOptions(values),
    heartbeat:
      heartbeat === undefined
        ? defaults.heartbeat
        : integer("heartbeat", heartbeat, 1, Math.floor(maxTime / 2)),
  };
}
