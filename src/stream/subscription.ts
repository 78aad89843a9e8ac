import type { Store } from "../cache/adapter.js";
import { commands } from "../cache/command.js";
import type { Subscription } from "../cache/stream-port.js";
import { OptionError } from "../errors.js";
import { includesOf, topicOf } from "../event/event.js";
import type { Cursor } from "../log/cursor.js";
import type { CursorReader, Message } from "../log/message.js";
import { typesOf } from "../log/event-mask.js";
import { CursorMux } from "../log/cursor-mux.js";
import { closeCursor, type CursorRequest, openCursor } from "./open-cursor.js";
import type { PartitionLog } from "../log/partition-log.js";
import { Snapshot } from "../log/snapshot.js";
import { pointsIn, tokenOf } from "./resume-token.js";
import type { Stream, StreamReader } from "./stream.js";
import { checkPartition, type ReaderOptions } from "./subscribe-options.js";

/** A reader that can be ended. @internal */
export interface ClosableReader extends CursorReader {
  /** The unacknowledged message that counts as handled. */
  readonly given?: Message | undefined;
  /**
   * Nothing more will come: reads what is left, then calls `end`. Without this method, it ends
   * with its actor only.
   */
  finish?(end: () => void): void;
  close(): void;
}

/** How a subscription reads, beyond what its user asked for. @internal */
export interface ReaderTraits {
  readonly tracked: boolean;
  readonly skipOrigin?: unknown;
}

/** A reader's subscription to its partitions. @internal */
export class StreamSubscription implements Subscription, StreamReader {
  readonly #stream: Stream;
  readonly #options: ReaderOptions;
  readonly #traits: ReaderTraits;
  readonly #reader: ClosableReader;
  readonly #mux = new CursorMux();
  #open = true;
  /** Its position when it ended. */
  #lastPosition = "";

  /** @throws GroupBusyError, OptionError; nothing is subscribed then */
  constructor(
    stream: Stream,
    options: ReaderOptions,
    traits: ReaderTraits,
    makeReader: (mux: CursorMux) => ClosableReader,
  ) {
    this.#stream = stream;
    this.#options = options;
    this.#traits = traits;
    this.#reader = makeReader(this.#mux);
    const partitions = choosePartitions(stream, options);
    if (options.group !== null)
      for (const index of partitions) checkFree(stream, options.group, index);
    const kept = partitions.filter(
      (index) => options.group !== null && stream.groups.find(options.group, index),
    );
    const { from } = options;
    const points = isToken(from) ? pointsIn(stream, from, partitions) : undefined;
    const fromOf = (index: number): CursorRequest["from"] =>
      points?.get(index) ?? (from as "latest" | "earliest" | number);
    this.#mux.cursors = partitions.map((index) => this.#openCursor(index, fromOf(index)));
    stream.readers.add(this);
    if (options.snapshot) this.#takeSnapshot(kept);
  }

  get topics(): string[] {
    const { cursors } = this.#mux;
    const { name } = this.#stream.slot;
    return cursors.flatMap(({ log, mask }) =>
      typesOf(mask).map((type) => topicOf(name, log.source.partition, type)),
    );
  }

