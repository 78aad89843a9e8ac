import type { ExitReason } from "../actor/exit.js";
import type { ActorRef } from "../actor/ref.js";
import { OptionError } from "../errors.js";
import type { CacheEntryEvent, GapEvent } from "../event/types.js";
import { callable } from "../options.js";

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

/** Checks a pool's handler; a function becomes an object. @internal */
export function resolveHandler(
  handler: EventHandler<never, never, never> | HandlerFunction<never, never>,
  option = "handler",
): EventHandler {
  if (typeof handler === "function") {
    const handle = handler as HandlerFunction;
    return { handle: (event, _state, ctx) => handle(event, ctx) };
  }
  if (typeof handler !== "object" || handler === null) {
    throw OptionError.invalid(
      option,
      "a function, or an object with handle(event, state, ctx)",
      handler,
    );
  }
  callable("handle", handler.handle);
  for (const name of ["init", "onGap", "terminate"] as const)
    if (handler[name] !== undefined) callable(name, handler[name]);
  return handler as EventHandler;
}
