import type { Milliseconds } from "../options.js";
import { toError } from "./broker-session.js";
import { clearInterval, setInterval } from "../timers.js";

/**
 * How often a ping has to stay unanswered in a row, at intervals of a third of the time allowed.
 */
const maxMissed = 3;

/**
 * Notices that the other side has gone silent: a process that is stopped, a cable that is cut. The
 * sockets themselves would not for many minutes. It counts turns, not time, so that a busy event
 * loop here is not taken for silence there.
 *
 * @internal
 */
export class Watchdog {
  readonly #ping: () => Promise<unknown>;
  readonly #onLoss: (error: Error) => void;
  readonly #timeout: Milliseconds;
  readonly #timer: NodeJS.Timeout;
  #waiting = false;
  #missed = 0;

  constructor(timeout: Milliseconds, ping: () => Promise<unknown>, onLoss: (error: Error) => void) {
    this.#ping = ping;
    this.#onLoss = onLoss;
    this.#timeout = timeout;
    this.#timer = setInterval(() => this.#tick(), timeout / maxMissed);
  }

  /** Something came: that is as good as an answer, which may be queued behind it. */
  heard(): void {
    this.#missed = 0;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    if (this.#waiting) {
      if (++this.#missed < maxMissed) return;
      this.stop();
      this.#onLoss(new Error(`the broker has not answered for ${this.#timeout} ms`));
      return;
    }
    this.#waiting = true;
    this.#missed = 0;
    this.#ping().then(
      () => {
        this.#waiting = false;
      },
      (error: unknown) => this.#onLoss(toError(error)),
    );
  }
}