  get partition(): number | "all" | null {
    if (this.#stream.partitions === null) return null;
    return this.#options.partition === "all"
      ? "all"
      : (this.#mux.cursors[0]?.log.source.partition ?? null);
  }

  get lag(): number {
    return this.#open ? this.#mux.lag : 0;
  }

  /** @param given the unacknowledged message that counts as handled */
  position(given?: Message): string {
    return this.#open ? tokenOf(this.#stream, this.#mux.cursors, given) : this.#lastPosition;
  }

  unsubscribe(): void {
    this.#end((cursor) => closeCursor(this.#stream, cursor));
  }

  [Symbol.dispose](): void {
    this.unsubscribe();
  }

  /** The reader is dead: a group's cursors are kept for the next one. */
  readerDied(): void {
    this.#end((cursor) => {
      if (cursor.group === null) closeCursor(this.#stream, cursor);
      else cursor.detach();
    });
  }

  systemStopped(): void {
    if (this.#reader.finish === undefined) return;
    this.#stream.readerEnds(this);
    for (const cursor of this.#mux.cursors) {
      cursor.keepsLog = true;
      if (cursor.group !== null) this.#stream.groups.delete(cursor.group, cursor);
    }
    this.#reader.finish(() => this.unsubscribe());
  }

  partitionsChanged(): void {
    const { cursors } = this.#mux;
    const current = cursors.filter(({ log }) => this.#stream.logs[log.index] === log);
    const closed = cursors.filter((cursor) => !current.includes(cursor));
    for (const cursor of closed) closeCursor(this.#stream, cursor);
    const missing = this.#wanted(current).filter(
      (index) => !current.some(({ log }) => log.index === index),
    );
    for (const index of missing) current.push(this.#openCursor(index, "earliest"));
    const [successor] = current;
    // Without another partition the reader keeps its cursor until the partition is back.
    if (successor !== undefined) for (const cursor of closed) successor.inheritGaps(cursor);
    this.#mux.cursors = successor === undefined ? closed : current;
  }

  /** The partitions to be read now by a reader that still reads those of `current`. */
  #wanted(current: readonly Cursor[]): number[] {
    const { partition } = this.#options;
    const { logs } = this.#stream;
    if (partition === "auto" && current.length > 0) return [];
    if (typeof partition === "number") return partition < logs.length ? [partition] : [];
    return choosePartitions(this.#stream, this.#options);
  }

  #takeSnapshot(without: readonly number[]): void {
    try {
      takeSnapshot(
        this.#stream,
        this.#mux.cursors.filter(({ log }) => !without.includes(log.index)),
      );
    } catch (error) {
      this.unsubscribe();
      throw error;
    }
  }

  #openCursor(index: number, from: CursorRequest["from"]): Cursor {
    const { events: mask, group, gaps, overflow, capacity: bound } = this.#options;
    const coalesces = overflow === "coalesce";
    const request = { mask, group, gaps, coalesces, bound, from, ...this.#traits };
    return openCursor(this.#stream, index, request, this.#reader);
  }

  #end(release: (cursor: Cursor) => void): void {
    if (!this.#open) return;
    this.#lastPosition = this.position(this.#reader.given);
    this.#open = false;
    this.#stream.readerEnds(this);
    this.#reader.close();
    for (const cursor of this.#mux.cursors) release(cursor);
  }
}

function checkFree(stream: Stream, group: string, index: number): void {
  stream.groups.checkFree(group, index, (stream.logs[index] as PartitionLog).source.partition);
}

function isToken(from: string | number): from is string {
  return typeof from === "string" && from !== "latest" && from !== "earliest";
}

/** The logs that a reader reads; `"auto"` is the one that the fewest read. */
function choosePartitions(stream: Stream, { partition, group }: ReaderOptions): number[] {
  const { logs, partitions } = stream;
  if (typeof partition === "number") {
    checkPartition(partition, partitions);
    return [partition];
  }
  if (partition === "all" || partitions === null) return logs.map(({ index }) => index);
  const free =
    group === null ? logs : logs.filter(({ index }) => !stream.groups.isBusy(group, index));
  // A partition that the group has read before is taken first.
  const left =
    group === null
      ? []
      : free.filter(({ index }) => stream.groups.find(group, index) !== undefined);
  const candidates = [left, free, logs].find(({ length }) => length > 0) as readonly PartitionLog[];
  return [
    candidates.reduce((least, log) => (log.cursors.size < least.cursors.size ? log : least)).index,
  ];
}

/**
 * Gives each cursor the present entries of its partition, to be read first. Nothing is written in
 * between, since this is one synchronous step.
 *
 * @throws OptionError for a cache whose store is not in the process
 */
function takeSnapshot(stream: Stream, cursors: readonly Cursor[]): void {
  const store = stream.slot.running?.opened;
  if (store === undefined) return;
  const { router, options } = stream;
  const at = router.now();
  const byLog = new Map<PartitionLog, Snapshot>();
  const includes = includesOf(options.include);
  for (const { log } of cursors)
    byLog.set(log, new Snapshot(log.source, log.nextSequence - 1, at, includes));
  for (const [key, value] of entriesOf(store))
    byLog.get(router.logOf(key, value) as PartitionLog)?.add(key, value);
  for (const cursor of cursors) cursor.startWith(byLog.get(cursor.log) as Snapshot);
}

function entriesOf(store: Store<unknown, unknown>): Iterable<[unknown, unknown]> {
  const entries = store.stream({ kind: "all" }, commands.stream.plain);
  if (Symbol.iterator in entries) return entries;
  throw new OptionError("snapshot", "snapshot: true needs a cache whose store is in the process");
}
