import type { Milliseconds } from "../options.js";

/** How often a ping has to stay unanswered in a row, at intervals of a third of the time allowed. */
const patience = 3;

/**
 * Notices that the other side has gone silent: a process that is stopped, a cable that is cut. The sockets themselves would not for many
 * minutes. It counts turns, not time, so that a busy event loop here is not taken for silence there.
 *
 * @internal
 */
export class Watchdog {
  readonly #ping: () => Promise<unknown>;
  readonly #onSilence: () => void;
  readonly #timer: NodeJS.Timeout;
  #waiting = false;
  #missed = 0;

  constructor(timeout: Milliseconds, ping: () => Promise<unknown>, onSilence: () => void) {
    this.#ping = ping;
    this.#onSilence = onSilence;
    this.#timer = setInterval(() => this.#tick(), timeout / patience);
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
      if (++this.#missed < patience) return;
      this.stop();
      this.#onSilence();
      return;
    }
    this.#waiting = true;
    this.#missed = 0;
    const answered = (): void => {
      this.#waiting = false;
    };
    // That a connection is lost is told otherwise.
    this.#ping().then(answered, answered);
  }
}
