import type { Clock, TimerHandle } from "../clock.js";
import { integer, type Milliseconds, milliseconds } from "../options.js";
import { nextTurn } from "../timers.js";

interface Timer {
  readonly due: Milliseconds;
  readonly order: number;
  readonly fn: () => void;
}

/**
 * Turns of the event loop that actors are given between two timers: enough for some ten of them to
 * hand something on.
 */
const settlingTurns = 25;

/**
 * A clock that stands still until `advance` moves it, for a system under test:
 * `createSystem({ clock })`. Its timers fire, in order, inside {@link SimulatedClock.advance},
 * which lets the actors do what each timer set off before it comes to the next.
 *
 * @example
 * ```ts
 * const clock = new SimulatedClock();
 * const sup = await startSupervisor({ strategy: "one_for_one", children, clock });
 * const stopping = sup.stop(); // a child hangs in its terminate
 * await clock.advance(5000);
 * await stopping; // it has been killed
 * ```
 */
export class SimulatedClock implements Clock {
  #now: Milliseconds;
  #order = 0;
  /** By due time, then in the order of their making. */
  readonly #timers: Timer[] = [];
  #advanced: Promise<void> = Promise.resolve();

  /** @param start what `now()` is at first, in milliseconds; default 0 */
  constructor(start: Milliseconds = 0) {
    this.#now = milliseconds("start", start);
  }

  /** How many timers wait. */
  get pending(): number {
    return this.#timers.length;
  }

  now(): Milliseconds {
    return this.#now;
  }

  setTimeout(fn: () => void, ms: Milliseconds): TimerHandle {
    const timer = { due: this.#now + Math.max(0, ms), order: ++this.#order, fn };
    this.#timers.splice(this.#place(timer), 0, timer);
    return timer;
  }

  clearTimeout(handle: TimerHandle): void {
    if (handle === undefined) return;
    const place = this.#place(handle as Timer);
    if (this.#timers[place] === handle) this.#timers.splice(place, 1);
  }

  /**
   * Moves the time on by `ms` milliseconds, firing what falls due on the way; actors have come to
   * rest when it settles. Calls are done one after the other. Rejects with what a timer's function
   * threw; the time then stands where it did so.
   */
  advance(ms: Milliseconds): Promise<void> {
    milliseconds("ms", ms);
    const done = this.#advanced.then(() => this.#run(ms));
    this.#advanced = done.catch(() => {});
    return done;
  }

  /**
   * Lets the actors come to rest without moving the time. `turns` of the event loop, 25 by default.
   */
  async settle(turns = settlingTurns): Promise<void> {
    integer("turns", turns, 1);
    for (let turn = 0; turn < turns; turn++) await nextTurn();
  }

  async #run(ms: Milliseconds): Promise<void> {
    await this.settle();
    const end = this.#now + ms;
    for (
      let next = this.#timers[0];
      next !== undefined && next.due <= end;
      next = this.#timers[0]
    ) {
      this.#timers.shift();
      this.#now = Math.max(this.#now, next.due);
      next.fn();
      await this.settle();
    }
    this.#now = end;
  }

  /** Where a timer stands or would stand. */
  #place({ due, order }: Timer): number {
    let low = 0;
    let high = this.#timers.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = this.#timers[middle] as Timer;
      if (other.due < due || (other.due === due && other.order < order)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
