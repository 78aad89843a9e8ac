import { isThenable } from "../callbacks.js";
import { messagesPerCheck } from "../clock.js";
import type { CursorMux, DrainVisitor } from "../log/cursor-mux.js";
import type { CursorReader, Message, VisitResult } from "../log/message.js";
import { LoopShare } from "./loop-share.js";
import type { Runnable } from "./run-queue.js";
import type { Stream } from "./stream.js";
import { monotonicNow } from "../timers.js";

/** Calls a function with messages, one at a time, in turns of its own. @internal */
export class CallbackReader implements CursorReader, DrainVisitor, Runnable {
  readonly #stream: Stream;
  readonly #mux: CursorMux;
  readonly #callback: (message: Message) => unknown;
  readonly #onError: (message: Message, error: unknown) => void;
  readonly #share = new LoopShare();
  #scheduled = false;
  #busy = false;
  closed = false;
  /** Called when there is nothing left to read. */
  #end: (() => void) | undefined;
  /** The result of the callback for the message that is pending. */
  #pending: PromiseLike<unknown> | undefined;

  constructor(
    stream: Stream,
    mux: CursorMux,
    callback: (message: Message) => unknown,
    onError: (message: Message, error: unknown) => void,
  ) {
    this.#stream = stream;
    this.#mux = mux;
    this.#callback = callback;
    this.#onError = onError;
  }

  wake(): void {
    if (this.#scheduled || this.#busy || this.closed) return;
    this.#scheduled = true;
    this.#share.wait(monotonicNow());
    this.#stream.queue.schedule(this);
  }

  finish(end: () => void): void {
    this.#end = end;
    this.wake();
  }

  close(): void {
    this.closed = true;
    this.#share.close();
  }

  takeTurn(): void {
    this.#scheduled = false;
    if (this.#busy) return;
    const began = monotonicNow();
    const slice = this.#share.begin(began);
    while (!this.closed) {
      const drained = this.#mux.drain(this, messagesPerCheck);
      if (drained === "empty") {
        this.#end?.();
        break;
      }
      if (drained !== "more") {
        this.#finish(drained);
        break;
      }
      if (monotonicNow() - began >= slice) {
        this.wake();
        break;
      }
    }
    // Waits for earlier messages can end before a pending one is handled.
    this.#stream.notifyProgress();
    this.#share.end(monotonicNow());
  }

  visit(message: Message): VisitResult {
    try {
      const result = this.#callback(message);
      if (!isThenable(result)) return "done";
      this.#pending = result;
      return "pending";
    } catch (error) {
      this.#onError(message, error);
      return "done";
    }
  }

  #finish(message: Message): void {
    this.#busy = true;
    Promise.resolve(this.#pending).then(
      () => this.#continue(message),
      (error: unknown) => {
        this.#onError(message, error);
        this.#continue(message);
      },
    );
    this.#pending = undefined;
  }

  #continue(message: Message): void {
    this.#busy = false;
    this.#mux.done(message);
    this.#stream.notifyProgress();
    this.wake();
  }
}
