import { type ActorProps, type ActorSystemRef, dispatch, type Ref, spawn, start, stop } from "nact";
import { outsideCalls } from "./call-context.js";

/** The turn-taking half of one incarnation. @internal */
export interface Turn {
  /** Has the incarnation's `run` called once, in a later turn of the event loop. */
  wake(): void;
  /** Cancels a wake-up that is under way; there is none afterwards. */
  stop(): void;
}

/**
 * The seam to nact: one nact actor per incarnation, spawned flat under one nact system. nact gives each incarnation its turn on
 * the event loop; identity, mailbox, tree, exit and restart are ours, so nothing here depends on nact's names, hierarchy,
 * policies or timers.
 *
 * @internal
 */
export class Engine {
  // nact finds systems by name in one map of the process: its random default name keeps two of ours apart.
  readonly #system = start();
  #spawned = 0;

  /** Makes a nact actor that calls `run` on each wake-up. `run` must not throw. */
  spawn(id: string, run: () => void): Turn {
    // A name of its own for each incarnation: nact's references are paths, and a path that is used again reaches the newcomer.
    const name = `${id.replace(/[^\w-]/g, "_").slice(0, 64)}.${++this.#spawned}`;
    return new NactTurn(spawn(this.#system, run, name, options));
  }

  stop(): void {
    stop(this.#system);
  }
}

const wakeUp = Symbol("wake up");

const options: ActorProps<void, unknown, ActorSystemRef> = {
  onCrash: (_message, _error, context) => context.stop,
};

class NactTurn implements Turn {
  readonly #actor: Ref<unknown>;

  constructor(actor: Ref<unknown>) {
    this.#actor = actor;
  }

  wake(): void {
    outsideCalls(() => dispatch(this.#actor, wakeUp));
  }

  stop(): void {
    stop(this.#actor);
  }
}
