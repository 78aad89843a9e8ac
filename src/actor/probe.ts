import type { ExitReason } from "./exit.js";
import type { ActorRef } from "./ref.js";

/**
 * What may look at, and interfere with, the actors of a system: the seam for fault injection and
 * recording.
 *
 * @internal
 */
export interface Probe {
  /** Before `init`. A throw fails the start, a promise delays it. */
  starting?(ref: ActorRef): void | Promise<void>;
  /** After a successful `init`. Must not throw. */
  started?(ref: ActorRef): void;
  /**
   * Before a message, or an event of a stream, is handled. A throw is the handler's, a promise
   * delays it.
   */
  receiving?(ref: ActorRef, message: unknown): void | Promise<void>;
  /** When an incarnation has ended. Must not throw. */
  exited?(ref: ActorRef, reason: ExitReason): void;
}
