import { CacheEvent, type Cause, type EventSource, type Includes } from "../event/event.js";
import type { EventType, GapEvent } from "../event/types.js";
import type { Cursor } from "./cursor.js";
import type { LogPosition } from "./log-position.js";
import { allTypes, bitOf } from "./event-mask.js";
import { type LostRange, LostRanges } from "./lost-ranges.js";
import { type PlacedGap, PlacedGaps } from "./placed-gaps.js";
import { type Row, Segment, segmentBits, segmentSize } from "./segment.js";
import { SpareSegments } from "./spare-segments.js";

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
 * The events of one partition in one epoch, in order of arrival. An event's offset is its place in
 * the log, from 0; its sequence is its number among the events of the node where it happened. The
 * two are the same unless the log is `numbered`. Offsets stay inside; what is published are
 * sequences. The log grows with what its slowest reader has not read, and is cut at `capacity`. An
 * append costs the same whatever the number of readers: those that rest are woken once a batch.
 *
 * @internal
 */
export class PartitionLog {
  readonly source: EventSource;
  readonly index: number;
  /** Offset of the oldest event that can be read. */
  first = 0;
  /** Offset that the next event gets. */
  next = 0;
  /**
   * Whether there are events that resting readers have not been told of, and from which on, and of
   * which types.
   */
  dirty = false;
  batchStart = 0;
  batchTypes = 0;
  /** How many events there have been, by their type's bit. */
  readonly counts: number[] = new Array<number>(allTypes + 1).fill(0);
  readonly cursors = new Set<Cursor>();
  /** Called when there is a first reader, and when there is none any more. */
  onInterest: (() => void) | undefined;
  /** Whether several read, and so share the events that are made for them. */
  #shared = false;
  /** Behind what `read` gave last. */
  readTo = 0;
  /** The places behind which there is something to read. */
  readonly #active = new Set<LogPosition>();
  /** The others, by the types that they wait for. */
  readonly #resting = new Map<number, Set<LogPosition>>();
  /** Those that want the newest of each key of what is lost for them. */
  readonly #coalescing = new Set<Cursor>();
  /** Those that have a bound of their own. */
  readonly #bounded = new Set<Cursor>();
  readonly limits: LogLimits;
  readonly #onDirty: () => void;
  readonly #includes: Includes;
  #segments: Segment[] = [];
  readonly #spare = new SpareSegments();
  /** Offset of the first event of the first segment. */
  #base = 0;
  #tail: Segment | undefined;
  /**
   * Whether events of several nodes come together here, so that their offsets are not their
   * sequences.
   */
  readonly numbered: boolean;
  /** How many of this node's own events there have been, in a log that is numbered. */
  #own = 0;
  readonly #told = new PlacedGaps();
  /** Offset of the last gap that is no more kept. */
  #forgotten = -1;

  constructor(
    source: EventSource,
    index: number,
    limits: LogLimits,
    includes: Includes,
    onDirty: () => void,
    numbered = false,
  ) {
    this.source = source;
    this.index = index;
    this.limits = limits;
    this.#includes = includes;
    this.#onDirty = onDirty;
    this.numbered = numbered;
  }

  /** Sequence that this node's next own event gets. */
  get nextSequence(): number {
    return this.numbered ? this.#own : this.next;
  }

  /** Whether anybody reads it. */
  get hasReaders(): boolean {
    return this.cursors.size > 0;
  }

