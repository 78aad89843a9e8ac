import { closeSync, openSync, readSync } from "node:fs";
import { type BookRecord, type EventRecord, type GapRecord, recordOf } from "./bookkeeper.js";

/** One epoch of a writer in one partition. */
export interface WrittenPart {
  readonly epoch: string;
  readonly partition: number;
  /** Events written. */
  readonly count: number;
  /** The writer and its end, for messages. */
  readonly writer?: string;
}

/** What became of the events written; in events. */
export interface GroupAccount {
  readonly written: number;
  /** Written, and handled at least once. */
  readonly handled: number;
  /** Not handled, but reported in gaps. */
  readonly announced: number;
  /** Neither handled nor reported. */
  readonly unannounced: number;
  /** Handled again, with an effect that counted. */
  readonly twice: number;
  /** Handled for the first time after a later one of its writer and partition. */
  readonly outOfOrder: number;
  /** Handled, but never written. */
  readonly madeUp: number;
}

/** A node that begins to handle a partition. */
export interface Takeover {
  readonly partition: number;
  readonly fence: number;
  readonly node: string;
  /** When its first effect was, in milliseconds. */
  readonly at: number;
}

/** What happened to the events of one epoch in one partition. */
interface Part {
  /** By sequence: how often it was handled. */
  readonly times: number[];
  readonly gaps: GapRecord[];
  /** The last one that was handled for the first time. */
  last: number;
}

/** What is known of one partition. */
interface PartitionBooks {
  /** The highest fence that an effect came with. */
  fence: number;
  readonly takeovers: Takeover[];
  /** Positions that were handled, over all generations. */
  readonly positions: Set<number>;
  /** Markers of missing events: each takes a position. */
  readonly markers: Set<string>;
  /** Positions that the group was told are lost or trimmed, by generation. */
  readonly lost: Map<string, GapRecord>;
}

const newline = 10;

/**
 * The witness outside of the processes: it takes effects in the order in which they came, and
 * refuses those with a smaller fence than it has seen for their partition.
 */
export class Books {
  /** Effects that were refused: of an owner that was one no more. */
  refused = 0;
  /** Effects of two nodes with the same fence. */
  twoOwners = 0;
  #outOfOrder = 0;
  readonly #path: string;
  readonly #parts = new Map<string, Part>();
  readonly #partitions = new Map<number, PartitionBooks>();
  #offset = 0;
  #rest: Buffer = Buffer.alloc(0);

  constructor(path: string) {
    this.#path = path;
    closeSync(openSync(path, "a"));
  }

