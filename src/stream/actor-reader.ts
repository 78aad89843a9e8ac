import { Task } from "../actor/mailbox.js";
import type { Target } from "../actor/ref.js";
import type { CursorMux, DrainVisitor } from "../log/cursor-mux.js";
import type { CursorReader, Message, VisitResult } from "../log/message.js";
import type { Stream } from "./stream.js";

/** Events that an actor receives in a row, before the other messages in its mailbox. */
const maxInARow = 64;

/**
 * Delivers messages to an actor as if they were in its mailbox. They stay in the log until the
 * actor has handled them, so that a slow actor's mailbox does not grow.
 *
 * @internal
 */
export class ActorReader extends Task implements CursorReader, DrainVisitor {
  readonly #stream: Stream;
  readonly #mux: CursorMux;
  readonly #target: Target;
  #posted = false;
  #unsubscribed = false;
  #deliver!: (message: unknown) => void | Promise<void>;
  /** Of the message that is pending; undefined: the actor died while it handled it. */
  #pending: Promise<void> | undefined;

  constructor(stream: Stream, mux: CursorMux, target: Target) {
    super();
    this.#stream = stream;
    this.#mux = mux;
    this.#target = target;
  }

  wake(): void {
    if (this.#posted || this.#unsubscribed) return;
    this.#posted = true;
    this.#target.post(this);
  }

  close(): void {
    this.#unsubscribed = true;
  }

  get closed(): boolean {
    return this.#unsubscribed || this.#target.stopping;
  }

  override run(deliver: (message: unknown) => void | Promise<void>): void | Promise<void> {
    this.#deliver = deliver;
    const drained = this.#mux.drain(this, maxInARow);
    if (drained === "empty") {
      this.#posted = false;
      this.#stream.notifyProgress();
    } else if (drained === "more") this.#continue();
    else if (this.#pending !== undefined) return this.#finish(drained, this.#pending);
  }

  visit(message: Message): VisitResult {
    const pending = this.#deliver(message) ?? undefined;
    if (pending !== undefined) {
      this.#pending = pending;
      return "pending";
    }
    // An actor that has died meanwhile has not handled it.
    if (this.#unsubscribed) return "pending";
    return this.#target.stopping ? "enough" : "done";
  }

  async #finish(message: Message, pending: Promise<void>): Promise<void> {
    this.#pending = undefined;
    // Waits for earlier messages can end before this one is handled.
    this.#stream.notifyProgress();
    await pending;
    if (this.#unsubscribed) return;
    this.#mux.done(message);
    this.#continue();
  }

  #continue(): void {
    this.#posted = false;
    this.#stream.notifyProgress();
    this.wake();
  }
}
