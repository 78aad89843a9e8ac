import { timeSlice } from "../clock.js";
import type { Milliseconds } from "../options.js";

/** What the readers of an event loop know of each other. @internal */
export class Loop {
  /** Time that readers have kept the loop, all of them together. */
  reading: Milliseconds = 0;
  /** Readers whose last turn was over before their events were. */
  behind = 0;
}

const thisLoop = new Loop();

/** The reader does not wait for a turn, or waits for more than that. */
const never = Infinity;

/**
 * How long one reader may keep the event loop in its next turn: a time slice, or, where it waited
 * longer than that since writers and others kept the loop, as long as they did. Readers that are
 * behind share that time; together they take no more of the loop than everything else does, or a
 * time slice each. Otherwise a writer that never pauses would overtake them, however fast they are.
 *
 * Times are passed in: those of a monotonic clock.
 *
 * @internal
 */
export class LoopShare {
  readonly #loop: Loop;
  /** Since when the reader has waited for its turn, and how much `reading` there was then. */
  #waitsSince: Milliseconds = never;
  #readingThen: Milliseconds = 0;
  #began: Milliseconds = 0;
  #slice: Milliseconds = timeSlice;
  #behind = false;
  #closed = false;

  constructor(loop = thisLoop) {
    this.#loop = loop;
  }

  /**
   * From now on the reader waits for its turn, and for nothing else. Not to be called while a
   * handler is pending: that time is none that others keep the loop.
   */
  wait(now: Milliseconds): void {
    this.#waitsSince = now;
    this.#readingThen = this.#loop.reading;
  }

  /** A turn begins. Returns how long it may take. */
  begin(now: Milliseconds): Milliseconds {
    const { reading, behind } = this.#loop;
    const read = reading - this.#readingThen;
    const others = now - this.#waitsSince - read;
    const sharing = this.#behind ? behind : behind + 1;
    this.#waitsSince = never;
    this.#began = now;
    this.#slice = Math.max(timeSlice, Math.min(others - read, others / sharing));
    return this.#slice;
  }

  /**
   * The turn ends, or a part of it, whether there are events left, for which the reader waits again,
   * or not.
   *
   * @param isOver whether it took all its time
   */
  end(now: Milliseconds, isOver = now - this.#began >= this.#slice): void {
    this.#loop.reading += now - this.#began;
    const waits = this.#waitsSince !== never;
    if (waits) this.wait(now);
    this.#setBehind(waits && isOver && !this.#closed);
  }

  /** There are no further turns. */
  close(): void {
    this.#closed = true;
    this.#setBehind(false);
  }

  #setBehind(behind: boolean): void {
    if (behind === this.#behind) return;
    this.#behind = behind;
    this.#loop.behind += behind ? 1 : -1;
  }
}
