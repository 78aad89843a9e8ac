import type { Clock, TimerHandle } from "../../clock.js";
import type { Milliseconds } from "../../options.js";

/** A store's time: milliseconds since it was opened, which keeps the numbers small. @internal */
export class StoreClock implements Clock {
  readonly #clock: Clock;
  readonly #openedAt: Milliseconds;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#openedAt = clock.now();
  }

  now(): Milliseconds {
    return this.#clock.now() - this.#openedAt;
  }

  setTimeout(fn: () => void, ms: Milliseconds): TimerHandle {
    return this.#clock.setTimeout(fn, ms);
  }

  clearTimeout(handle: TimerHandle): void {
    this.#clock.clearTimeout(handle);
  }
}
