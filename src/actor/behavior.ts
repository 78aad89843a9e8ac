import type { ActorContext } from "./context.js";
import type { ExitReason } from "./exit.js";

/**
 * What an actor does. Its functions are called one at a time, each after the promise of the one
 * before has settled. A throw, or a rejection, ends the incarnation with that error as the reason
 * (for `init`: the start fails with it).
 */
export interface Behavior<State = unknown, Msg = unknown> {
  /**
   * Makes the first state; the actor counts as started when it has. Without it the state is
   * `undefined`.
   */
  init?(ctx: ActorContext<Msg>): State | Promise<State>;
  /** Handles a message; gives the next state. `undefined` keeps the state as it is. */
  receive(state: State, message: Msg, ctx: ActorContext<Msg>): State | void | Promise<State | void>;
  /**
   * Cleans up: once, after the last message, with the reason (after a crash, the error); not after
   * a failed `init` or a kill.
   */
  terminate?(reason: ExitReason, state: State, ctx: ActorContext<Msg>): void | Promise<void>;
}

/** How an actor is spawned. */
export interface SpawnOptions {
  /**
   * Its id, and its name in `system.registry`, where it stands before `init` runs. Default: none,
   * and a numbered id.
   */
  name?: string;
}
