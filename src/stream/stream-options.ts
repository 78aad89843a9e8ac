import { OptionError, show } from "../errors.js";
import type { Include } from "../event/types.js";
import {
  callable,
  derivedOption,
  integer,
  liveOption,
  type Milliseconds,
  oneOf,
  option,
  plainName,
  positiveMilliseconds,
  readOptions,
  requiredOption,
  type Resolved,
  sameOptions,
  type SchemaOf,
  subsetOf,
} from "../options.js";
import { type Bus, busOf, type PubSub, type PubSubWithBus } from "../pubsub/types.js";
import {
  type Journal,
  type JournalPort,
  journalPort,
  type JournalWithPort,
} from "../journal/types.js";
import { isCache, sharedStoreOf } from "../cache/cache-handle.js";
import type { AnyCache, AsyncCache, Cache } from "../cache/types.js";
import { defaultHash, type Hash } from "./hash.js";
import { maxCapacity } from "../log/partition-log.js";

/** Options of {@link streamServer}. */
export interface StreamServerOptions<K = unknown, V = unknown> {
  /** The cache, or one of its instances. */
  cache: Cache<K, V> | AsyncCache<K, V>;
  /** The instance's name. Default: that of `cache`. */
  name?: string;
  /**
   * What carries the events to the other nodes, and theirs to this one. Default: none, events stay
   * in the process.
   */
  pubsub?: PubSub;
  /**
   * The durable record of the stream, which carries the events between nodes, too, and which cluster
   * groups read. Not together with `pubsub`. Default: none.
   */
  journal?: Journal;
  /**
   * Whether an actor that subscribed gets the events whose origin it is: `"broadcast"` (default) or
   * not: `"broadcast_from"`.
   */
  broadcastFun?: "broadcast" | "broadcast_from";
  /**
   * Milliseconds between the first failed registration with the cache and the second. Default 1000;
   * it doubles with each.
   */
  backoffInitial?: Milliseconds;
  /** Milliseconds between two registrations at the most. Default 30,000. */
  backoffMax?: Milliseconds;
  /** Number of partitions. Default: the stream is not partitioned. */
  partitions?: number;
  /** Chooses an event's partition. Default {@link defaultHash}. Not asked without partitions. */
  hash?: Hash<NoInfer<K>, NoInfer<V>>;
  /** Whether events carry the value that is stored now, and the one before. Default: neither. */
  include?: readonly Include[];
  /** Events that a partition keeps at the most for readers that are behind. Default 262,144. */
  capacity?: number;
  /**
   * Events that a partition keeps behind its slowest reader. Default 1024, or `capacity` if that is
   * less.
   */
  retain?: number;
}

const schema = {
  /** Null: none. */
  pubsub: option(pubSubOption, null),
  /** Null: none. */
  journal: option(journalOption, null),
  /** Whether actors get the events whose origin they are. */
  broadcastFun: liveOption(
    option((name, value) => oneOf(name, value, ["broadcast", "broadcast_from"]), "broadcast"),
  ),
  /** Milliseconds before the second registration with the cache. */
  backoffInitial: liveOption(option(positiveMilliseconds, 1000)),
  /** Milliseconds between two registrations at the most. */
  backoffMax: liveOption(
    derivedOption(
      (name, value, { backoffInitial }: { backoffInitial: Milliseconds }) =>
        checkBackoffMax(name, value, backoffInitial),
      ({ backoffInitial }) => Math.max(30_000, backoffInitial),
    ),
  ),
  /** Number of partitions; null: not partitioned. */
  partitions: option((name, value) => integer(name, value, 1, 65_536), null),
  /** Chooses the partition of an event. */
  hash: option((name, value) => callable(name, value as Hash), defaultHash),
  /** The values that events carry. */
  include: option(
    (name, value): readonly Include[] =>
      Object.freeze(subsetOf(name, value, ["value", "previous"])),
    Object.freeze([]),
  ),
  /** Events that a partition keeps at the most for its slowest reader. */
  capacity: option((name, value) => integer(name, value, 1, maxCapacity), 262_144),
  /** Events that a partition keeps behind its slowest reader. */
  retain: derivedOption(
    (name, value, { capacity }: { capacity: number }) => integer(name, value, 0, capacity),
    ({ capacity }) => Math.min(1024, capacity),
  ),
};

const fullSchema = {
  cache: requiredOption(cacheOption),
  name: option(plainName),
  ...schema,
} satisfies SchemaOf<StreamServerOptions>;

/** The options with their defaults. */
export interface ResolvedStreamOptions extends Resolved<typeof schema> {
  /** Whether the cache's store writes to the journal itself. @internal */
  readonly isShared?: boolean;
}

/** What a cache with a shared store decides. */
const storesOwn = ["journal", "pubsub", "partitions", "hash"] as const;

/** @internal */
export function resolveStreamOptions(options: StreamServerOptions): ResolvedStreamOptions {
  const {
    cache: _cache,
    name: _name,
    ...resolved
  } = readOptions("streamServer", fullSchema, options);
  const shared = sharedStoreOf(options.cache);
  if (shared === undefined) return Object.freeze(resolved);
  for (const name of storesOwn)
    if (options[name] !== undefined)
      throw new OptionError(
        name,
        `invalid value for option "${name}": expected none, since the store of the cache determines journal, partitions and hash, got: ${show(options[name])}`,
      );
  const { journal, partitions } = shared;
  return Object.freeze({ ...resolved, journal: journal as Journal, partitions, isShared: true });
}

/** Whether a stream can keep its logs when its options change. @internal */
export function canKeepLogs(from: ResolvedStreamOptions, to: ResolvedStreamOptions): boolean {
  return sameOptions(schema, from, to);
}

/** What streams use of their journal; null: there is none. @internal */
export function journalIn({ journal }: ResolvedStreamOptions): JournalPort | null {
  return journal === null ? null : (journal as JournalWithPort)[journalPort];
}

function journalOption(
  name: string,
  value: unknown,
  { pubsub }: { pubsub: PubSub | null },
): Journal {
  const journal = value as Journal | null;
  if (typeof journal !== "object" || journal === null || !(journalPort in journal))
    throw OptionError.invalid(
      name,
      "a journal, as localJournal, redisJournal, natsJournal or createJournal make it",
      value,
    );
  if (pubsub === null) return journal;
  throw new OptionError(
    name,
    "a stream has a journal or a pubsub, not both: the journal carries its events to the other nodes",
  );
}

/** What streams use of their pubsub; null: there is none. @internal */
export function busIn({ pubsub }: ResolvedStreamOptions): Bus | null {
  return pubsub === null ? null : (pubsub as PubSubWithBus)[busOf];
}

function pubSubOption(name: string, value: unknown): PubSub {
  const pubsub = value as PubSub | null;
  if (typeof pubsub === "object" && pubsub !== null && busOf in pubsub) return pubsub;
  throw OptionError.invalid(
    name,
    "a pubsub, as localPubSub, redisPubSub, natsPubSub or createPubSub make it",
    value,
  );
}

function checkBackoffMax(name: string, value: unknown, initial: Milliseconds): Milliseconds {
  const max = positiveMilliseconds(name, value);
  if (max >= initial) return max;
  const expected = `a number of milliseconds >= ${initial} (backoffInitial)`;
  throw OptionError.invalid(name, expected, max);
}

/** @internal */
export function cacheOption(name: string, value: unknown): AnyCache {
  if (isCache(value)) return value;
  throw OptionError.invalid(name, "a cache, as defineCache returns it", value);
}
