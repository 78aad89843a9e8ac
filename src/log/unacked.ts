import type { Message } from "./message.js";

/** No event is being visited. @internal */
export const NONE = -1;
/** The event that is being visited is of a log that was replaced. @internal */
export const DETACHED = -2;

/**
 * The messages that a cursor has delivered, and that are not acknowledged. They outlive the reader:
 * the next one receives them again.
 *
 * @internal
 */
export class Unacked {
  /**
   * Offset of the event that a visitor is handling at this moment, and that is acknowledged when it
   * returns. The offset and not the event, since a reference from an old object to a young one
   * costs the garbage collector an entry for each event.
   */
  inlineOffset: number = NONE;
  #messages: Message[] | undefined;
  /** How many of them this reader has received. */
  #delivered = 0;
  #failures: Map<Message, number> | undefined;

  get size(): number {
    return this.held + (this.inlineOffset === NONE ? 0 : 1);
  }

  /** How many there are without the one that is being visited. */
  get held(): number {
    return this.#messages === undefined ? 0 : this.#messages.length;
  }

  /** The last one added. */
  get newest(): Message | undefined {
    return this.#messages?.at(-1);
  }

  /** The next one that this reader has not received. */
  next(): Message | undefined {
    return this.#delivered < this.held ? this.#messages?.[this.#delivered++] : undefined;
  }

  /** Adds one that the reader receives now. */
  deliver(message: Message): void {
    this.#messages ??= [];
    this.#delivered = this.#messages.push(message);
  }

  /** Adds some that the reader is still to receive. */
  addUndelivered(messages: readonly Message[]): void {
    (this.#messages ??= []).push(...messages);
  }

  /** All are to be delivered again. */
  redeliver(): void {
    this.#delivered = 0;
  }

  acknowledge(message: Message): void {
    const messages = this.#messages ?? [];
    if (messages.length === 1) messages.pop();
    else messages.splice(messages.indexOf(message), 1);
    this.#delivered--;
    this.#failures?.delete(message);
  }

  /** How often handling a message has failed. */
  failuresOf(message: Message): number {
    return this.#failures === undefined ? 0 : (this.#failures.get(message) ?? 0);
  }

  /** Counts a failure. */
  countFailure(message: Message): number {
    this.#failures ??= new Map();
    const failures = this.failuresOf(message) + 1;
    this.#failures.set(message, failures);
    return failures;
  }

  /** All but the one that is being visited. */
  all(): readonly Message[] {
    return this.#messages ?? [];
  }
}
