import { type ActorProps, type ActorSystemRef, dispatch, type Ref, spawn, start, stop } from "nact";
import { outsideCalls } from "./call-context.js";
import { clearImmediate, clearTimeout, queueMicrotask, setImmediate } from "../timers.js";

/** Schedules one incarnation on the event loop. @internal */
export interface Wakeup {
  /** Calls the incarnation's `run` once, in a later turn of the event loop. */
  wake(): void;
  /** Cancels a pending call; there is none afterwards. */
  stop(): void;
}

/**
 * The adapter to nact: one nact actor per incarnation, all directly under one nact system. nact
 * schedules each incarnation on the event loop; identity, mailbox, tree, exit and restart are ours,
 * so nothing here depends on nact's names, hierarchy, policies or timers.
 *
 * @internal
 */
export class Engine {
  // nact keeps its systems by name in one map of the process; the default name is random, so that
  // two systems do not collide.
  readonly #system = start();
  #spawned = 0;

  /** Makes a nact actor that calls `run` on each wake-up. `run` must not throw. */
  spawn(id: string, run: () => void): Wakeup {
    // A unique name for each incarnation: nact's references are paths, and a path that is used
    // again reaches the newer actor.
    const name = `${id.replace(/[^\w-]/g, "_").slice(0, 64)}.${++this.#spawned}`;
    return new NactWakeup(this.#system, name, run);
  }

  stop(): void {
    withOwnTimers(() => stop(this.#system));
  }
}

const wakeUp = Symbol("wake up");

const options: ActorProps<void, unknown, ActorSystemRef> = {
  onCrash: (_message, _error, context) => context.stop,
};

class NactWakeup implements Wakeup {
  readonly #actor: Ref<unknown>;
  readonly #run: () => void;
  /**
   * Whether nact is processing a message of this actor: it would schedule another one by itself.
   */
  #busy = false;
  #again = false;
  #stopped = false;

  constructor(system: ActorSystemRef, name: string, run: () => void) {
    this.#run = run;
    this.#actor = spawn(system, () => this.#handle(), name, options);
  }

  wake(): void {
    if (this.#busy) this.#again = true;
    else outsideCalls(this.#wakeNact);
  }

  stop(): void {
    this.#stopped = true;
    withOwnTimers(() => stop(this.#actor));
  }

  readonly #wakeNact = (): void => withOwnTimers(this.#dispatch);

  readonly #dispatch = (): void => {
    this.#busy = true;
    dispatch(this.#actor, wakeUp);
  };

  readonly #beforeIdle = (): void => queueMicrotask(this.#idle);

  readonly #idle = (): void => {
    this.#busy = false;
    if (!this.#again || this.#stopped) return;
    this.#again = false;
    this.wake();
  };

  #handle(): void {
    // nact completes the message one microtask after this returns: the second microtask from here
    // is after that.
    queueMicrotask(this.#beforeIdle);
    this.#run();
  }
}

/**
 * Calls `fn`, in which nact takes timers from the global object, with Node's own timers in place of
 * those that a test framework has put there.
 */
function withOwnTimers(fn: () => void): void {
  const found: Pick<typeof globalThis, "setImmediate" | "clearImmediate" | "clearTimeout"> =
    globalThis;
  if (
    found.setImmediate === setImmediate &&
    found.clearImmediate === clearImmediate &&
    found.clearTimeout === clearTimeout
  ) {
    fn();
    return;
  }
  const fakes = {
    setImmediate: found.setImmediate,
    clearImmediate: found.clearImmediate,
    clearTimeout: found.clearTimeout,
  };
  Object.assign(globalThis, { setImmediate, clearImmediate, clearTimeout });
  try {
    fn();
  } finally {
    Object.assign(globalThis, fakes);
  }
}
