import { isThenable } from "../callbacks.js";
import { messagesPerCheck, timeSlice } from "../clock.js";
import type { CursorMux } from "../log/cursor-mux.js";
import type { CursorReader, Message, VisitResult, Visitor } from "../log/message.js";
import type { Runnable } from "./run-queue.js";
import type { Stream } from "./stream.js";
import { monotonicNow } from "../timers.js";

/** Gives messages to a function, one at a time, in turns of its own. @internal */
export class CallbackReader implements CursorReader, Visitor, Runnable {
  readonly #stream: Stream;
  readonly #intake: CursorMux;
  readonly #callback: (message: Message) => unknown;
  readonly #onError: (message: Message, error: unknown) => void;
  #scheduled = false;
  #busy = false;
  #closed = false;
  /** Ends it when there is nothing left to read. */
  #end: (() => void) | undefined;
  #result: PromiseLike<unknown> | undefined;

  constructor(
    stream: Stream,
    intake: CursorMux,
    callback: (message: Message) => unknown,
    onError: (message: Message, error: unknown) => void,
  ) {
    this.#stream = stream;
    this.#intake = intake;
    this.#callback = callback;
    this.#onError = onError;
  }

  wake(): void {
    if (this.#scheduled || this.#busy || this.#closed) return;
    this.#scheduled = true;
    this.#stream.queue.schedule(this);
  }

  finish(end: () => void): void {
    this.#end = end;
    this.wake();
  }

  close(): void {
    this.#closed = true;
  }

  takeTurn(): void {
    this.#scheduled = false;
    if (this.#busy) return;
    const ends = monotonicNow() + timeSlice;
    while (!this.#closed) {
      let message: Message | undefined = this.#intake.run(this, messagesPerCheck);
      if (message === undefined && !this.#closed) {
        message = this.#intake.next();
        if (message === undefined) {
          this.#end?.();
          break;
        }
        if (this.visit(message) !== "pending") {
          this.#intake.done(message);
          message = undefined;
        }
      }
      if (message !== undefined) {
        this.#wait(message);
        break;
      }
      if (monotonicNow() >= ends) {
        this.wake();
        break;
      }
    }
    // Who waits for what is handled already need not wait for one that takes longer.
    this.#stream.notifyProgress();
  }

  /** If it is not done with the message at once, `#result` is what to wait for. */
  visit(message: Message): VisitResult {
    try {
      const result = this.#callback(message);
      if (!isThenable(result)) return "done";
      this.#result = result;
      return "pending";
    } catch (error) {
      this.#onError(message, error);
      return "done";
    }
  }

  #wait(message: Message): void {
    this.#busy = true;
    Promise.resolve(this.#result).then(
      () => this.#goOn(message),
      (error: unknown) => {
        this.#onError(message, error);
        this.#goOn(message);
      },
    );
    this.#result = undefined;
  }

  #goOn(message: Message): void {
    this.#busy = false;
    this.#intake.done(message);
    this.#stream.notifyProgress();
    this.wake();
  }
}
