import { outsideCalls } from "../actor/call-context.js";
import { setImmediate } from "../timers.js";

/** Who wants a turn of its own. @internal */
export interface Runnable {
  /** Must not throw. */
  takeTurn(): void;
}

/**
 * Gives those that were scheduled their turns in a later turn of the event loop, all of them in
 * one.
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
