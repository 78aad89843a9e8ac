import { type Clock, systemClock, type TimerHandle } from "../../clock.js";
import type { Milliseconds } from "../../options.js";
import { setImmediate } from "../../timers.js";

/** Reads that follow one look at the clock without another one. */
const readsPerLook = 32;
/** Looks that are closer together than this are worth saving. */
const closeLooks: Milliseconds = 0.05;
/** What is due later than this after a look is not due in the same turn of the event loop. */
const longestTurn: Milliseconds = 10_000;

/** A store's time: milliseconds since it was opened, which keeps the numbers small. @internal */
export class StoreClock implements Clock {
  readonly #clock: Clock;
  readonly #openedAt: Milliseconds;
  readonly #canSave: boolean;
  #lookedAt = -Infinity;
  /** Questions that can be answered by the last look. */
  #saved = 0;
  /** What comes later than this has not come in the turn of the last look. */
  #horizon = Infinity;
  #isTurnWatched = false;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#openedAt = clock.now();
    // The time of any other clock may be moved on in the middle of a turn.
    this.#canSave = clock === systemClock;
  }

  now(): Milliseconds {
    return this.#clock.now() - this.#openedAt;
  }

  /**
   * Whether a time has come. A look at the clock costs as much as a read. A few reads that follow
   * each other closely in one turn of the event loop share a look, for what is not due within 10
   * seconds after it.
   */
  hasCome(time: Milliseconds): boolean {
    return (time <= this.#horizon || --this.#saved < 0) && time <= this.#look();
  }

  #look(): Milliseconds {
    const now = this.now();
    if (this.#canSave) {
      if (now - this.#lookedAt < closeLooks) {
        this.#saved = readsPerLook;
        this.#horizon = now + longestTurn;
        if (!this.#isTurnWatched) this.#watchTurn();
      }
      this.#lookedAt = now;
    }
    return now;
  }

  #watchTurn(): void {
    this.#isTurnWatched = true;
    setImmediate(() => {
      this.#isTurnWatched = false;
      this.#horizon = Infinity;
    });
  }

  setTimeout(fn: () => void, ms: Milliseconds): TimerHandle {
    return this.#clock.setTimeout(fn, ms);
  }

  clearTimeout(handle: TimerHandle): void {
    this.#clock.clearTimeout(handle);
  }
}
