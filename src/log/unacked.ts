import type { Message } from "./message.js";

/** Where no event is. @internal */
export const NONE = -1;
/** Where an event is whose log is gone. @internal */
export const DETACHED = -2;

/**
 * What a cursor has given and is not known to be handled. It outlives the reader: the next one is
 * given it again.
 *
 * @internal
 */
export class Unacked {
  /**
   * Place of the event that is being handled at this moment, and done with when that returns. A
   * place and not the event: a pointer to something young costs the garbage collector a note for
   * each event.
   */
  inlineOffset: number = NONE;
  #messages: Message[] | undefined;
  /** How many of them this reader has been given. */
  #given = 0;
  #failures: Map<Message, number> | undefined;

  get size(): number {
    return this.held + (this.inlineOffset === NONE ? 0 : 1);
  }

  /** How many stay in hand when what is visited is done. */
  get held(): number {
    return this.#messages === undefined ? 0 : this.#messages.length;
  }

  /** What was taken in hand last. */
  get newest(): Message | undefined {
    return this.#messages?.at(-1);
  }

  /** The next one that this reader has not been given. */
  next(): Message | undefined {
    return this.#given < this.held ? this.#messages?.[this.#given++] : undefined;
  }

  /** Takes one in hand that is given now. */
  deliver(message: Message): void {
    this.#messages ??= [];
    this.#given = this.#messages.push(message);
  }

  /** Takes some in hand that are to be given. */
  addUndelivered(messages: readonly Message[]): void {
    (this.#messages ??= []).push(...messages);
  }

  /** All of them are to be given again. */
  redeliver(): void {
    this.#given = 0;
  }

  acknowledge(message: Message): void {
    const messages = this.#messages ?? [];
    if (messages.length === 1) messages.pop();
    else messages.splice(messages.indexOf(message), 1);
    this.#given--;
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

  /** All of them but what is visited. */
  all(): readonly Message[] {
    return this.#messages ?? [];
  }
}
