import { parseArgs, type ParseArgsConfig, types } from "node:util";
import { type EventType, eventTypes } from "../event/types.js";
import type { Milliseconds } from "../options.js";
import {
  type BrokerAddress,
  natsAddress,
  redisAddress,
  type Refuse,
  sentinelAddress,
} from "../pubsub/broker-address.js";
import type { RedisOptions, RedisSentinel } from "../pubsub/redis-client.js";
import { type CommandName, defaults, UsageError } from "./usage.js";

/** Which stream, and which broker. @internal */
export interface StreamOptions {
  readonly broker: BrokerAddress;
  /** Where to ask for the Redis. */
  readonly sentinel?: RedisSentinel;
  readonly cache: string;
  readonly name: string;
  readonly namespace: string;
  readonly heartbeat: Milliseconds;
  readonly json: boolean;
}

/** @internal */
export interface TailOptions extends StreamOptions {
  readonly events: readonly EventType[];
  /** Null: all. */
  readonly partition: number | null;
}

/** @internal */
export interface DoctorOptions extends StreamOptions {
  readonly timeout: Milliseconds;
}

/** What the command line asks for. @internal */
export type Command =
  | { readonly kind: "tail"; readonly options: TailOptions }
  | { readonly kind: "doctor"; readonly options: DoctorOptions }
  | { readonly kind: "help"; readonly of: CommandName | null }
  | { readonly kind: "version" };

/** The longest delay that Node's timers accept. */
const maxTime = 2 ** 31 - 1;
const maxPartition = 65_535;

const general = {
  help: { type: "boolean", short: "h" },
  version: { type: "boolean" },
} as const;
const common = {
  redis: { type: "string" },
  sentinel: { type: "string" },
  nats: { type: "string" },
  cache: { type: "string" },
  name: { type: "string" },
  namespace: { type: "string" },
  heartbeat: { type: "string" },
  json: { type: "boolean" },
  ...general,
} as const;
const tailOnly = { events: { type: "string" }, partition: { type: "string" } } as const;
const doctorOnly = { timeout: { type: "string" } } as const;

/** The command that is meant; undefined: none. @internal */
export function commandIn([first]: readonly string[]): CommandName | undefined {
  return first === "tail" || first === "doctor" ? first : undefined;
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
  return command === "tail" ? parseTail(rest) : parseDoctor(rest);
}

function parseGeneral(argv: readonly string[]): Command {
  const [first] = argv;
  if (first === undefined) throw new UsageError("expected a command: tail or doctor, got none");
  if (!first.startsWith("-"))
    throw new UsageError(`unknown command ${JSON.stringify(first)}: expected tail or doctor`);
  const values = parse(argv, general);
  return values.help === true ? { kind: "help", of: null } : { kind: "version" };
}

function parseTail(argv: readonly string[]): Command {
  const values = parse(argv, { ...common, ...tailOnly });
  if (values.help === true) return { kind: "help", of: "tail" };
  if (values.version === true) return { kind: "version" };
  const { partition } = values;
  const options: TailOptions = {
    ...streamOptions(values),
    events: typesIn(values.events),
    partition: partition === undefined ? null : integer("partition", partition, 0, maxPartition),
  };
  return { kind: "tail", options };
}

function parseDoctor(argv: readonly string[]): Command {
  const values = parse(argv, { ...common, ...doctorOnly });
  if (values.help === true) return { kind: "help", of: "doctor" };
  if (values.version === true) return { kind: "version" };
  const options = streamOptions(values);
  const { timeout } = values;
  return {
    kind: "doctor",
    options: {
      ...options,
      timeout:
        timeout === undefined ? 1.5 * options.heartbeat : integer("timeout", timeout, 1, maxTime),
    },
  };
}

interface StreamValues {
  readonly redis?: string;
  readonly sentinel?: string;
  readonly nats?: string;
  readonly cache?: string;
  readonly name?: string;
  readonly namespace?: string;
  readonly heartbeat?: string;
  readonly json?: boolean;
}

