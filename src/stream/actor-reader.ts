import type { Target } from "../actor/ref.js";
import { Task } from "../actor/task.js";
import type { CursorReader, Message } from "./cursor.js";
import type { Intake } from "./intake.js";
import type { Stream } from "./stream.js";

/** Messages that an actor is given in a row, before others in its mailbox have their turn. */
const burst = 64;

/**
 * Gives messages to an actor as if they were in its mailbox; they stay in the log until the actor has handled them, so that a slow
 * actor's mailbox does not grow.
 *
 * @internal
 */
export class ActorReader extends Task implements CursorReader {
  readonly #stream: Stream;
  readonly #intake: Intake;
  readonly #target: Target;
  #posted = false;
  #closed = false;

  constructor(stream: Stream, intake: Intake, target: Target) {
    super();
    this.#stream = stream;
    this.#intake = intake;
    this.#target = target;
  }

  wake(): void {
    if (this.#posted || this.#closed) return;
    this.#posted = true;
    this.#target.post(this);
  }

  close(): void {
    this.#closed = true;
  }

  override run(deliver: (message: unknown) => void | Promise<void>): void | Promise<void> {
    for (let count = 0; count < burst && !this.#closed && !this.#target.stopping; count++) {
      const message = this.#intake.next();
      if (message === undefined) {
        this.#posted = false;
        this.#stream.progressed();
        return;
      }
      const handled = deliver(message);
      if (handled !== undefined) {
        // Who waits for what is handled already need not wait for this one.
        if (count > 0) this.#stream.progressed();
        return handled.then(() => {
          if (this.#handled(message)) this.#again();
        });
      }
      if (!this.#handled(message)) return;
    }
    this.#again();
  }

  /** Whether the actor has; one that has died meanwhile has not. */
  #handled(message: Message): boolean {
    if (this.#closed) return false;
    this.#intake.done(message);
    return true;
  }

  #again(): void {
    this.#posted = false;
    this.#stream.progressed();
    this.wake();
  }
}
