import type { ExitReason } from "../actor/exit.js";
import { ActorRef } from "../actor/ref.js";
import type { StartContext } from "../actor/start-context.js";
import type { ResolvedChildSpec, Shutdown } from "./child-spec.js";
import { setImmediate } from "../timers.js";

/** One incarnation of a child, from its successful start to its end. @internal */
export class RunningChild {
  readonly spec: ResolvedChildSpec;
  readonly ref: ActorRef;
  #alive = true;
  #reason: ExitReason;
  #ending = false;
  #ended: Promise<void> | undefined;

  /**
   * `onExit` is called, inside the child's end, for an exit that `end` did not request, and for one
   * that came before this call.
   */
  constructor(
    spec: ResolvedChildSpec,
    ref: ActorRef,
    context: StartContext,
    onExit: (child: RunningChild) => void,
  ) {
    this.spec = spec;
    this.ref = ref;
    const target = ActorRef.targetOf(ref);
    target.supervised = true;
    target.onDeath((reason) => {
      this.#alive = false;
      this.#reason = reason;
      context.close();
      if (!this.#ending) onExit(this);
    });
  }

  get alive(): boolean {
    return this.#alive;
  }

  get reason(): ExitReason {
    return this.#reason;
  }

  /** Whether `end` has been called. */
  get ending(): boolean {
    return this.#ending;
  }

  /**
   * Ends it by its shutdown setting, once, and calls `onEnded` when it is dead. Does nothing if it
   * is dead already.
   */
  end(onEnded: (child: RunningChild) => void): Promise<void> {
    this.#ending = true;
    this.#ended ??= this.#alive
      ? endActor(this.ref, this.spec.shutdown).then(() => onEnded(this))
      : Promise.resolve();
    return this.#ended;
  }
}

/** Ends an actor by a shutdown setting; settles when it is dead. @internal */
export function endActor(ref: ActorRef, shutdown: Shutdown): Promise<void> {
  if (shutdown === "brutal_kill") return ref.kill();
  if (shutdown === "infinity") return ref.stop("shutdown");
  if (shutdown > 0) return ref.stop("shutdown", shutdown);
  const death = ref.stop("shutdown");
  // With a time of 0 it is killed right after the request, which an idle actor still handles.
  setImmediate(() => void ref.kill());
  return death;
}
