import type { ExitReason } from "../actor/exit.js";
import type { ActorRef } from "../actor/ref.js";
import { OptionError } from "../errors.js";
import type { CacheEntryEvent, GapEvent } from "../event/types.js";
import {
  callable,
  integer,
  type Milliseconds,
  milliseconds,
  option,
  readOptions,
  requiredOption,
  type SchemaOf,
} from "../options.js";

/** What a handler is called with, beside the event and its state. */
export interface HandlerContext {
  /** Its partition; null on a stream without partitions. */
  readonly partition: number | null;
  /** Number of partitions; null on a stream without partitions. */
  readonly partitions: number | null;
  /** Which attempt at the event this is, from 1. */
  readonly attempt: number;
  /**
   * With `scope: "cluster"`: the fence of the lease on the partition, a number that grows with every
   * change of owner. Never the same for two owners, so that what is outside can refuse a late one.
   * 0 in node scope.
   */
  readonly fence: number;
  /** The worker's incarnation. */
  readonly self: ActorRef;
  /** Fires when that incarnation ends. */
  readonly signal: AbortSignal;
}

/**
 * Handles the events of a pool: one at a time in each partition, promises awaited. A returned
 * `undefined` keeps the state.
 */
export interface EventHandler<
  State = unknown,
  K = unknown,
  V = unknown,
  Ctx = HandlerContext,
  Event = CacheEntryEvent<K, V, ActorRef>,
> {
  /** Returns the state of an incarnation. */
  init?(ctx: Ctx): State | Promise<State>;
  /** Handles an event. A throw is a failed attempt. */
  handle(event: Event, state: State, ctx: Ctx): State | void | Promise<State | void>;
  /** Reports events that will not be delivered. */
  onGap?(gap: GapEvent, state: State, ctx: Ctx): State | void | Promise<State | void>;
  /** Cleans up: after the last event, with the reason; not after a failed `init` or a kill. */
  terminate?(reason: ExitReason, state: State, ctx: Ctx): void | Promise<void>;
  /** Tells it from {@link BatchHandlerOptions}, which have a `maxSize`. */
  maxSize?: undefined;
}

/** A handler without a state. */
export interface HandlerFunction<
  K = unknown,
  V = unknown,
  Event = CacheEntryEvent<K, V, ActorRef>,
> {
  (event: Event, ctx: HandlerContext): void | Promise<void>;
  /** Tells it from {@link BatchHandlerOptions}, which have a `maxSize`. */
  maxSize?: undefined;
}

/**
 * Receives an event that could not be handled, the error of its last attempt, and the worker's
 * context. A promise is awaited.
 */
export type OnDeadLetter<K = unknown, V = unknown, Event = CacheEntryEvent<K, V, ActorRef>> = (
  event: Event,
  error: unknown,
  ctx: HandlerContext,
) => void | Promise<void>;

/** A handler of batches: the `handler` of a pool, or the options of {@link batchHandler}. */
export interface BatchHandlerOptions<
  K = unknown,
  V = unknown,
  Event = CacheEntryEvent<K, V, ActorRef>,
> {
  /** Events in a batch at the most: an integer above 0; 64 with `scope: "cluster"`, if it is more. */
  maxSize: number;
  /**
   * How long, in milliseconds, the first event of a batch waits for others. 0: not beyond what has
   * come already.
   */
  maxWait: Milliseconds;
  /** Handles a batch, in order, at least one event. A throw is a failed attempt at all of them. */
  handle(events: readonly Event[], ctx: HandlerContext): void | Promise<void>;
  /** Reports events that will not be delivered. The batch before has been handled by then. */
  onGap?(gap: GapEvent, ctx: HandlerContext): void | Promise<void>;
}

/**
 * Thrown by a handler of batches that has handled the first events of a batch and failed at the
 * next ones.
 *
 * @internal
 */
export class BatchFailure extends Error {
  readonly handled: number;
  /** Events that it failed at; those behind them have not been attempted. */
  readonly attempted: number;

  constructor(handled: number, attempted: number, cause: unknown) {
    super("batch failed in part", { cause });
    this.handled = handled;
    this.attempted = attempted;
  }
}

/** The property by which a pool's worker recognizes a handler of batches. @internal */
export const batch: unique symbol = Symbol("batch");

/** @internal */
export interface BatchTraits {
  readonly maxSize: number;
  readonly maxWait: Milliseconds;
  handle(events: readonly CacheEntryEvent[], ctx: HandlerContext): void | Promise<void>;
  /** Called when the worker begins to stop in order. */
  draining?(): void;
  /**
   * Called when the worker has ended. Returns how many events of the current batch have been
   * handled.
   */
  abandon?(): number;
}

const batchSchema = {
  maxSize: requiredOption((name, value) => integer(name, value, 1)),
  maxWait: requiredOption((name, value) => milliseconds(name, value)),
  handle: requiredOption((name, value) => callable(name, value as BatchHandlerOptions["handle"])),
  onGap: option((name, value) =>
    callable(name, value as NonNullable<BatchHandlerOptions["onGap"]>),
  ),
} satisfies SchemaOf<BatchHandlerOptions>;

/**
 * A handler for pools that handles events in batches. An event counts as handled when its batch is:
 * after a kill the whole batch is delivered again; a stop, and `whenIdle`, wait for it.
 *
 * Only a handler that stands by itself needs this function: a constant, or the default export of a
 * worker pool's module. The `handler` of a {@link handlerPool} can be the options themselves, and
 * the types of key and value are then those of its cache.
 *
 * @throws {@link OptionError}
 */
export function batchHandler<K = unknown, V = unknown>(
  options: BatchHandlerOptions<K, V>,
): EventHandler<void, K, V> {
  const resolved = readOptions("batchHandler", batchSchema, options);
  const { maxSize, maxWait } = resolved;
  const handle = resolved.handle.bind(options);
  const onGap = resolved.onGap?.bind(options);
  const traits: BatchTraits = { maxSize, maxWait, handle };
  return {
    // Called without a pool, it handles a batch of one.
    handle: (event, _state, ctx) =>
      handle([event as CacheEntryEvent<unknown, unknown, ActorRef>], ctx),
    ...(onGap === undefined
      ? undefined
      : { onGap: (gap: GapEvent, _state: void, ctx: HandlerContext) => onGap(gap, ctx) }),
    [batch]: traits,
  } as EventHandler<void, K, V>;
}

/** @internal */
export function batchTraitsOf(handler: EventHandler): BatchTraits | undefined {
  return (handler as { [batch]?: BatchTraits })[batch];
}

/** Checks a handler, and returns it in one form, whatever it was written as. @internal */
export function resolveHandler(value: unknown, option: string): EventHandler {
  if (typeof value === "function") {
    const handle = value as HandlerFunction;
    return { handle: (event, _state, ctx) => handle(event, ctx) };
  }
  if (typeof value !== "object" || value === null) {
    throw OptionError.invalid(
      option,
      "a function, or an object with handle(event, state, ctx)",
      value,
    );
  }
  if ("maxSize" in value || "maxWait" in value)
    return batchHandler(value as BatchHandlerOptions) as EventHandler;
  const handler = value as EventHandler;
  callable("handle", handler.handle);
  for (const name of ["init", "onGap", "terminate"] as const)
    if (handler[name] !== undefined) callable(name, handler[name]);
  return handler;
}
