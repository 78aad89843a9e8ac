import type { CacheEvent } from "../event/event.js";
import type { Cursor } from "./cursor.js";
import type { Message, Visitor } from "./message.js";

/** Messages taken from one partition before the next has its turn. */
const burst = 64;

/** Reads several partitions in turn, one message in hand at a time. @internal */
export class CursorMux {
  cursors: Cursor[] = [];
  #at = 0;
  #taken = 0;
  #from: Cursor | undefined;

  next(): Message | undefined {
    for (let tried = 0; tried <= this.cursors.length; tried++) {
      const cursor = this.cursors[this.#at];
      if (cursor !== undefined && this.#taken < burst) {
        const message = cursor.next();
        if (message !== undefined) {
          this.#taken++;
          this.#from = cursor;
          return message;
        }
      }
      this.#taken = 0;
      this.#at = this.#at + 1 < this.cursors.length ? this.#at + 1 : 0;
    }
    return undefined;
  }

  /** See {@link Cursor.run}; some events of each partition. */
  run(visitor: Visitor, limit: number): CacheEvent | undefined {
    for (const cursor of this.cursors) {
      const held = cursor.run(visitor, limit);
      if (held === undefined) continue;
      this.#from = cursor;
      return held;
    }
    return undefined;
  }

  /** The message in hand has been handled. */
  done(message: Message): void {
    this.#from?.done(message);
  }

  get lag(): number {
    return this.cursors.reduce((sum, cursor) => sum + cursor.lag, 0);
  }
}
