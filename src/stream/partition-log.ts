import { CacheEvent, type EventSource } from "../event/event.js";
import type { Cursor } from "./cursor.js";
import { typeBits } from "./event-mask.js";

/** Events in a segment, the unit in which memory is given back: a power of 2. */
const segmentBits = 8;
const segmentSize = 1 << segmentBits;

/** So that an offset into a log is always a small integer. @internal */
export const maxCapacity = 2 ** 30;

/** What a log keeps. */
export interface LogLimits {
  /** Events at the most, however slow a reader is. */
  readonly capacity: number;
  /** Events kept behind the slowest reader. */
  readonly retain: number;
}

/**
 * The events of one partition in one epoch, in order, numbered from 0. It grows with what its slowest reader has not read, and is cut
 * at `capacity`. An append costs the same whatever the number of readers: those that rest are woken once a batch.
 *
 * @internal
 */
export class PartitionLog {
  readonly source: EventSource;
  readonly index: number;
  /** Sequence of the oldest event that can be read. */
  first = 0;
  /** Sequence that the next event gets. */
  next = 0;
  /** Whether there are events that resting readers have not been told of, and from which on, and of which types. */
  dirty = false;
  batchStart = 0;
  batchTypes = 0;
  readonly cursors = new Set<Cursor>();
  /** The cursors that have something to read. */
  readonly #active = new Set<Cursor>();
  /** The others, by the types that they wait for. */
  readonly #resting = new Map<number, Set<Cursor>>();
  /** Those that want the newest of each key of what is lost for them. */
  readonly #coalescing = new Set<Cursor>();
  readonly limits: LogLimits;
  readonly #onDirty: () => void;
  #segments: CacheEvent[][] = [];
  /** Sequence of the first event of the first segment. */
  #base = 0;
  #tail: CacheEvent[] = [];
  #tailLength = segmentSize;

  constructor(source: EventSource, index: number, limits: LogLimits, onDirty: () => void) {
    this.source = source;
    this.index = index;
    this.limits = limits;
    this.#onDirty = onDirty;
  }

  /** Adds an event that was made with `next` as its sequence. */
  append(event: CacheEvent): void {
    if (this.#tailLength === segmentSize) this.#grow();
    this.#tail[this.#tailLength++] = event;
    const sequence = this.next++;
    // At capacity the oldest event goes, whoever has not read it.
    if (this.next - this.first > this.limits.capacity)
      this.first = this.next - this.limits.capacity;
    this.batchTypes |= typeBits[event.type];
    if (!this.dirty) {
      this.dirty = true;
      this.batchStart = sequence;
      this.#onDirty();
    }
  }

  /** An event between `oldest` and `next`. */
  at(sequence: number): CacheEvent {
    const offset = sequence - this.#base;
    return (this.#segments[offset >>> segmentBits] as CacheEvent[])[
      offset & (segmentSize - 1)
    ] as CacheEvent;
  }

  /** Whether an event is of this log's epoch. */
  owns(event: CacheEvent): boolean {
    return CacheEvent.sourceOf(event) === this.source;
  }

  /** Wakes the readers that wait for something that has come. */
  flush(): void {
    if (!this.dirty) return;
    this.dirty = false;
    const types = this.batchTypes;
    this.batchTypes = 0;
    for (const [mask, cursors] of this.#resting) {
      if ((mask & types) === 0) continue;
      for (const cursor of cursors) {
        // One that read on in the meantime has seen the batch, or its beginning.
        if (cursor.position < this.batchStart) cursor.position = this.batchStart;
        if (cursor.position < this.next) this.activate(cursor);
      }
    }
  }

  /** Takes note that a cursor has something to read, and wakes its reader. */
  activate(cursor: Cursor): void {
    this.#resting.get(cursor.mask)?.delete(cursor);
    this.#active.add(cursor);
    cursor.resting = false;
    cursor.reader?.wake();
  }

  /** Takes note that a cursor has read all there is for it. */
  rest(cursor: Cursor): void {
    this.#active.delete(cursor);
    cursor.resting = true;
    let cursors = this.#resting.get(cursor.mask);
    if (cursors === undefined) this.#resting.set(cursor.mask, (cursors = new Set()));
    cursors.add(cursor);
  }

  add(cursor: Cursor): void {
    this.cursors.add(cursor);
    if (cursor.coalesces) this.#coalescing.add(cursor);
    this.#file(cursor);
  }

  remove(cursor: Cursor): void {
    this.cursors.delete(cursor);
    this.#coalescing.delete(cursor);
    this.#unfile(cursor);
    this.trim();
  }

  /** Gives a cursor another mask. */
  refile(cursor: Cursor, mask: number): void {
    this.#unfile(cursor);
    cursor.mask = mask;
    this.#file(cursor);
  }

  /** To be called when a cursor has moved on from `position`: gives back memory if it may have been the slowest. */
  moved(position: number): void {
    if (position - this.limits.retain < this.#base + segmentSize) this.trim();
  }

  /** Drops what is older than the last `retain` events before the slowest reader's place. */
  trim(): void {
    let slowest = this.dirty ? this.batchStart : this.next;
    for (const cursor of this.#active) if (cursor.position < slowest) slowest = cursor.position;
    const keepFrom = slowest - this.limits.retain;
    if (keepFrom > this.first) this.first = keepFrom;
    this.#free();
  }

  #file(cursor: Cursor): void {
    if (cursor.position < this.next) this.activate(cursor);
    else this.rest(cursor);
  }

  /** Resting cursors stand under their mask. */
  #unfile(cursor: Cursor): void {
    this.#active.delete(cursor);
    this.#resting.get(cursor.mask)?.delete(cursor);
  }

  #free(): void {
    // The tail is written on; it stays, even if all of it may go.
    const whole = Math.min(
      Math.floor((this.first - this.#base) / segmentSize),
      this.#segments.length - 1,
    );
    if (whole <= 0) return;
    const base = this.#base + whole * segmentSize;
    for (const cursor of this.#coalescing) cursor.absorb(base);
    this.#segments.splice(0, whole);
    this.#base = base;
  }

  #grow(): void {
    this.trim();
    this.#tail = new Array<CacheEvent>(segmentSize);
    this.#tailLength = 0;
    this.#segments.push(this.#tail);
  }
}
