import { isThenable } from "../callbacks.js";
import type { StoredEntry, Tail, TailSink } from "./engine.js";
import type { PartitionKeys } from "./redis-keys.js";
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
  /** What precedes the next entry is not what the tail has read: it brings nothing more. */
  astray(key: string): void;
}

/** A reading of a partition. @internal */
export class RedisTail implements Tail {
  readonly meta: string;
  /** The stream that it reads. */
  readonly key: string;
  /** The channel on which new entries are announced. */
  readonly news: string;
  readonly #sink: TailSink;
  readonly #owner: TailOwner;
  #next: number;
  #waiting: StoredEntry[] = [];
  #bytes = 0;
  /** Who wrote the last entry that it has read; undefined: not known. */
  #last: string | undefined;
  #isDelivering = false;
  #isClosed = false;
  /**
   * The server has lost entries that the tail has read, and others came in their place: reading on
   * would leave some out. Whoever reads finds the new generation, or begins one.
   */
  #isAstray = false;

  constructor({ meta, log, news }: PartitionKeys, from: number, sink: TailSink, owner: TailOwner) {
    this.meta = meta;
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
    return (
      !this.#isClosed &&
      !this.#isAstray &&
      this.#waiting.length < maxEntries &&
      this.#bytes < maxBytes
    );
  }

  /** Gives it entries in their order; those that it has already been given are left out. */
  accept(entries: readonly ReadEntry[]): void {
    if (this.#isClosed || this.#isAstray) return;
    for (const entry of entries) {
      const end = entry.position + entry.count;
      if (end <= this.#next) continue;
      if ("foreign" in entry) {
        this.#next = end;
        this.#last = undefined;
        this.#owner.foreign(this.key, entry.foreign);
        continue;
      }
      const { tag, before, ...stored } = entry;
      const { position } = stored;
      const isBehind = position > this.#next || (position === this.#next && before === this.#last);
      if (this.#last !== undefined && !isBehind) {
        this.#stray();
        break;
      }
      this.#next = end;
      this.#last = tag;
      this.#waiting.push(stored);
      this.#bytes += stored.payload.length;
    }
    this.#deliver();
  }

  /** What it has read last; undefined: not known. */
  get read(): { readonly position: number; readonly writer: string } | undefined {
    if (this.#last === undefined || this.#isAstray) return undefined;
    return { position: this.#next - 1, writer: this.#last };
  }

  /**
   * Compares what it had read last with what the server has.
   *
   * @param next the next position there
   * @param writer of the entry that holds the position; undefined: that has been trimmed
   */
  compare(read: { position: number; writer: string }, next: number, writer?: string): void {
    if (next <= read.position || (writer !== undefined && writer !== read.writer)) this.#stray();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#waiting = [];
    this.#owner.closed(this);
  }

  #stray(): void {
    if (this.#isAstray || this.#isClosed) return;
    this.#isAstray = true;
    this.#owner.astray(this.key);
    this.#sink.astray?.();
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