  /** Takes what has been appended to the file. */
  read(): void {
    const chunk = Buffer.alloc(1 << 20);
    const file = openSync(this.#path, "r");
    try {
      for (;;) {
        const count = readSync(file, chunk, 0, chunk.length, this.#offset);
        if (count === 0) return;
        this.#offset += count;
        this.#take(Buffer.concat([this.#rest, chunk.subarray(0, count)]));
      }
    } finally {
      closeSync(file);
    }
  }

  /** The last takeover of each partition. */
  owners(): Takeover[] {
    return [...this.#partitions.values()].flatMap(({ takeovers }) => takeovers.slice(-1));
  }

  /** All takeovers of a partition, in order. */
  takeovers(partition: number): readonly Takeover[] {
    return this.#partitions.get(partition)?.takeovers ?? [];
  }

  /** How often partitions changed hands. */
  get changes(): number {
    let changes = 0;
    for (const { takeovers } of this.#partitions.values()) changes += takeovers.length - 1;
    return changes;
  }

  /** The sequences of a writer that were neither handled nor reported, and all gaps about it. */
  missingOf(part: WrittenPart): string | undefined {
    const { times, gaps } = this.#partOf(part);
    const missing: number[] = [];
    for (let at = 0; at < part.count; at++) if (times[at] === undefined) missing.push(at);
    const { handled, announced } = this.#accountOf(part);
    if (handled + announced === part.count) return undefined;
    const told = gaps.map(({ from, to, reason }) => `${reason} ${from}-${to}`).join(", ");
    const [first, last] = [missing[0], missing.at(-1)];
    return `${part.writer} in partition ${part.partition}: ${missing.length} of ${first}-${last}, of ${part.count} written; gaps: ${told}`;
  }

  account(written: readonly WrittenPart[]): GroupAccount {
    const account = { handled: 0, announced: 0, unannounced: 0, twice: 0, madeUp: 0 };
    const missing = new Map<number, number>();
    for (const part of written) {
      const { handled, announced, twice, madeUp } = this.#accountOf(part);
      account.handled += handled;
      account.announced += announced;
      account.twice += twice;
      account.madeUp += madeUp;
      const left = part.count - handled - announced;
      missing.set(part.partition, (missing.get(part.partition) ?? 0) + left);
    }
    for (const [partition, count] of missing) {
      const told = Math.min(
        count,
        this.#hasLostGeneration(partition) ? Infinity : this.#lostIn(partition),
      );
      account.announced += told;
      account.unannounced += count - told;
    }
    const total = written.reduce((sum, { count }) => sum + count, 0);
    return { written: total, ...account, outOfOrder: this.#outOfOrder };
  }

  /** How many of the positions before `end` the group was given neither as an event nor as a gap. */
  lostBefore(partition: number, end: number): number {
    const books = this.#partitions.get(partition);
    if (books === undefined) return end;
    return Math.max(0, end - books.positions.size - books.markers.size - this.#lostIn(partition));
  }

  #take(data: Buffer): void {
    const end = data.lastIndexOf(newline) + 1;
    this.#rest = data.subarray(end);
    for (const line of data.toString("utf8", 0, end).split("\n"))
      if (line !== "") this.#record(recordOf(line));
  }

  #record(record: BookRecord): void {
    const books = this.#booksOf(record.partition);
    if (record.fence < books.fence) {
      this.refused++;
      return;
    }
    books.fence = record.fence;
    if (record.kind === "event") this.#event(books, record);
    else this.#gap(books, record);
  }

  #event(books: PartitionBooks, record: EventRecord): void {
    const { node, partition, fence, position, sequence, at } = record;
    const owner = books.takeovers.at(-1);
    if (owner?.fence !== fence) books.takeovers.push({ partition, fence, node, at });
    else if (owner.node !== node) this.twoOwners++;
    books.positions.add(position);
    const part = this.#partOf(record);
    const times = (part.times[sequence] ?? 0) + 1;
    part.times[sequence] = times;
    if (times > 1) return;
    if (sequence < part.last) this.#outOfOrder++;
    else part.last = sequence;
  }

  #gap(books: PartitionBooks, record: GapRecord): void {
    const { epoch, from, to, reason } = record;
    const id = JSON.stringify([epoch, from, to]);
    if (reason === "journal_lost" || reason === "trimmed") books.lost.set(id, record);
    else if (!books.markers.has(id)) {
      books.markers.add(id);
      this.#partOf(record).gaps.push(record);
    }
  }

  #accountOf(part: WrittenPart): {
    handled: number;
    announced: number;
    twice: number;
    madeUp: number;
  } {
    const { times, gaps } = this.#partOf(part);
    const told = new Set<number>();
    for (const { from, to } of gaps) {
      // Without an end: any from there on may be missing.
      const isOpen = to < from;
      for (let at = from; at <= (isOpen ? part.count - 1 : to); at++) told.add(at);
    }
    const account = { handled: 0, announced: 0, twice: 0, madeUp: 0 };
    for (let at = 0; at < Math.max(part.count, times.length); at++) {
      const count = times[at] ?? 0;
      if (at >= part.count) account.madeUp += count;
      else if (count > 0) account.handled++;
      else if (told.has(at)) account.announced++;
      account.twice += Math.max(0, count - 1);
    }
    return account;
  }

  /** What others had stored behind the last known position of such a generation is lost, too. */
  #hasLostGeneration(partition: number): boolean {
    const lost = this.#partitions.get(partition)?.lost.values() ?? [];
    return [...lost].some(({ reason }) => reason === "journal_lost");
  }

  #lostIn(partition: number): number {
    let lost = 0;
    for (const { from, to } of this.#partitions.get(partition)?.lost.values() ?? []) {
      // Nobody knows the end: all from there on may be missing.
      if (to < from) return Infinity;
      lost += to - from + 1;
    }
    return lost;
  }

  #booksOf(partition: number): PartitionBooks {
    let books = this.#partitions.get(partition);
    if (books === undefined) {
      books = {
        fence: 0,
        takeovers: [],
        positions: new Set(),
        markers: new Set(),
        lost: new Map(),
      };
      this.#partitions.set(partition, books);
    }
    return books;
  }

  #partOf({ epoch, partition }: { epoch: string; partition: number }): Part {
    const id = `${epoch}/${partition}`;
    let part = this.#parts.get(id);
    if (part === undefined) this.#parts.set(id, (part = { times: [], gaps: [], last: -1 }));
    return part;
  }
}
