import { outsideCalls } from "../actor/call-context.js";
import { setImmediate } from "../timers.js";

/** A task that runs in a turn of its own. @internal */
export interface Runnable {
  /** Must not throw. */
  takeTurn(): void;
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
    const queue = this.#queue;
    this.#queue = [];
    for (const turn of queue) turn.takeTurn();
  };
}
