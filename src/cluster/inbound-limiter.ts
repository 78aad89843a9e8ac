import { setImmediate } from "../timers.js";

/** Bytes that wait at the most. */
const maxWaiting = 64 * 2 ** 20;

/**
 * A message as it has come; `partition` is what its channel is for, undefined: for what nodes say
 * of themselves.
 */
export interface InboundMessage {
  readonly channel: string;
  readonly payload: Uint8Array;
  readonly partition: number | undefined;
}

/** @internal */
export interface InboundLimiterOptions {
  /** Events a turn of the event loop; the message that goes beyond is the last one. */
  readonly limit: number;
  /** Takes a message in, and returns how many events it brought. Must not throw. */
  readonly admit: (arrival: InboundMessage) => number;
  /** There is no room for a message. */
  readonly refuse: (arrival: InboundMessage) => void;
}

/**
 * Lets messages in, in their order, some in each turn of the event loop: a backlog that comes at
 * once would push out of the logs what their readers have had no turn to read.
 *
 * @internal
 */
export class InboundLimiter {
  readonly #options: InboundLimiterOptions;
  #admitted = 0;
  #waiting: InboundMessage[] = [];
  #waitingBytes = 0;
  #scheduled = false;

  constructor(options: InboundLimiterOptions) {
    this.#options = options;
  }

  receive(arrival: InboundMessage): void {
    if (this.#waiting.length === 0 && this.#admitted < this.#options.limit) {
      this.#admit(arrival);
      return;
    }
    const size = arrival.payload.length;
    if (this.#waitingBytes + size > maxWaiting) {
      this.#options.refuse(arrival);
      return;
    }
    this.#waitingBytes += size;
    this.#waiting.push(arrival);
  }

  /** Nothing more is let in. */
  close(): void {
    this.#waiting = [];
    this.#waitingBytes = 0;
  }

  #admit(arrival: InboundMessage): void {
    const admitted = this.#options.admit(arrival);
    if (admitted === 0) return;
    this.#admitted += admitted;
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#nextTurn);
  }

  readonly #nextTurn = (): void => {
    this.#scheduled = false;
    this.#admitted = 0;
    const waiting = this.#waiting;
    let next = 0;
    while (next < waiting.length && this.#admitted < this.#options.limit) {
      const arrival = waiting[next++] as InboundMessage;
      this.#waitingBytes -= arrival.payload.length;
      this.#admit(arrival);
    }
    // What was admitted may have closed it.
    if (this.#waiting === waiting) this.#waiting = waiting.slice(next);
  };
}