function streamOptions(values: StreamValues): StreamOptions {
  const { redis, sentinel, nats, heartbeat } = values;
  if (redis !== undefined && nats !== undefined)
    throw new UsageError("options --redis and --nats: expected one of them, got both");
  if (sentinel !== undefined && redis === undefined)
    throw new UsageError("option --sentinel: expected --redis with the master's name, got none");
  if (values.cache === undefined)
    throw new UsageError("option --cache: expected the cache's name, got none");
  const cache = plainName("cache", values.cache);
  return {
    ...brokerIn(redis, sentinel, nats),
    cache,
    name: plainName("name", values.name ?? cache),
    namespace: plainName("namespace", values.namespace ?? defaults.namespace),
    heartbeat:
      heartbeat === undefined
        ? defaults.heartbeat
        : integer("heartbeat", heartbeat, 1, Math.floor(maxTime / 2)),
    json: values.json === true,
  };
}

type Broker = Pick<StreamOptions, "broker" | "sentinel">;

function brokerIn(redis?: string, sentinel?: string, nats?: string): Broker {
  if (redis !== undefined && sentinel !== undefined) return masterIn(redis, sentinel);
  if (redis !== undefined) return { broker: redisAddress(redis, refuseFor("redis")) };
  if (nats !== undefined) return { broker: natsAddress(nats, refuseFor("nats")) };
  throw new UsageError("options --redis and --nats: expected one of them, got none");
}

function refuseFor(option: string): Refuse {
  return (expected, got) => new UsageError(`option --${option}: expected ${expected}, got ${got}`);
}

/** The Redis that Sentinels name: its URL has the master's name as the host. */
function masterIn(redis: string, sentinel: string): Broker {
  const refuse = refuseFor("redis");
  const master = redisAddress(redis, refuse);
  const sentinels = sentinelAddress(sentinel, refuseFor("sentinel"));
  const { socket, database } = master;
  if (!("host" in socket) || socket.port !== undefined)
    throw refuse("the master's name as the host, without a port, with --sentinel", master.shown);
  return {
    broker: {
      ...master,
      shown: `${master.shown} at ${sentinels.shown}`,
      secrets: [...master.secrets, ...sentinels.secrets],
    },
    sentinel: {
      // Unlike a host's name, it has upper and lower case.
      name: new URL(redis).hostname,
      sentinelRootNodes: [...sentinels.nodes],
      nodeClientOptions: {
        ...clientOptions(master),
        ...(database === undefined ? {} : { database }),
      },
      sentinelClientOptions: clientOptions(sentinels),
    },
  };
}

function clientOptions({ user, password, tls }: BrokerAddress): RedisOptions {
  return {
    ...(user === undefined ? {} : { username: user }),
    ...(password === undefined ? {} : { password }),
    ...(tls ? { socket: { tls } } : {}),
  };
}

function typesIn(text: string | undefined): readonly EventType[] {
  if (text === undefined) return eventTypes;
  const names = new Set(text.split(",").map((name) => name.trim()));
  for (const name of names)
    if (!(eventTypes as readonly string[]).includes(name))
      throw new UsageError(
        `option --events: expected some of ${eventTypes.join(", ")}, got ${JSON.stringify(name)}`,
      );
  return eventTypes.filter((type) => names.has(type));
}

function plainName(option: string, value: string): string {
  if (value !== "" && !value.includes(":")) return value;
  throw new UsageError(
    `option --${option}: expected a name without ":", got ${JSON.stringify(value)}`,
  );
}

function integer(option: string, text: string, min: number, max: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (value >= min && value <= max) return value;
  throw new UsageError(
    `option --${option}: expected an integer from ${min} to ${max}, got ${JSON.stringify(text)}`,
  );
}

function parse<const Options extends NonNullable<ParseArgsConfig["options"]>>(
  argv: readonly string[],
  options: Options,
) {
  try {
    const parsed = parseArgs({
      args: joinNegativeValues(argv),
      strict: true,
      allowPositionals: false,
      tokens: true,
      options,
    });
    const names = parsed.tokens.flatMap((token) => (token.kind === "option" ? [token.name] : []));
    const twice = names.find((name, index) => names.indexOf(name) < index);
    if (twice === undefined) return parsed.values;
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