  /**
   * Adds an event.
   *
   * @param subject the key, or a MultiTarget
   * @param at milliseconds since the source began
   * @param value what is stored now, where it is included; a map for a MultiTarget
   * @param number its sequence at its source; default: it is this node's own next one
   */
  append(
    type: EventType,
    cause: Cause,
    subject: unknown,
    at: number,
    value?: unknown,
    previous?: unknown,
    number?: number,
  ): void {
    let tail = this.#tail;
    if (tail === undefined || tail.length === segmentSize) tail = this.#grow();
    const bit = bitOf(type);
    tail.append(bit, cause, subject, at, value, previous);
    if (this.numbered) tail.setSequence(number ?? this.#own++);
    const offset = this.next++;
    // At capacity the oldest event goes, whoever has not read it.
    if (this.next - this.first > this.limits.capacity)
      this.first = this.next - this.limits.capacity;
    this.batchTypes |= bit;
    this.counts[bit] = (this.counts[bit] as number) + 1;
    if (!this.dirty) {
      this.dirty = true;
      this.batchStart = offset;
      this.#onDirty();
    }
  }

  /** The event at an offset that is still in memory. */
  at(offset: number): CacheEvent {
    const index = offset - this.#base;
    const segment = this.#segments[index >>> segmentBits] as Segment;
    return segment.event(index & (segmentSize - 1), this.source, offset, this.#shared);
  }

  /**
   * The first event from `from` to before `end` that is of one of the types, and not of an origin;
   * `readTo` is where to read on.
   */
  read(from: number, end: number, mask: number, skipOrigin: unknown): CacheEvent | undefined {
    for (let offset = from; offset < end; offset++) {
      const index = offset - this.#base;
      const segment = this.#segments[index >>> segmentBits] as Segment;
      const row = index & (segmentSize - 1);
      if (!segment.matches(row, mask, skipOrigin)) continue;
      this.readTo = offset + 1;
      return segment.event(row, this.source, offset, this.#shared);
    }
    this.readTo = end;
    return undefined;
  }

  /**
   * Offset of the first event from `from` on that is of one of the types, and not of an origin;
   * `next` if there is none.
   */
  find(from: number, mask: number, skipOrigin: unknown): number {
    let offset = from;
    for (; offset < this.next; offset++) {
      const index = offset - this.#base;
      const segment = this.#segments[index >>> segmentBits] as Segment;
      if (segment.matches(index & (segmentSize - 1), mask, skipOrigin)) break;
    }
    return offset;
  }

  /** The parts of an event that is still in memory, of a log that is numbered. */
  row(offset: number): Row {
    const index = offset - this.#base;
    return (this.#segments[index >>> segmentBits] as Segment).row(index & (segmentSize - 1));
  }

  /** Tells all readers of events that did not come, behind those that did. */
  reportGap(gap: GapEvent): void {
    this.#told.add({ at: this.next, gap });
    for (const cursor of this.cursors) cursor.reportGap(gap, this.next);
  }

  /** The gaps that are told from an offset on. */
  gapsFrom(offset: number): readonly PlacedGap[] {
    return this.#told.all.filter(({ at }) => at >= offset);
  }

  /** Whether there was a gap from an offset on that is no more kept. */
  droppedGapSince(offset: number): boolean {
    return this.#forgotten >= offset;
  }

  /** The offset of this node's own event with a sequence, or of the next one that is still here. */
  offsetOf(sequence: number): number {
    if (!this.numbered) return sequence;
    for (let offset = this.first; offset < this.next; offset++) {
      const row = this.row(offset);
      if (row.cause.source === null && row.sequence >= sequence) return offset;
    }
    return this.next;
  }

  /**
   * Sequence of the first event of this node's own from an offset on; of what is no more in memory
   * only if it is not numbered.
   */
  sequenceAt(offset: number): number {
    if (!this.numbered) return offset;
    if (offset >= this.next) return this.#own;
    const index = Math.max(offset - this.#base, 0);
    return (this.#segments[index >>> segmentBits] as Segment).ownBeforeRow(
      index & (segmentSize - 1),
    );
  }

  /**
   * The events from one offset to before another, by source; those that are no more in memory have
   * to be in `gone`.
   */
  lostBetween(from: number, end: number, gone?: LostRanges): LostRange[] {
    return this.addRanges(from, end, gone ?? new LostRanges()).all();
  }

  addRanges(from: number, end: number, into: LostRanges): LostRanges {
    if (!this.numbered) {
      if (from < end) into.add(this.source, from, end - 1);
      return into;
    }
    for (let offset = Math.max(from, this.#base); offset < end; offset++) {
      const { cause, sequence } = this.row(offset);
      into.add(cause.source ?? this.source, sequence, sequence);
    }
    return into;
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
    // A batch that nobody waits for is not kept until the next one.
    this.trim();
  }

  /** Takes note that a cursor has something to read, and wakes its reader. */
  activate(cursor: LogPosition): void {
    this.#resting.get(cursor.mask)?.delete(cursor);
    this.#active.add(cursor);
    cursor.resting = false;
    cursor.reader?.wake();
  }

  /** Takes note that a cursor has read all there is for it. */
  rest(cursor: LogPosition): void {
    this.#active.delete(cursor);
    cursor.resting = true;
    let cursors = this.#resting.get(cursor.mask);
    if (cursors === undefined) this.#resting.set(cursor.mask, (cursors = new Set()));
    cursors.add(cursor);
  }

  add(cursor: Cursor): void {
    this.cursors.add(cursor);
    if (cursor.coalesces) this.#coalescing.add(cursor);
    if (cursor.bound !== Infinity) this.#bounded.add(cursor);
    this.#file(cursor);
    this.#readersChanged(this.cursors.size - 1);
  }

  remove(cursor: Cursor): void {
    if (!this.cursors.delete(cursor)) return;
    this.#coalescing.delete(cursor);
    this.#bounded.delete(cursor);
    this.detach(cursor);
    this.#readersChanged(this.cursors.size + 1);
  }

  /** Keeps what is behind a place of somebody who takes rows, and is no reader. */
  attach(place: LogPosition): void {
    this.#file(place);
  }

  detach(place: LogPosition): void {
    this.#unfile(place);
    this.trim();
  }

  #readersChanged(before: number): void {
    this.#shared = this.cursors.size > 1;
    if (before === 0 || this.cursors.size === 0) this.onInterest?.();
  }

  /** Gives a cursor another mask and bound. */
  reconfigure(cursor: Cursor, mask: number, bound: number): void {
    this.#unfile(cursor);
    cursor.mask = mask;
    cursor.bound = bound;
    if (bound === Infinity) this.#bounded.delete(cursor);
    else this.#bounded.add(cursor);
    this.#file(cursor);
  }

  /**
   * To be called when a cursor has moved on: gives back memory, once a segment, since it may have
   * been the slowest.
   */
  moved(from: number, to: number): void {
    if (from >>> segmentBits !== to >>> segmentBits) this.trim();
  }

  /** Drops what is older than the last `retain` events before the slowest reader's place. */
  trim(): void {
    for (const cursor of this.#bounded) cursor.enforceBound();
    let slowest = this.dirty ? this.batchStart : this.next;
    for (const cursor of this.#active) if (cursor.position < slowest) slowest = cursor.position;
    const keepFrom = slowest - this.limits.retain;
    if (keepFrom > this.first) this.first = keepFrom;
    this.#free();
  }

  #file(cursor: LogPosition): void {
    if (cursor.position < this.next) this.activate(cursor);
    else this.rest(cursor);
  }

  /** Resting cursors stand under their mask. */
  #unfile(cursor: LogPosition): void {
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
    for (const cursor of this.#coalescing) cursor.coalesceUpTo(base);
    if (this.numbered) for (const cursor of this.cursors) cursor.dropUnread(base);
    if (this.#told.all.length > 0) {
      for (const { at } of this.#told.all) if (at < base) this.#forgotten = at;
      this.#told.replace([...this.gapsFrom(base)]);
    }
    this.#spare.keep(this.#segments.splice(0, whole));
    this.#base = base;
  }

  #grow(): Segment {
    this.trim();
    this.#tail = this.#spare.take() ?? new Segment(this.#includes, this.numbered);
    this.#tail.ownBefore = this.#own;
    this.#segments.push(this.#tail);
    return this.#tail;
  }
}
