import {
  type AdapterContext,
  type AsyncAdapter,
  type AsyncStore,
  sharedStore,
} from "../cache/adapter.js";
import { requireTtl } from "../cache/command-options.js";
import type { Ttl } from "../cache/types.js";
import { withTimeout } from "../clock.js";
import { decodeShape, encodeShape } from "../cluster/journal-shape.js";
import { JournalError, OptionError, ShapeMismatchError, type StreamShape } from "../errors.js";
import { hashReady } from "../event/key-hash.js";
import type { JournalEngine } from "../journal/engine.js";
import { RedisKeys } from "../journal/redis-keys.js";
import { isRedisJournal } from "../journal/redis-journal.js";
import type { RedisLink } from "../journal/redis-link.js";
import { type Journal, journalPort, type JournalWithPort } from "../journal/types.js";
import {
  derivedOption,
  integer,
  type Milliseconds,
  oneOf,
  option,
  positiveMilliseconds,
  readOptions,
  requiredOption,
  type Resolved,
  type SchemaOf,
} from "../options.js";
import { wireVersion } from "../pubsub/frame.js";
import { RefusedError } from "../pubsub/broker-session.js";
import { warnOfError } from "../telemetry/channels.js";
import { Announcer } from "./announcer.js";
import { checkStoreRights } from "./redis-rights.js";
import { allScripts } from "./redis-scripts.js";
import { RedisStore } from "./redis-store.js";
import { StoreCalls } from "./store-calls.js";
import { StoreCore } from "./store-core.js";
import { Sweeper } from "./sweeper.js";

/** Options of {@link redisAdapter}. */
export interface RedisAdapterOptions {
  /**
   * A `redisJournal`: the events of all changes go there, and the entries are kept on the same
   * server. Place it before the cache in the children list.
   */
  journal: Journal;
  /**
   * Number of partitions of the entries and of the journal: an integer from 1 to 65,536, the same in
   * every process. Default 1.
   */
  partitions?: number;
  /** The TTL of an entry stored without one, in milliseconds above 0. Default: none. */
  ttl?: Ttl;
  /**
   * Copies of entries in this process, which answer `get`, `fetch` and `fetchOrStore` in place of the
   * engine. A change, wherever it is made, removes the copy of its entry. Values are not copied for
   * each reader: they must not be changed. Default: no copies.
   */
  near?: NearCacheOptions;
  /** Milliseconds after which a command that the engine has not answered fails. Default 1000. */
  commandTimeout?: Milliseconds;
  /**
   * Which calls of `fetchOrStore` for a key share one load: those of all processes (`"cluster"`, the
   * default), or of each.
   */
  flight?: "cluster" | "process";
  /**
   * Milliseconds that a load holds up those of other processes at most: then the next one loads.
   * Default 5000. Only with `flight: "cluster"`.
   */
  flightLease?: Milliseconds;
  /**
   * Milliseconds between two sweeps for expired entries: an integer from 1. Of all processes one
   * sweeps. Above 500 the promise of a second does not hold. Default 200.
   */
  sweepInterval?: Milliseconds;
}

/** Options of the local copies of a shared store's entries. */
export interface NearCacheOptions {
  /**
   * How many copies there are at most, divided among the partitions: an integer from 1. Those that
   * are not read go first.
   */
  maxEntries: number;
  /** How long a copy is used, in milliseconds above 0. Default: as long as its entry lives. */
  ttl?: Milliseconds;
  /**
   * Whether copies are used while the journal can't be read: not once that has lasted for one
   * heartbeat of the journal (`"bypass"`, the default), or for as long as it takes (`"serve"`).
   */
  whileDisconnected?: "bypass" | "serve";
}

const nearSchema = {
  maxEntries: requiredOption((name, value) => integer(name, value, 1, 2 ** 24)),
  ttl: option(positiveMilliseconds, Infinity),
  whileDisconnected: option((name, value) => oneOf(name, value, ["bypass", "serve"]), "bypass"),
} satisfies SchemaOf<NearCacheOptions>;

const schema = {
  near: option((_name, value) => readOptions("near", nearSchema, value as NearCacheOptions)),
  journal: requiredOption(journalOption),
  partitions: option((name, value) => integer(name, value, 1, 65_536), 1),
  ttl: option((_name, value) => requireTtl(value), null),
  commandTimeout: option(positiveMilliseconds, 1000),
  flight: option((name, value) => oneOf(name, value, ["cluster", "process"]), "cluster"),
  flightLease: derivedOption(
    (name, value, { flight }: { flight: "cluster" | "process" }) => {
      if (flight === "cluster") return positiveMilliseconds(name, value);
      throw OptionError.invalid(name, 'none with flight "process"', value);
    },
    () => 5000,
  ),
  sweepInterval: option((name, value) => integer(name, value, 1), 200),
} satisfies SchemaOf<RedisAdapterOptions>;

