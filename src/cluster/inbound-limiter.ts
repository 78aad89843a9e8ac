import { setImmediate } from "../timers.js";

/** Bytes that wait at most. */
const maxWaiting = 64 * 2 ** 20;

/** A message as it was received; `partition` of its channel, undefined: of the nodes' states. */
export interface InboundMessage {
  readonly channel: string;
  readonly payload: Uint8Array;
  readonly partition: number | undefined;
}

/** @internal */
export interface InboundLimiterOptions {
  /** Events in a turn of the event loop; the message that exceeds it is the last one. */
  readonly limit: number;
  /** Accepts a message and returns how many events it brought. Must not throw. */
  readonly accept: (message: InboundMessage) => number;
  /** There is no room for a message. */
  readonly refuse: (message: InboundMessage) => void;
}

/**
 * Accepts messages in their order, some in each turn of the event loop. A backlog that is received
 * at once would push events out of the logs before their readers have had a turn to read them.
 *
 * @internal
 */
export class InboundLimiter {
  readonly #options: InboundLimiterOptions;
  #accepted = 0;
  #waiting: InboundMessage[] = [];
  #waitingBytes = 0;
  #scheduled = false;

  constructor(options: InboundLimiterOptions) {
    this.#options = options;
  }

  receive(message: InboundMessage): void {
    if (this.#waiting.length === 0 && this.#accepted < this.#options.limit) {
      this.#accept(message);
      return;
    }
    const size = message.payload.length;
    if (this.#waitingBytes + size > maxWaiting) {
      this.#options.refuse(message);
      return;
    }
    this.#waitingBytes += size;
    this.#waiting.push(message);
  }

  /** Drops what waits. */
  close(): void {
    this.#waiting = [];
    this.#waitingBytes = 0;
  }

  #accept(message: InboundMessage): void {
    const accepted = this.#options.accept(message);
    if (accepted === 0) return;
    this.#accepted += accepted;
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#nextTurn);
  }

  readonly #nextTurn = (): void => {
    this.#scheduled = false;
    this.#accepted = 0;
    const waiting = this.#waiting;
    let next = 0;
    while (next < waiting.length && this.#accepted < this.#options.limit) {
      const message = waiting[next++] as InboundMessage;
      this.#waitingBytes -= message.payload.length;
      this.#accept(message);
    }
    // What was accepted may have closed it.
    if (this.#waiting === waiting) this.#waiting = waiting.slice(next);
  };
}
