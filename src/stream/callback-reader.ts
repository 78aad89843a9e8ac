import { isThenable } from "../callbacks.js";
import { messagesPerCheck } from "../clock.js";
import type { CursorMux, DrainVisitor } from "../log/cursor-mux.js";
import type { CursorReader, Message, VisitResult } from "../log/message.js";
import { LoopShare } from "./loop-share.js";
import type { Runnable } from "./run-queue.js";
import type { Milliseconds } from "../options.js";
import type { Stream } from "./stream.js";
import { monotonicNow } from "../timers.js";

/**
 * Events of a partition that a reader takes before the others have taken theirs: few enough to be in
 * the processor's cache when the next reader takes them.
 */
const eventsInARow = 512;

/** Calls a function with messages, one at a time, in turns of its own. @internal */
export class CallbackReader implements CursorReader, DrainVisitor, Runnable {
  readonly #stream: Stream;
  readonly #mux: CursorMux;
  readonly #callback: (message: Message) => unknown;
  readonly #onError: (message: Message, error: unknown) => void;
  readonly #share = new LoopShare();
  #scheduled = false;
  /** Whether the turn goes on after those of others, and how much of its time is left. */
  #goesOn = false;
  #left: Milliseconds = 0;
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

  takeTurn(): boolean {
    this.#scheduled = false;
    if (this.#busy) return false;
    const began = monotonicNow();
    const slice = this.#share.begin(began);
    if (!this.#goesOn) this.#left = slice;
    this.#goesOn = false;
    let isOver = false;
    let taken = 0;
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
      const took = monotonicNow() - began;
      isOver = took >= this.#left;
      taken += messagesPerCheck;
      if (isOver) this.wake();
      else if (taken >= eventsInARow) {
        this.#left -= took;
        this.#goesOn = this.#scheduled = true;
      } else continue;
      break;
    }
    // Waits for earlier messages can end before a pending one is handled.
    this.#stream.notifyProgress();
    this.#share.end(monotonicNow(), isOver);
    return this.#goesOn;
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
