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
   * `onExit` is told, inside the end, of an exit that was not asked for by `end`; also of one that
   * came before this call.
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
   * Ends it by its shutdown setting, once. `onEnded` is told when it is dead. A child that is dead
   * already is left at that.
   */
  end(onEnded: (child: RunningChild) => void): Promise<void> {
    this.#ending = true;
    this.#ended ??= this.#alive
      ? endActor(this.ref, this.spec.shutdown).then(() => onEnded(this))
      : Promise.resolve();
    return this.#ended;
  }
}

/** Ends an actor as a shutdown setting says; settles when it is dead. @internal */
export function endActor(ref: ActorRef, shutdown: Shutdown): Promise<void> {
  if (shutdown === "brutal_kill") return ref.kill();
  if (shutdown === "infinity") return ref.stop("shutdown");
  if (shutdown > 0) return ref.stop("shutdown", shutdown);
  const death = ref.stop("shutdown");
  // Without time to comply it is killed on the heels of the request, which an idle actor still
  // obeys.
  setImmediate(() => void ref.kill());
  return death;
}
