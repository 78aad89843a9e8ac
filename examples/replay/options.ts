import { parseArgs, types } from "node:util";

/** A cache that the processes of the replay share. */
export interface SharedStoreOptions {
  readonly store: "redis";
  /** How many processes play requests and handle events. */
  readonly processes: number;
  /** The server; without one, the replay starts its own. */
  readonly url?: string;
}

/** A cache in the process of the replay. */
export interface LocalStoreOptions {
  readonly store: "local";
  /** The most entries the cache holds; 0 means no limit. */
  readonly maxEntries: number;
  /** The port of a page that shows the run, and stays open at its end; undefined: there is none. */
  readonly inspect?: number;
}

/** What the replay is asked to do. */
export type ReplayOptions = CommonOptions & (LocalStoreOptions | SharedStoreOptions);

interface CommonOptions {
  /** The trace file; without one, the generated Zipf workload is replayed. */
  readonly trace?: string;
  /** How many partitions, and so how many handlers, the stream has. */
  readonly partitions: number;
  /** How many times a handler is crashed, spread over the run. */
  readonly chaos: number;
  /** Seed of the generated workload. */
  readonly seed: number;
  /** Whether the result is one JSON object instead of tables. */
  readonly json: boolean;
}

/** What the command line asks for: a replay, or the help text. */
export type Command =
  { readonly kind: "replay"; readonly options: ReplayOptions } | { readonly kind: "help" };

/** A command line that can't be understood; its message is one line for the user. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

export const DEFAULTS = Object.freeze({
  maxEntries: 10_000,
  partitions: 4,
  processes: 3,
  chaos: 0,
  seed: 42,
  port: 4040,
  json: false,
});

/** The cache sets the room for its entries aside at its start; more would not fit in memory. */
const MAX_ENTRIES = 10_000_000;
const MAX_PARTITIONS = 1_024;
const MAX_PROCESSES = 64;
const MAX_SEED = 0xffff_ffff;

export const USAGE = `Replays a cache trace through a supervised, partitioned stream of cache events.

Usage: npm start -- [options]

  --trace FILE      trace to replay: libCacheSim CSV, Twitter cache-trace CSV or ARC .lis,
                    plain or gzipped; without it, a generated Zipf workload of 200,000 requests
  --max-entries N   the most entries the cache holds, up to ${MAX_ENTRIES}; 0 = no limit
                    (default ${DEFAULTS.maxEntries}; only for --store local)
  --store STORE     where the entries are: local (in this process) or redis (one cache for
                    several processes); a redis-server is started if it is installed (default local)
  --processes N     processes that play requests and handle events, 1 to ${MAX_PROCESSES}
                    (default ${DEFAULTS.processes}; only for --store redis)
  --url URL         use the server there, as redis://host:port (only for --store redis)
  --partitions N    partitions of the stream, 1 to ${MAX_PARTITIONS} (default ${DEFAULTS.partitions})
  --chaos N         crash a handler N times, spread over the run (default ${DEFAULTS.chaos})
  --seed N          seed of the generated workload, 0 to ${MAX_SEED} (default ${DEFAULTS.seed})
  --inspect         show the run on a page in the browser, and keep it open at the end, until
                    interrupted (only for --store local)
  --port N          the page's port, 0 for any free one (default ${DEFAULTS.port}; only with --inspect)
  --json            print the result as one JSON object
  --help            print this text

Exit status: 0 every event was handled once and in order; 1 some were not, or the run failed;
2 a bad option or trace, or there is no server; 130 interrupted.
`;

/**
 * Reads the command line.
 *
 * @param argv the arguments behind the program's name
 * @throws UsageError for an unknown option, a missing value, or a value out of bounds
 */
