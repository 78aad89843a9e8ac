import type { AsyncCache, Cache } from "../cache/types.js";
import { OptionError } from "../errors.js";
import { type CacheEntryEvent, type EventType, eventTypes } from "../event/types.js";
import type { ActorRef } from "../actor/ref.js";
import {
  callable,
  integer,
  knownOptions,
  type Milliseconds,
  milliseconds,
  nonEmptyString,
  oneOf,
  plainName,
  subsetOf,
} from "../options.js";
import { allTypes, maskOf } from "../log/event-mask.js";
import { cacheOption } from "../stream/stream-options.js";
import { batchTraitsOf } from "./batch-handler.js";
import {
  type EventHandler,
  type HandlerContext,
  type HandlerFunction,
  resolveHandler,
} from "./event-handler.js";

/**
 * Is given an event that could not be handled, the last error, and the worker's context. A promise
 * is awaited.
 */
export type OnDeadLetter<K = unknown, V = unknown> = (
  event: CacheEntryEvent<K, V, ActorRef>,
  error: unknown,
  ctx: HandlerContext,
) => void | Promise<void>;

/** Options of {@link handlerPool}. */
export interface HandlerPoolOptions<K = unknown, V = unknown, State = unknown> {
  /** The cache, or one of its instances. */
  cache: Cache<K, V> | AsyncCache<K, V>;
  /** The instance's name. Default: that of `cache`. */
  name?: string;
  /** The pool's id among its siblings. Default `<instance>:handlers`. */
  id?: string;
  /** The name of the pool's place in the stream, which outlives the pool. Default: its id. */
  group?: string;
  /**
   * Number of partitions: the stream's, which is the default. A pool on a stream with another
   * number fails its start.
   */
  partitions?: number;
  /** The types of event; at least one. Default: all five. */
  events?: readonly EventType[];
  /** What handles the events: a function, or an object with a state for each worker. */
  handler: EventHandler<State, NoInfer<K>, NoInfer<V>> | HandlerFunction<NoInfer<K>, NoInfer<V>>;
  /**
   * Whether a throw ends the worker's incarnation (`"restart"`, the default) or not (`"resume"`).
   */
  onError?: "restart" | "resume";
  /** How often an event is tried before it is given up: an integer above 0. Default 1. */
  maxAttempts?: number;
  /**
   * Milliseconds before the second attempt at an event. Default 0; it doubles with each further
   * one.
   */
  backoffInitial?: Milliseconds;
  /** Milliseconds between two attempts at the most. Default 30,000. */
  backoffMax?: Milliseconds;
  /** Is given what could not be handled. Default: nobody; telemetry tells of it all the same. */
  onDeadLetter?: OnDeadLetter<NoInfer<K>, NoInfer<V>>;
  /**
   * What gives way when the pool is behind by more than the stream's capacity: the oldest events,
   * or all but the newest of each key. Default `"gap"`.
   */
  overflow?: "gap" | "coalesce";
  /** Events of one partition, of different keys, that are handled at once. Default 1. */
  concurrency?: number;
  /**
   * Restarts of its workers within `maxSeconds` before the pool gives up. Default: it never does,
   * and restarts with growing pauses.
   */
  maxRestarts?: number;
  /** Seconds in which `maxRestarts` are allowed; needs that option. Default 5. */
  maxSeconds?: number;
  /**
   * How long each worker may take to finish what is in its log when it is stopped, in milliseconds.
   * Default 5000.
   */
  shutdown?: Milliseconds;
}

/** What each worker of a pool goes by. @internal */
export interface WorkerOptions {
  readonly group: string;
  readonly mask: number;
  /** Gives the handler of one incarnation. */
  readonly makeHandler: () => EventHandler;
  readonly onError: "restart" | "resume";
  readonly maxAttempts: number;
  readonly backoffInitial: Milliseconds;
  readonly backoffMax: Milliseconds;
  readonly onDeadLetter: OnDeadLetter | undefined;
  readonly coalesces: boolean;
  readonly concurrency: number;
  /** Is given what others send to the worker's actor, which has no use for it. */
  readonly onMessage?: (message: unknown) => void;
}

/** @internal */
export const poolOptionNames: readonly string[] = [
  "cache",
  "name",
  "id",
  "group",
  "partitions",
  "events",
  "handler",
  "onError",
  "maxAttempts",
  "backoffInitial",
  "backoffMax",
  "onDeadLetter",
  "overflow",
  "concurrency",
  "maxRestarts",
  "maxSeconds",
  "shutdown",
];

/** @internal */
export function resolveWorkerOptions(options: HandlerPoolOptions, id: string): WorkerOptions {
  const handler = resolveHandler(options.handler as EventHandler<never, never, never>);
  const concurrency = integer("concurrency", options.concurrency ?? 1, 1);
  if (batchTraitsOf(handler) !== undefined && concurrency > 1)
    throw OptionError.invalid("concurrency", "1 (a batch is handled on its own)", concurrency);
  const backoffInitial = milliseconds("backoffInitial", options.backoffInitial ?? 0);
  return {
    group: options.group === undefined ? id : nonEmptyString("group", options.group),
    mask:
      options.events === undefined
        ? allTypes
        : maskOf(subsetOf("events", options.events, eventTypes, 1)),
    makeHandler: () => handler,
    onError: oneOf("onError", options.onError ?? "restart", ["restart", "resume"]),
    maxAttempts: integer("maxAttempts", options.maxAttempts ?? 1, 1),
    backoffInitial,
    backoffMax: milliseconds(
      "backoffMax",
      options.backoffMax ?? Math.max(30_000, backoffInitial),
      backoffInitial,
    ),
    onDeadLetter:
      options.onDeadLetter === undefined
        ? undefined
        : (callable("onDeadLetter", options.onDeadLetter) as OnDeadLetter),
    coalesces: oneOf("overflow", options.overflow ?? "gap", ["gap", "coalesce"]) === "coalesce",
    concurrency,
  };
}

/** @internal */
export function checkPoolOptions(
  what: string,
  options: Omit<HandlerPoolOptions, "handler">,
  known: readonly string[],
): void {
  knownOptions(what, options, known);
  cacheOption("cache", options.cache);
  if (options.name !== undefined) plainName("name", options.name);
  if (options.id !== undefined) nonEmptyString("id", options.id);
  if (options.maxSeconds !== undefined && options.maxRestarts === undefined)
    throw OptionError.invalid("maxSeconds", "undefined without maxRestarts", options.maxSeconds);
  if (options.partitions !== undefined) integer("partitions", options.partitions, 1);
}
