import { OptionError } from "../errors.js";
import {
  callable,
  integer,
  knownOptions,
  type Milliseconds,
  oneOf,
  plainName,
  positiveMilliseconds,
  subsetOf,
} from "../options.js";
import { type Bus, busOf, type PubSub, type PubSubWithBus } from "../pubsub/types.js";
import { isCache } from "../cache/cache-handle.js";
import type { AsyncCache, Cache } from "../cache/types.js";
import { defaultHash, type Hash } from "./hash.js";
import { maxCapacity } from "../log/partition-log.js";

/** What of the values an event carries. */
export type Include = "value" | "previous";

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

/** The options with their defaults. */
export interface ResolvedStreamOptions {
  /** Null: none. */
  readonly pubsub: PubSub | null;
  /** Whether actors get the events whose origin they are. */
  readonly broadcastFun: "broadcast" | "broadcast_from";
  /** Milliseconds before the second registration with the cache. */
  readonly backoffInitial: Milliseconds;
  /** Milliseconds between two registrations at the most. */
  readonly backoffMax: Milliseconds;
  /** Number of partitions; null: not partitioned. */
  readonly partitions: number | null;
  /** Chooses the partition of an event. */
  readonly hash: Hash;
  /** The values that events carry. */
  readonly include: readonly Include[];
  /** Events that a partition keeps at the most for its slowest reader. */
  readonly capacity: number;
  /** Events that a partition keeps behind its slowest reader. */
  readonly retain: number;
}

const defaults = {
  broadcastFun: "broadcast",
  backoffInitial: 1000,
  backoffMax: 30_000,
  capacity: 262_144,
  retain: 1024,
} as const;
const known = [
  "cache",
  "name",
  "pubsub",
  "broadcastFun",
  "backoffInitial",
  "backoffMax",
  "partitions",
  "hash",
  "include",
  "capacity",
  "retain",
];

/** @internal */
export function resolveStreamOptions(options: StreamServerOptions): ResolvedStreamOptions {
  knownOptions("streamServer", options, known);
  checkCacheOption(options.cache);
  if (options.name !== undefined) plainName("name", options.name);
  const backoffInitial = positiveMilliseconds(
    "backoffInitial",
    options.backoffInitial ?? defaults.backoffInitial,
  );
  const backoffMax = positiveMilliseconds(
    "backoffMax",
    options.backoffMax ?? Math.max(defaults.backoffMax, backoffInitial),
  );
  if (backoffMax < backoffInitial) {
    throw OptionError.invalid(
      "backoffMax",
      `a number of milliseconds >= ${backoffInitial} (backoffInitial)`,
      backoffMax,
    );
  }
  const capacity = integer("capacity", options.capacity ?? defaults.capacity, 1, maxCapacity);
  return Object.freeze({
    pubsub: options.pubsub === undefined ? null : checkPubSub(options.pubsub),
    broadcastFun: oneOf("broadcastFun", options.broadcastFun ?? defaults.broadcastFun, [
      "broadcast",
      "broadcast_from",
    ]),
    backoffInitial,
    backoffMax,
    partitions:
      options.partitions === undefined
        ? null
        : integer("partitions", options.partitions, 1, 65_536),
    hash: callable("hash", options.hash ?? defaultHash),
    include: Object.freeze(subsetOf("include", options.include ?? [], ["value", "previous"])),
    capacity,
    retain: integer("retain", options.retain ?? Math.min(defaults.retain, capacity), 0, capacity),
  });
}

/** What streams use of their pubsub; null: there is none. @internal */
export function busIn({ pubsub }: ResolvedStreamOptions): Bus | null {
  return pubsub === null ? null : (pubsub as PubSubWithBus)[busOf];
}

function checkPubSub(pubsub: PubSub): PubSub {
  if (typeof pubsub === "object" && pubsub !== null && busOf in pubsub) return pubsub;
  throw OptionError.invalid(
    "pubsub",
    "a pubsub, as localPubSub, redisPubSub, natsPubSub or createPubSub make it",
    pubsub,
  );
}

/** @internal */
export function checkCacheOption(cache: unknown): void {
  if (!isCache(cache))
    throw OptionError.invalid("cache", "a cache, as defineCache returns it", cache);
}
