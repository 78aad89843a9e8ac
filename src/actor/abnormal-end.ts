import { channels, warnOfError } from "../telemetry/channels.js";
import { setImmediate } from "../timers.js";
import { type ExitReason, isCleanExit } from "./exit.js";
import type { ActorRef } from "./ref.js";

/** An actor that has ended. @internal */
export interface Ended {
  readonly ref: ActorRef;
  /** Whether a supervisor reports its end. */
  readonly supervised: boolean;
}

/**
 * Reports the abnormal end of an actor that has no supervisor: on its channel or, if nobody listens
 * there and no monitor was notified, as a process warning. A kill is not reported: the caller of
 * `kill` knows.
 *
 * @internal
 */
export function reportAbnormalEnd(actor: Ended, reason: ExitReason, monitored: boolean): void {
  if (isCleanExit(reason) || reason === "killed") return;
  // In a later turn: what has just been started may be about to become a supervisor's child.
  setImmediate(() => {
    if (actor.supervised) return;
    const { ref } = actor;
    if (channels.actorExit.hasSubscribers) channels.actorExit.publish({ ref, reason });
    else if (!monitored) warnOfError(`actor ${placeOf(ref.path)} ended`, reason);
  });
}

/** Numbered ids are new for each actor: a crash loop of unnamed actors is one place. */
function placeOf(path: string): string {
  return path.replaceAll(/\/actor-\d+(?=\/|$)/g, "/actor-*");
}
