import { Task } from "../actor/mailbox.js";
import { timeSlice } from "../clock.js";
import type { Target } from "../actor/ref.js";
import type { CursorMux, DrainVisitor } from "../log/cursor-mux.js";
import type { CursorReader, Message, VisitResult } from "../log/message.js";
import { LoopShare } from "./loop-share.js";
import type { Stream } from "./stream.js";
import { monotonicNow } from "../timers.js";

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
  readonly #share = new LoopShare();
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
    this.#post(this.#target.idle);
  }

  close(): void {
    this.#unsubscribed = true;
    this.#share.close();
  }

  get closed(): boolean {
    return this.#unsubscribed || this.#target.stopping;
  }

  override run(deliver: (message: unknown) => void | Promise<void>): void | Promise<void> {
    this.#deliver = deliver;
    const began = monotonicNow();
    const slice = this.#share.begin(began);
    if (slice > timeSlice) this.#target.extendTurn(began + slice);
    const pending = this.#run();
    this.#share.end(monotonicNow());
    return pending;
  }

  #run(): void | Promise<void> {
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
    this.#post(true);
  }

  /** @param free whether the actor is handling nothing, or has just handled a message of these */
  #post(free: boolean): void {
    if (this.#posted || this.#unsubscribed) return;
    this.#posted = true;
    if (free) this.#share.wait(monotonicNow());
    this.#target.post(this);
  }
}
