import type { ExitReason } from "../actor/exit.js";
import type { ActorRef } from "../actor/ref.js";
import { OptionError } from "../errors.js";
import type { CacheEntryEvent, GapEvent } from "../event/types.js";
import { callable, integer, knownOptions, type Milliseconds, milliseconds } from "../options.js";

/** What a handler knows of its place. */
export interface HandlerContext {
  /** Its partition; null on a stream without partitions. */
  readonly partition: number | null;
  /** Number of partitions; null on a stream without partitions. */
  readonly partitions: number | null;
  /** Which attempt at the event this is, from 1. */
  readonly attempt: number;
  /** The worker's incarnation. */
  readonly self: ActorRef;
  /** Fires when that incarnation ends. */
  readonly signal: AbortSignal;
}

/**
 * What a handler pool does with events: one at a time in each partition, promises awaited.
 * `undefined` keeps the state.
 */
export interface EventHandler<State = unknown, K = unknown, V = unknown, Ctx = HandlerContext> {
  /** Makes the state of an incarnation. */
  init?(ctx: Ctx): State | Promise<State>;
  /** Handles an event. A throw is a failed attempt. */
  handle(
    event: CacheEntryEvent<K, V, ActorRef>,
    state: State,
    ctx: Ctx,
  ): State | void | Promise<State | void>;
  /** Is told of events that it will not be given. */
  onGap?(gap: GapEvent, state: State, ctx: Ctx): State | void | Promise<State | void>;
  /** Cleans up: after the last event, with the reason; not after a failed `init` or a kill. */
  terminate?(reason: ExitReason, state: State, ctx: Ctx): void | Promise<void>;
}

/** A handler without a state. */
export type HandlerFunction<K = unknown, V = unknown> = (
  event: CacheEntryEvent<K, V, ActorRef>,
  ctx: HandlerContext,
) => void | Promise<void>;

/**
 * Receives an event that could not be handled, the error of its last attempt, and the worker's
 * context. A promise is awaited.
 */
export type OnDeadLetter<K = unknown, V = unknown> = (
  event: CacheEntryEvent<K, V, ActorRef>,
  error: unknown,
  ctx: HandlerContext,
) => void | Promise<void>;

/** Options of {@link batchHandler}. */
export interface BatchHandlerOptions<K = unknown, V = unknown> {
  /** Events in a batch at the most: an integer above 0. */
  maxSize: number;
  /**
   * How long, in milliseconds, the first event of a batch waits for others. 0: not beyond what has
   * come already.
   */
  maxWait: Milliseconds;
  /** Handles a batch, in order, at least one event. A throw is a failed attempt at all of them. */
  handle(
    events: readonly CacheEntryEvent<K, V, ActorRef>[],
    ctx: HandlerContext,
  ): void | Promise<void>;
  /** Is told of events that it will not be given; the batch before has been handled by then. */
  onGap?(gap: GapEvent, ctx: HandlerContext): void | Promise<void>;
}

/**
 * What a batch's handler may throw when it has handled the first events of the batch, and failed at
 * the next ones.
 *
 * @internal
 */
export class BatchFailure extends Error {
  readonly handled: number;
  /** How many it failed at; it has not tried those behind them. */
  readonly attempted: number;

  constructor(handled: number, attempted: number, cause: unknown) {
    super("batch failed in part", { cause });
    this.handled = handled;
    this.attempted = attempted;
  }
}

/** Where a pool's worker finds that a handler wants batches. @internal */
export const batch: unique symbol = Symbol("batch");

/** @internal */
export interface BatchTraits {
  readonly maxSize: number;
  readonly maxWait: Milliseconds;
  handle(events: readonly CacheEntryEvent[], ctx: HandlerContext): void | Promise<void>;
  /** The worker has been told to stop in order. */
  draining?(): void;
  /** The worker has ended. Returns how many events of the batch in hand have been handled. */
  abandon?(): number;
}

/**
 * A handler for pools that is given events in batches. An event counts as handled when its batch
 * is: a kill brings the batch again; a stop, and `whenIdle`, wait for it.
 *
 * @throws {@link OptionError}
 */
export function batchHandler<K = unknown, V = unknown>(
  options: BatchHandlerOptions<K, V>,
): EventHandler<void, K, V> {
  knownOptions("batchHandler", options, ["maxSize", "maxWait", "handle", "onGap"]);
  const handle = callable("handle", options.handle).bind(options) as BatchHandlerOptions["handle"];
  const onGap =
    options.onGap === undefined ? undefined : callable("onGap", options.onGap).bind(options);
  const traits: BatchTraits = {
    maxSize: integer("maxSize", options.maxSize, 1),
    maxWait: milliseconds("maxWait", options.maxWait),
    handle,
  };
  return {
    // For who calls it without a pool: a batch of one.
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

/** Checks a pool's handler; a function becomes an object. @internal */
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
  const handler = value as EventHandler;
  callable("handle", handler.handle);
  for (const name of ["init", "onGap", "terminate"] as const)
    if (handler[name] !== undefined) callable(name, handler[name]);
  return handler;
}
