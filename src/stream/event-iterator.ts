import type { EventStream, StreamMessage } from "../cache/stream-port.js";
import type { Message } from "../log/message.js";
import type { CursorMux } from "../log/cursor-mux.js";
import type { Stream } from "./stream.js";
import type { ClosableReader, StreamSubscription } from "./subscription.js";
import { queueMicrotask } from "../timers.js";

type Result = IteratorResult<StreamMessage, undefined>;

/** A reader by pull: a message counts as handled when the next one is requested. @internal */
export class EventIterator
  implements AsyncIterableIterator<StreamMessage, undefined>, EventStream, ClosableReader
{
  subscription!: StreamSubscription;
  /** Ends the subscription; set once that is made. */
  unsubscribe: () => void = () => {};
  readonly #stream: Stream;
  readonly #mux: CursorMux;
  readonly #requests: ((result: Result) => void)[] = [];
  #current: Message | undefined;
  #closed = false;
  #finishing = false;

  constructor(stream: Stream, mux: CursorMux) {
    this.#stream = stream;
    this.#mux = mux;
  }

  get given(): Message | undefined {
    return this.#current;
  }

  get lag(): number {
    return this.subscription.lag;
  }

  position(): string {
    return this.subscription.position(this.#current);
  }

  next(): Promise<Result> {
    if (this.#closed) return Promise.resolve(end);
    const message = this.#requests.length === 0 ? this.#take() : undefined;
    if (message !== undefined)
      return Promise.resolve({ value: message as StreamMessage, done: false });
    if (this.#finishing) this.wake();
    return new Promise((resolve) => this.#requests.push(resolve));
  }

  return(): Promise<Result> {
    this.unsubscribe();
    return Promise.resolve(end);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  wake(): void {
    // Not within the call: a cursor must not be read while it is woken.
    queueMicrotask(() => this.#answer());
  }

  finish(): void {
    this.#finishing = true;
    this.wake();
  }

  close(): void {
    this.#closed = true;
    for (const resolve of this.#requests.splice(0)) resolve(end);
  }

  #answer(): void {
    while (!this.#closed && this.#requests.length > 0) {
      const message = this.#take();
      if (message === undefined) {
        if (this.#finishing) this.unsubscribe();
        return;
      }
      this.#requests.shift()?.({ value: message as StreamMessage, done: false });
    }
  }

  #take(): Message | undefined {
    const before = this.#current;
    if (before !== undefined) this.#mux.done(before);
    this.#current = this.#mux.next();
    if (before !== undefined) this.#stream.notifyProgress();
    return this.#current;
  }
}

const end: Result = { value: undefined, done: true };
