import { type Clock, withTimeout } from "../clock.js";
import type { NebulexError } from "../errors.js";
import type { Milliseconds } from "../options.js";

/** Waits, when a stream begins, for what other nodes have to say. @internal */
export class Handshake {
  readonly #clock: Clock;
  readonly #timeout: Milliseconds;
  /** Whether it is still to be done. */
  pending = true;
  #error: NebulexError | undefined;
  #agreed = false;
  #settle: (() => void) | undefined;

  constructor(clock: Clock, timeout: Milliseconds) {
    this.#clock = clock;
    this.#timeout = timeout;
  }

  /** A node has the same shape; so have all that it gets on with. */
  agreed(): void {
    this.#agreed = this.#error === undefined;
    this.#settle?.();
  }

  /**
   * A node can't be got on with. Returns whether that is this node's fault, since it is the one
   * that begins.
   */
  refused(error: NebulexError): boolean {
    if (!this.pending) return false;
    this.#agreed = false;
    this.#error ??= error;
    this.#settle?.();
    return true;
  }

  /** @throws (as a rejection) what was refused */
  async outcome(): Promise<void> {
    if (!this.#agreed && this.#error === undefined) {
      const answer = new Promise<void>((resolve) => (this.#settle = resolve));
      await withTimeout(this.#clock, this.#timeout, answer, () => {});
    }
    this.#settle = undefined;
    // Whoever was refused has it still to be done.
    this.pending = this.#error !== undefined;
    const error = this.#error;
    this.#error = undefined;
    if (error !== undefined) throw error;
  }
}
