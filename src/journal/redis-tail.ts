import { isThenable } from "../callbacks.js";
import type { StoredEntry, Tail, TailSink } from "./engine.js";
import type { ReadEntry } from "./redis-replies.js";

// What a tail keeps while its sink is busy.
const maxEntries = 1024;
const maxBytes = 1_048_576;

/** What a tail uses of the engine. @internal */
export interface TailOwner {
  /** The tail wants more, and did not before. */
  wants(tail: RedisTail): void;
  closed(tail: RedisTail): void;
  /** An entry that no journal has written was skipped. */
  foreign(key: string, id: string): void;
}

/** A reading of a partition. @internal */
export class RedisTail implements Tail {
  /** The stream that it reads. */
  readonly key: string;
  /** The channel on which new entries are announced. */
  readonly news: string;
  readonly #sink: TailSink;
  readonly #owner: TailOwner;
  #next: number;
  #waiting: StoredEntry[] = [];
  #bytes = 0;
  #isDelivering = false;
  #isClosed = false;

  constructor(
    { log, news }: { log: string; news: string },
    from: number,
    sink: TailSink,
    owner: TailOwner,
  ) {
    this.key = log;
    this.news = news;
    this.#next = from;
    this.#sink = sink;
    this.#owner = owner;
  }

  /** The first position that has not been read. */
  get next(): number {
    return this.#next;
  }

  /** Whether it may be given more entries. */
  get isOpen(): boolean {
    return !this.#isClosed && this.#waiting.length < maxEntries && this.#bytes < maxBytes;
  }

  /** Gives it entries in their order; those that it has already been given are left out. */
  accept(entries: readonly ReadEntry[]): void {
    if (this.#isClosed) return;
    for (const entry of entries) {
      const end = entry.position + entry.count;
      if (end <= this.#next) continue;
      this.#next = end;
      if ("foreign" in entry) {
        this.#owner.foreign(this.key, entry.foreign);
        continue;
      }
      const { position, count, time, payload } = entry;
      this.#waiting.push({ position, count, time, payload });
      this.#bytes += payload.length;
    }
    this.#deliver();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#waiting = [];
    this.#owner.closed(this);
  }

  #deliver(): void {
    if (this.#isDelivering || this.#isClosed || this.#waiting.length === 0) return;
    const wasOpen = this.isOpen;
    const entries = this.#waiting;
    this.#waiting = [];
    this.#bytes = 0;
    const taken = this.#sink.entries(entries);
    if (isThenable(taken)) {
      this.#isDelivering = true;
      const done = (): void => {
        this.#isDelivering = false;
        this.#deliver();
      };
      void taken.then(done, done);
    }
    if (!wasOpen && this.isOpen) this.#owner.wants(this);
  }
}
