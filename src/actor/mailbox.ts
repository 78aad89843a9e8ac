const chunkSize = 512;

interface Chunk<T> {
  items: (T | undefined)[];
  next: Chunk<T> | undefined;
}

/**
 * A queue of messages: first in, first out, in constant time. Memory is freed as it drains.
 *
 * @internal
 */
export class Mailbox<T> {
  #first: Chunk<T> = { items: [], next: undefined };
  #last = this.#first;
  #head = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(item: T): void {
    if (this.#last.items.length === chunkSize) {
      const chunk: Chunk<T> = { items: [], next: undefined };
      this.#last.next = chunk;
      this.#last = chunk;
    }
    this.#last.items.push(item);
    this.#size++;
  }

  /** Removes and returns the oldest item. Only to be called when `size` is above 0. */
  shift(): T {
    const chunk = this.#first;
    const item = chunk.items[this.#head] as T;
    chunk.items[this.#head++] = undefined;
    if (--this.#size === 0) this.clear();
    else if (this.#head === chunkSize) {
      this.#first = chunk.next as Chunk<T>;
      this.#head = 0;
    }
    return item;
  }

  clear(): void {
    this.#last = this.#first;
    this.#last.items.length = 0;
    this.#last.next = undefined;
    this.#head = 0;
    this.#size = 0;
  }
}

/**
 * A message of the library's own: the actor runs it in place of passing it to `receive`. A throw is
 * a crash of the actor.
 *
 * @internal
 */
export abstract class Task {
  /** @param deliver makes the actor receive a message, as if it came from the mailbox */
  abstract run(deliver: (message: unknown) => void | Promise<void>): void | Promise<void>;
}
