import type { Cursor } from "./cursor.js";
import type { Message, VisitResult, Visitor } from "./message.js";

/** Messages taken in a row from one partition. */
const maxInARow = 64;

/** Handles messages of any kind, until it is closed. @internal */
export interface DrainVisitor extends Visitor {
  readonly closed: boolean;
  visit(message: Message): VisitResult;
}

/** Reads several partitions in turn, with one message unacknowledged at a time. @internal */
export class CursorMux {
  cursors: Cursor[] = [];
  #index = 0;
  #taken = 0;
  /** The cursor of the message that is unacknowledged. */
  #current: Cursor | undefined;

  next(): Message | undefined {
    for (let tried = 0; tried <= this.cursors.length; tried++) {
      const cursor = this.cursors[this.#index];
      if (cursor !== undefined && this.#taken < maxInARow) {
        const message = cursor.next();
        if (message !== undefined) {
          this.#taken++;
          this.#current = cursor;
          return message;
        }
      }
      this.#taken = 0;
      this.#index = this.#index + 1 < this.cursors.length ? this.#index + 1 : 0;
    }
    return undefined;
  }

  /**
   * Passes messages to a visitor: events straight from the logs, of up to `limit` offsets of each
   * partition, and then the next message of any kind.
   *
   * @returns the message that is pending, or whether there may be more
   */
  drain(visitor: DrainVisitor, limit: number): Message | "more" | "empty" {
    // In place, since a call more keeps the engine from inlining what follows from it.
    for (const cursor of this.cursors) {
      const pending = cursor.run(visitor, limit);
      if (pending === undefined) continue;
      this.#current = cursor;
      return pending;
    }
    if (visitor.closed) return "more";
    const message = this.next();
    if (message === undefined) return "empty";
    if (visitor.visit(message) === "pending") return message;
    this.done(message);
    return "more";
  }

  /** The message that is unacknowledged has been handled. */
  done(message: Message): void {
    this.#current?.done(message);
  }

  get lag(): number {
    return this.cursors.reduce((sum, cursor) => sum + cursor.lag, 0);
  }
}
