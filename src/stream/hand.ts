import type { CacheEvent } from "../event/event.js";
import type { Message } from "./message.js";

/**
 * What a cursor has given and is not known to be handled. It outlives the reader: the next one is given it again.
 *
 * @internal
 */
export class Hand {
  /** What is being handled at this moment, and done with when that returns. */
  visited: CacheEvent | undefined;
  #messages: Message[] | undefined;
  /** How many of them this reader has been given. */
  #given = 0;
  #failures: Map<Message, number> | undefined;

  get size(): number {
    return this.held + (this.visited === undefined ? 0 : 1);
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
  give(message: Message): void {
    this.#messages ??= [];
    this.#given = this.#messages.push(message);
  }

  /** Takes some in hand that are to be given. */
  add(messages: readonly Message[]): void {
    (this.#messages ??= []).push(...messages);
  }

  /** All of them are to be given again. */
  giveAgain(): void {
    this.#given = 0;
  }

  release(message: Message): void {
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
  failed(message: Message): number {
    this.#failures ??= new Map();
    const failures = this.failuresOf(message) + 1;
    this.#failures.set(message, failures);
    return failures;
  }

  /** All of them. */
  all(): Message[] {
    const messages = [...(this.#messages ?? [])];
    if (this.visited !== undefined) messages.push(this.visited);
    return messages;
  }
}
