import type { Down } from "./ref.js";

/**
 * Something of ours that takes its turn between the messages of a mailbox. A throw is a crash of
 * the actor.
 *
 * @internal
 */
export abstract class Task {
  /** @param deliver has the actor receive a message, as if it had come from the mailbox */
  abstract run(deliver: (message: unknown) => void | Promise<void>): void | Promise<void>;
}

/** A monitor's message to an actor. @internal */
export class DownTask extends Task {
  cancelled = false;
  readonly #fn: (down: Down) => void;
  readonly #down: Down;

  constructor(fn: (down: Down) => void, down: Down) {
    super();
    this.#fn = fn;
    this.#down = down;
  }

  override run(): void | Promise<void> {
    if (!this.cancelled) return this.#fn(this.#down);
  }
}
