import { performance } from "node:perf_hooks";
import { isThenable } from "../actor/thenable.js";
import type { CursorReader, Message } from "./cursor.js";
import type { Intake } from "./intake.js";
import type { Stream } from "./stream.js";

/** How long one callback may keep the event loop, in milliseconds, before others have their turn. */
const turnLength = 5;
const messagesPerLook = 32;

/** Gives messages to a function, one at a time, in turns of its own. @internal */
export class CallbackReader implements CursorReader {
  readonly #stream: Stream;
  readonly #intake: Intake;
  readonly #callback: (message: Message) => unknown;
  readonly #onError: (message: Message, error: unknown) => void;
  #scheduled = false;
  #busy = false;
  #closed = false;

  constructor(
    stream: Stream,
    intake: Intake,
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
    this.#stream.queue.schedule(this.#takeTurn);
  }

  close(): void {
    this.#closed = true;
  }

  readonly #takeTurn = (): void => {
    this.#scheduled = false;
    if (this.#busy) return;
    const ends = performance.now() + turnLength;
    for (let handled = 1; !this.#closed; handled++) {
      const message = this.#intake.next();
      if (message === undefined) break;
      if (!this.#handle(message)) {
        // Who waits for what is handled already need not wait for this one.
        if (handled > 1) this.#stream.progressed();
        return;
      }
      if (handled % messagesPerLook === 0 && performance.now() >= ends) {
        this.wake();
        break;
      }
    }
    this.#stream.progressed();
  };

  /** Whether it is done with the message already. */
  #handle(message: Message): boolean {
    try {
      const result = this.#callback(message);
      if (isThenable(result)) {
        this.#busy = true;
        Promise.resolve(result).then(
          () => this.#goOn(message),
          (error: unknown) => {
            this.#onError(message, error);
            this.#goOn(message);
          },
        );
        return false;
      }
    } catch (error) {
      this.#onError(message, error);
    }
    this.#intake.done(message);
    return true;
  }

  #goOn(message: Message): void {
    this.#busy = false;
    this.#intake.done(message);
    this.#stream.progressed();
    this.wake();
  }
}
