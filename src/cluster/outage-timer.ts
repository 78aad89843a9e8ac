import type { Milliseconds } from "../options.js";

/**
 * Watches this node's own connection: while it is away, others may come, write and go without this
 * node ever hearing of them.
 *
 * @internal
 */
export class OutageTimer {
  readonly #limit: Milliseconds;
  #since: Milliseconds | undefined;
  #told = false;

  /** @param limit how long it may be away before that is to be told */
  constructor(limit: Milliseconds) {
    this.#limit = limit;
  }

  lost(now: Milliseconds): void {
    this.#since ??= now;
  }

  /** The connection is back. */
  over(): void {
    this.#since = undefined;
    this.#told = false;
  }

  /** Whether it is to be told now that it lasts. */
  isToBeTold(now: Milliseconds): boolean {
    if (this.#told || this.#since === undefined || now - this.#since <= this.#limit) return false;
    this.#told = true;
    return true;
  }
}