/** @internal */
export type ResolvedRedisAdapterOptions = Resolved<typeof schema>;

/**
 * Keeps the entries in Redis, where every process that defines a cache of the same name in the
 * journal's namespace has the same ones. Each change and its event are one step of the engine, so
 * that none is without the other; `streamServer({ cache })` reads the events from the journal.
 * Commands return promises. They reject with {@link StoreUnavailableError} where the engine does not
 * answer; neither the start nor `fetchOrStore` waits for it.
 *
 * @throws {@link OptionError}
 */
export function redisAdapter(options: RedisAdapterOptions): AsyncAdapter {
  const resolved = readOptions("redisAdapter", schema, options);
  const { journal, partitions } = resolved;
  return {
    async: true,
    [sharedStore]: { journal, partitions },
    open: (context) => open(context, resolved),
  };
}

function journalOption(name: string, value: unknown): JournalWithPort {
  if (isRedisJournal(value)) return value;
  throw OptionError.invalid(name, "a journal made by redisJournal", value);
}

async function open<K, V>(
  { cache, name, clock, sink }: AdapterContext<K, V>,
  options: ResolvedRedisAdapterOptions,
): Promise<AsyncStore<K, V>> {
  const { journal, partitions, ttl, commandTimeout, sweepInterval } = options;
  const port = journal[journalPort];
  if (journal.status === "closed") {
    const { nodeName } = journal;
    const what = `journal ${nodeName} has not been started: is it in the children list? It belongs before the cache ${name}`;
    throw new JournalError("not_started", nodeName, what);
  }
  await hashReady;
  const stream = { cache, name };
  let isWarned = false;
  const shape: StreamShape = { partitions, hash: "defaultHash", version: wireVersion };
  const keys = new RedisKeys(port.namespace);
  const checkShape = async (): Promise<void> => {
    const engine = port.engine();
    if (!isWarned) void warnOfEviction(engine, name);
    isWarned = true;
    const stored = await engine.shape(stream, encodeShape(shape, port.nodeName));
    const { shape: other, node } = decodeShape(stored);
    if (
      other.partitions === partitions &&
      other.hash === shape.hash &&
      other.version === shape.version
    )
      return;
    const mismatch = new ShapeMismatchError(name, shape, node, other);
    calls.fail(mismatch);
    warnOfError(`the store of cache ${name}`, mismatch);
    throw mismatch;
  };
  let isStarted = false;
  let isRefused = false;
  const checkRights = async (link: RedisLink): Promise<void> => {
    try {
      await checkStoreRights(link, keys, stream, partitions);
      isRefused = false;
    } catch (error) {
      if (error instanceof RefusedError && !isRefused && isStarted)
        warnOfError(`the store of cache ${name}`, error);
      isRefused = error instanceof RefusedError;
      throw error;
    }
  };
  const calls: StoreCalls = new StoreCalls({
    cache: name,
    port,
    clock,
    timeout: commandTimeout,
    scripts: allScripts,
    prepare: async (link) => {
      await Promise.all([checkRights(link), checkShape()]);
    },
  });
  const near = options.near === undefined ? undefined : { clock, options: options.near };
  const core = new StoreCore<K, V>({ stream, port, keys, partitions, ttl, sink, near }, calls);
  let failure: Error | undefined;
  const prepared = calls.prepared().catch((error: unknown) => {
    if (error instanceof ShapeMismatchError) failure = error;
    if (error instanceof RefusedError) failure = calls.unavailable("no", error.message, error);
  });
  const isReady = Promise.all([prepared, core.near?.begun()]);
  // An engine that can't be reached, or does not answer, does not hold up the start.
  await withTimeout<unknown>(clock, commandTimeout, isReady, () => {});
  isStarted = true;
  if (failure !== undefined) {
    core.near?.close();
    calls.close();
    throw failure;
  }
  const sweeper = new Sweeper(core as StoreCore, { clock, interval: sweepInterval, keys });
  const announced = () =>
    core.near === undefined
      ? null
      : { entries: core.near.info().entries, maxEntries: options.near?.maxEntries ?? 0 };
  const announcer = new Announcer(core as StoreCore, { port, keys, clock, near: announced });
  const { flight, flightLease: lease } = options;
  return new RedisStore(core, flight === "cluster" ? { clock, lease } : undefined, () => {
    sweeper.close();
    announcer.close();
    core.near?.close();
    calls.close();
  });
}

/** An engine that may evict the journal would lose events. */
async function warnOfEviction(engine: JournalEngine, name: string): Promise<void> {
  const problems = await engine.health?.().catch(() => []);
  for (const { problem } of problems ?? [])
    if (problem.includes("evict")) warnOfError(`the store of cache ${name}`, problem);
}
