import type { Target } from "../actor/ref.js";
import { Task } from "../actor/mailbox.js";
import type { CursorMux } from "../log/cursor-mux.js";
import type { CursorReader, Message, VisitResult } from "../log/message.js";
import type { Stream } from "./stream.js";

/** Messages that an actor is given in a row, before others in its mailbox have their turn. */
const burst = 64;

/**
 * Gives messages to an actor as if they were in its mailbox; they stay in the log until the actor
 * has handled them, so that a slow actor's mailbox does not grow.
 *
 * @internal
 */
export class ActorReader extends Task implements CursorReader {
  readonly #stream: Stream;
  readonly #intake: CursorMux;
  readonly #target: Target;
  #posted = false;
  #closed = false;

  constructor(stream: Stream, intake: CursorMux, target: Target) {
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
    let pending: Promise<void> | undefined;
    const handle = (message: Message): VisitResult => {
      pending = deliver(message) ?? undefined;
      // One that has died meanwhile has not handled it.
      if (pending !== undefined || this.#closed) return "pending";
      return this.#target.stopping ? "enough" : "done";
    };
    let message: Message | undefined = this.#intake.run({ visit: handle }, burst);
    if (message === undefined && !this.#closed && !this.#target.stopping) {
      message = this.#intake.next();
      if (message === undefined) {
        this.#posted = false;
        this.#stream.notifyProgress();
        return;
      }
      if (handle(message) !== "pending") {
        this.#intake.done(message);
        message = undefined;
      }
    }
    if (message === undefined) this.#again();
    else if (pending !== undefined) return this.#wait(message, pending);
  }

  async #wait(message: Message, pending: Promise<void>): Promise<void> {
    // Who waits for what is handled already need not wait for this one.
    this.#stream.notifyProgress();
    await pending;
    if (this.#closed) return;
    this.#intake.done(message);
    this.#again();
  }

  #again(): void {
    this.#posted = false;
    this.#stream.notifyProgress();
    this.wake();
  }
}