export function parseCommand(argv: readonly string[]): Command {
  const values = parseValues(argv);
  if (values.help === true) return { kind: "help" };
  if (values.trace === "")
    throw new UsageError("option --trace: expected a file name, got nothing");
  if (values.trace !== undefined && values.seed !== undefined) {
    throw new UsageError(
      "option --seed: is for the generated workload and can't go together with --trace",
    );
  }
  const options = {
    ...storeOptions(values),
    partitions: integer("partitions", values.partitions, DEFAULTS.partitions, 1, MAX_PARTITIONS),
    chaos: integer("chaos", values.chaos, DEFAULTS.chaos, 0),
    seed: integer("seed", values.seed, DEFAULTS.seed, 0, MAX_SEED),
    json: values.json ?? DEFAULTS.json,
  };
  return {
    kind: "replay",
    options: values.trace === undefined ? options : { ...options, trace: values.trace },
  };
}

function storeOptions(values: Values): LocalStoreOptions | SharedStoreOptions {
  const { store = "local", processes, url } = values;
  if (store === "redis") {
    onlyFor("local", "max-entries", values["max-entries"]);
    onlyFor("local", "inspect", values.inspect);
    if (url === "") throw new UsageError("option --url: expected a URL, got nothing");
    const count = integer("processes", processes, DEFAULTS.processes, 1, MAX_PROCESSES);
    return { store, processes: count, ...(url === undefined ? {} : { url }) };
  }
  if (store !== "local") {
    throw new UsageError(`option --store: expected local or redis, got ${JSON.stringify(store)}`);
  }
  onlyFor("redis", "processes", processes);
  onlyFor("redis", "url", url);
  const { maxEntries } = DEFAULTS;
  return {
    store,
    maxEntries: integer("max-entries", values["max-entries"], maxEntries, 0, MAX_ENTRIES),
    ...inspectOption(values),
  };
}

function inspectOption({ inspect, port }: Values): { inspect?: number } {
  if (inspect === true) return { inspect: integer("port", port, DEFAULTS.port, 0, 65_535) };
  if (port !== undefined) throw new UsageError("option --port: is for --inspect only");
  return {};
}

function onlyFor(store: string, name: string, given: string | boolean | undefined): void {
  if (given !== undefined) throw new UsageError(`option --${name}: is for --store ${store} only`);
}

type Values = ReturnType<typeof parseValues>;

function parseValues(argv: readonly string[]) {
  try {
    return parseArgs({
      args: joinNegativeValues(argv),
      strict: true,
      allowPositionals: false,
      options: {
        trace: { type: "string" },
        "max-entries": { type: "string" },
        store: { type: "string" },
        processes: { type: "string" },
        url: { type: "string" },
        partitions: { type: "string" },
        chaos: { type: "string" },
        seed: { type: "string" },
        inspect: { type: "boolean" },
        port: { type: "string" },
        json: { type: "boolean" },
        help: { type: "boolean" },
      },
    }).values;
  } catch (error) {
    throw new UsageError(oneLine(error), { cause: error });
  }
}

/** `--chaos -1` as `--chaos=-1`: parseArgs would call -1 an option, and the range is what is wrong. */
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

/** The first sentence of parseArgs' message; the others advise on syntax that is not wanted here. */
function oneLine(error: unknown): string {
  const message = types.isNativeError(error) ? error.message : String(error);
  const sentence = message.split(/\.(?:\s|$)/, 1)[0] ?? "";
  const missing = /^Option '(?:-\w, )?(--[\w-]+).*argument (?:missing|is ambiguous)/s.exec(
    sentence,
  );
  if (missing !== null) return `option ${missing[1]}: expected a value, got none`;
  return sentence.replace(/\s+/g, " ").replace(/^[A-Z]/, (letter) => letter.toLowerCase());
}

function integer(
  name: string,
  text: string | undefined,
  preset: number,
  min: number,
  max = Number.MAX_SAFE_INTEGER,
): number {
  if (text === undefined) return preset;
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (value >= min && value <= max) return value;
  const range = max === Number.MAX_SAFE_INTEGER ? `>= ${min}` : `from ${min} to ${max}`;
  throw new UsageError(
    `option --${name}: expected an integer ${range}, got ${JSON.stringify(text)}`,
  );
}
