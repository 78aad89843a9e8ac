import type { Milliseconds } from "../options.js";
import { monotonicNow } from "../timers.js";

/** How much faster or slower than this process the engine may count. */
const drift = 0.001;
/** How long a reading of the engine's clock is used: it may be set meanwhile. */
const maxAge: Milliseconds = 5000;

/**
 * What this process knows of the engine's clock: between which bounds it is now. A reading was made
 * after its command was sent, and before its reply came.
 *
 * @internal
 */
export class EngineClock {
  #readAt = -Infinity;
  /** How far the engine's clock is ahead of this process's, at least and at most. */
  #least = -Infinity;
  #most = Infinity;

  /** @param time the engine's, of the reply to a command that was sent at `sentAt` */
  read(time: Milliseconds, sentAt: Milliseconds): void {
    const now = monotonicNow();
    const age = now - this.#readAt;
    // The engine's time is in whole milliseconds, rounded down.
    const [least, most] = [time - now, time + 1 - sentAt];
    const isBetter = most - least <= this.#most - this.#least + 2 * drift * age;
    const isPossible = most >= this.#least - drift * age && least <= this.#most + drift * age;
    // A loose reading does not replace a close one, unless that is old or has become wrong.
    if (!isBetter && isPossible && age < maxAge / 5) return;
    this.#readAt = now;
    this.#least = least;
    this.#most = most;
  }

  /**
   * Whether a time of the engine's clock has come; undefined: that is not certain.
   *
   * @param maxReadingAge how old a reading of the clock may be
   */
  isPast(time: Milliseconds, maxReadingAge = maxAge): boolean | undefined {
    const now = monotonicNow();
    const age = now - this.#readAt;
    if (age > maxReadingAge) return undefined;
    if (time > now + this.#most + drift * age) return false;
    return time <= now + this.#least - drift * age ? true : undefined;
  }

  /** How long until a time, at most; undefined: that is not known. */
  until(time: Milliseconds): Milliseconds | undefined {
    const now = monotonicNow();
    return now - this.#readAt > maxAge ? undefined : time - (now + this.#least);
  }
}
