import type { Milliseconds } from "../options.js";
import { toError } from "./broker-session.js";
import { clearInterval, setInterval } from "../timers.js";

/** Intervals, of a third of the timeout each, that a ping may stay unanswered. */
const maxMissed = 3;

/**
 * Detects a silent server: its process is stopped, or the network is cut, which the sockets
 * themselves do not notice for many minutes. It counts intervals, not time, so that a busy event
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

  /** Something was received: this counts as an answer, which may be queued behind it. */
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
