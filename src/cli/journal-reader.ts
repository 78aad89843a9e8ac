import { WriterCauses } from "../cluster/append-batch.js";
import { BoundedMap } from "../cluster/bounded-map.js";
import { decodeEntry, type Entry } from "../cluster/entry.js";
import type { CacheEvent } from "../event/event.js";
import type { GapEvent } from "../event/types.js";
import type { PartitionBounds, StoredEntry, Tail } from "../journal/engine.js";
import type { JournalPosition } from "./argument-values.js";
import { maxMessageSize } from "./broker.js";
import type { JournalStream } from "./journal.js";
import { eventsOf } from "./read-events.js";

/** Writers whose last sequence is kept in mind. */
const maxWriters = 1024;

/** Receives what is read. @internal */
export interface JournalListener {
  /** The next entries are read when it settles. */
  events(events: readonly CacheEvent[]): void | Promise<void>;
  /** @param position that a marker has in the journal; null: the gap's bounds are positions */
  gap(gap: GapEvent, position: number | null): void;
  /** An entry can't be read. */
  rejected(partition: number, position: number, error: unknown): void;
}

/**
 * Reads one partition of a journal without being a node, from some place on. What is not there is
 * reported as a gap.
 *
 * @internal
 */
export class JournalReader {
  readonly #stream: JournalStream;
  readonly #partition: number;
  readonly #from: JournalPosition;
  readonly #listener: JournalListener;
  readonly #causes: WriterCauses;
  /** The last sequence of each writer's epoch: a new generation may bring its events again. */
  readonly #taken = new BoundedMap<string, number>(maxWriters);
  #generation: string | undefined;
  /** The next position. */
  #position = 0;
  /** The position behind the last one that is known to have been written. */
  #knownEnd = 0;
  #tail: Tail | undefined;
  #isChecking = false;
  #isClosed = false;

  constructor(
    stream: JournalStream,
    partition: number,
    from: JournalPosition,
    listener: JournalListener,
  ) {
    this.#stream = stream;
    this.#partition = partition;
    this.#from = from;
    this.#listener = listener;
    this.#causes = new WriterCauses({ ...this.#source, node: "", epoch: "", startedAt: 0 });
  }

  /**
   * Begins, or makes sure that the present life of the journal is read. To be called for each new
   * connection, and now and then.
   *
   * @throws (as a rejection) what the engine rejects with
   */
  async check(): Promise<void> {
    if (this.#isChecking || this.#isClosed) return;
    this.#isChecking = true;
    try {
      const bounds = await this.#stream.engine.bounds(this.#name);
      if (!this.#isClosed) this.#look(bounds);
    } finally {
      this.#isChecking = false;
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#tail?.close();
  }

  #look(bounds: PartitionBounds): void {
    const { generation, first, next } = bounds;
    const before = this.#generation;
    if (before === generation) {
      this.#knownEnd = Math.max(this.#knownEnd, next);
      return;
    }
    this.#generation = generation;
    if (before === undefined) this.#position = this.#begin(bounds);
    else {
      this.#report("journal_lost", before, this.#position, this.#knownEnd - 1);
      this.#position = first;
    }
    this.#knownEnd = Math.max(next, this.#position);
    this.#tail?.close();
    this.#read();
  }

  #begin({ generation, first, next }: PartitionBounds): number {
    const from = this.#from;
    if (from === "earliest") return first;
    if (from === "latest") return next;
    if (from < first) this.#report("trimmed", generation, from, first - 1);
    return Math.max(from, first);
  }

  #read(): void {
    let isOpen = true;
    const tail = this.#stream.engine.tail(this.#name, this.#position, {
      entries: async (entries) => {
        for (const entry of entries) if (isOpen) await this.#take(entry);
      },
    });
    this.#tail = {
      close: () => {
        isOpen = false;
        tail.close();
      },
    };
  }

  #take(stored: StoredEntry): void | Promise<void> {
    const { position, count } = stored;
    const end = position + count;
    if (end <= this.#position) return;
    const generation = this.#generation as string;
    if (position > this.#position)
      this.#report("trimmed", generation, this.#position, position - 1);
    const skipped = Math.max(0, this.#position - position);
    this.#position = end;
    this.#knownEnd = Math.max(this.#knownEnd, end);
    const entry = this.#decode(stored);
    if (entry === undefined) {
      this.#report("journal_lost", generation, position + skipped, end - 1);
      return;
    }
    const { node, epoch } = entry;
    if (entry.kind === "loss") {
      const { from, to, reason } = entry;
      this.#listener.gap({ ...this.#gap, node, epoch, from, to, reason }, position);
      return;
    }
    const writer = JSON.stringify([node, epoch]);
    const { numbers } = entry.batch;
    const taken = this.#taken.get(writer) ?? -1;
    const isNew = numbers.findIndex((sequence) => sequence > taken);
    if (isNew === -1) return;
    this.#taken.set(writer, numbers.at(-1) as number);
    const causes = this.#causes.of(entry);
    return this.#listener.events(eventsOf(entry.batch, causes, Math.max(skipped, isNew), position));
  }

  #decode(stored: StoredEntry): Entry | undefined {
    try {
      const { address } = this.#stream;
      const generation = this.#generation as string;
      return decodeEntry(stored, maxMessageSize, address, this.#partition, generation);
    } catch (error) {
      this.#listener.rejected(this.#partition, stored.position, error);
      return undefined;
    }
  }

  #report(reason: "trimmed" | "journal_lost", epoch: string, from: number, to: number): void {
    this.#listener.gap({ ...this.#gap, node: "-", epoch, from, to, reason }, null);
  }

  get #gap(): Pick<GapEvent, "type" | "cache" | "name" | "partition"> {
    const { cache, name, partition } = this.#source;
    return { type: "gap", cache, name, partition };
  }

  get #source() {
    const { address, shape } = this.#stream;
    const { cache, name } = address;
    const { partitions } = shape;
    const partition = partitions === null ? null : this.#partition;
    return { cache, name, partition, partitions };
  }

  get #name() {
    const { cache, name } = this.#stream.address;
    return { cache, name, partition: this.#partition };
  }
}
