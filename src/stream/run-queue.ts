import { outsideCalls } from "../actor/call-context.js";
import { setImmediate } from "../timers.js";

/** A task that runs in a turn of its own. @internal */
export interface Runnable {
  /** Must not throw. Returns whether the turn goes on when the others have taken theirs. */
  takeTurn(): boolean;
}

/**
 * Runs the scheduled tasks in a later turn of the event loop, all of them in one.
 *
 * @internal
 */
export class RunQueue {
  #queue: Runnable[] = [];
  #scheduled = false;

  schedule(turn: Runnable): void {
    this.#queue.push(turn);
    if (this.#scheduled) return;
    this.#scheduled = true;
    outsideCalls(() => setImmediate(this.#runAll));
  }

  readonly #runAll = (): void => {
    this.#scheduled = false;
    let queue = this.#queue;
    this.#queue = [];
    while (queue.length > 0) queue = queue.filter((turn) => turn.takeTurn());
  };
}
