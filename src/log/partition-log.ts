import {
  CacheEvent,
  type Cause,
  causeOf,
  type EventSource,
  type Includes,
} from "../event/event.js";
import type { EventType, GapEvent } from "../event/types.js";
import { allTypes, bitOf } from "./event-mask.js";
import { type LostRange, LostRanges, type PlacedGap, PlacedGaps } from "./gaps.js";
import type { BatchedLog, LogPosition, LogReader } from "./log-position.js";
import { type Row, Segment, segmentBits, segmentSize, SpareSegments } from "./segment.js";

/** Keeps every index into a log a small integer. @internal */
export const maxCapacity = 2 ** 30;

/** The sequence of a row that is no event. */
const blank = -1;
const blankCause: Cause = Object.freeze({
  ...causeOf("blank"),
  // Not this node's own.
  source: Object.freeze({
    cache: "",
    name: "",
    partition: null,
    partitions: null,
    node: "",
    epoch: "",
    startedAt: 0,
  }),
});

/** What a log keeps. */
export interface LogLimits {
  /** Events at the most, however slow a reader is. */
  readonly capacity: number;
  /** Events kept behind the slowest reader. */
  readonly retain: number;
}

/**
 * The events of one partition in one epoch, in order of arrival. An event's offset is its index in
 * the log, from 0; its sequence is its number among the events of the node where it happened. The
 * two are the same unless the log is `numbered`. Only sequences are published. The log grows with
 * what its slowest reader has not read, up to `capacity`. An append costs the same whatever the
 * number of readers: resting ones are woken once a batch.
 *
 * @internal
 */
export class PartitionLog<Reader extends LogReader = LogReader> implements BatchedLog {
  readonly source: EventSource;
  readonly index: number;
  /** Offset of the oldest event that can be read. */
  first = 0;
  /** Offset that the next event gets. */
  next = 0;
  dirty = false;
  batchStart = 0;
  batchTypes = 0;
  /** How many events there have been, by their type's bit. */
  readonly counts: number[] = new Array<number>(allTypes + 1).fill(0);
  readonly cursors = new Set<Reader>();
  /** Called for the first reader, and when there is none any more. */
  onInterest: (() => void) | undefined;
  /** Whether there are several readers, which share the events that are made for them. */
  shared = false;
  /** Where `read` stopped: the offset to read on from. */
  readTo = 0;
  /** The positions with events to read. */
  readonly #active = new Set<LogPosition>();
  /** The others, by the mask of the types that they wait for. */
  readonly #resting = new Map<number, Set<LogPosition>>();
  readonly #coalescing = new Set<Reader>();
  /** The readers that have a bound of their own. */
  readonly #bounded = new Set<Reader>();
  readonly limits: LogLimits;
  readonly #onDirty: () => void;
  readonly #includes: Includes;
  #segments: Segment[] = [];
  readonly #spare = new SpareSegments();
  /** Offset of the first event of the first segment. */
  #base = 0;
  #tail: Segment | undefined;
  /** Whether it has events of several nodes, so that their offsets are not their sequences. */
  readonly numbered: boolean;
  /** How many of this node's own events there have been, in a log that is numbered. */
  #own = 0;
  readonly #gaps = new PlacedGaps();
  /** Offset of the last gap that is not kept any more; -1: none. */
  #lastDroppedGap = -1;

  constructor(
    source: EventSource,
    index: number,
    limits: LogLimits,
    includes: Includes,
    onDirty: () => void,
    numbered = false,
    start = 0,
  ) {
    this.source = source;
    this.index = index;
    this.limits = limits;
    this.#includes = includes;
    this.#onDirty = onDirty;
    this.numbered = numbered;
    this.first = this.next = this.#base = start;
  }

  /** Sequence that this node's next own event gets. */
  get nextSequence(): number {
    return this.numbered ? this.#own : this.next;
  }

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
   * @param position its position in the journal, in a log that is numbered; default: it has none
   */
  append(
    type: EventType,
    cause: Cause,
    subject: unknown,
    at: number,
    value?: unknown,
    previous?: unknown,
    number?: number,
    position?: number,
  ): void {
    let tail = this.#tail;
    if (tail === undefined || tail.length === segmentSize) tail = this.#grow();
    const bit = bitOf(type);
    tail.append(bit, cause, subject, at, value, previous);
    if (this.numbered) tail.setSequence(number ?? this.#own++, position);
    const offset = this.next++;
    // At capacity the oldest event is dropped, whether or not it was read.
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

  /** Adds a row that no reader is given, so that the offset is taken; in a log that is numbered. */
  appendBlank(): void {
    let tail = this.#tail;
    if (tail === undefined || tail.length === segmentSize) tail = this.#grow();
    tail.append(0, blankCause, undefined, 0, undefined, undefined);
    tail.setSequence(blank);
    const offset = this.next++;
    if (this.next - this.first > this.limits.capacity)
      this.first = this.next - this.limits.capacity;
    if (this.dirty) return;
    this.dirty = true;
    this.batchStart = offset;
    this.#onDirty();
  }

  /** The event at an offset that is still in memory. */
  at(offset: number): CacheEvent {
    const index = offset - this.#base;
    const segment = this.#segments[index >>> segmentBits] as Segment;
    return segment.event(index & (segmentSize - 1), this.source, offset, this.shared);
  }

  /** The segment of an event that is still in memory. */
  segmentOf(offset: number): Segment {
    return this.#segments[(offset - this.#base) >>> segmentBits] as Segment;
  }

  /** Offset of the first event of its segment. */
  segmentStart(offset: number): number {
    return offset - ((offset - this.#base) & (segmentSize - 1));
  }

  /** The first event in `from` to `end - 1` of one of the types that is not of an origin. */
  read(from: number, end: number, mask: number, skipOrigin: unknown): CacheEvent | undefined {
    for (let offset = from; offset < end; offset++) {
      const index = offset - this.#base;
      const segment = this.#segments[index >>> segmentBits] as Segment;
      const row = index & (segmentSize - 1);
      if (!segment.matches(row, mask, skipOrigin)) continue;
      this.readTo = offset + 1;
      return segment.event(row, this.source, offset, this.shared);
    }
    this.readTo = end;
    return undefined;
  }

  /**
   * Offset of the first event from `from` on of one of the types that is not of an origin; `next`
   * if there is none.
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

  /** Reports to all readers that events are missing behind those that came. */
  reportGap(gap: GapEvent): void {
    this.#gaps.add({ at: this.next, gap });
    for (const cursor of this.cursors) cursor.reportGap(gap, this.next);
  }

  /** The gaps at an offset or later. */
  gapsFrom(offset: number): readonly PlacedGap[] {
    return this.#gaps.all.filter(({ at }) => at >= offset);
  }

  /** Whether there was a gap at an offset or later that is not kept any more. */
  droppedGapSince(offset: number): boolean {
    return this.#lastDroppedGap >= offset;
  }

  /** The offset of this node's event with a sequence, or of the next one that is kept. */
  offsetOf(sequence: number): number {
    if (!this.numbered) return sequence;
    for (let offset = this.first; offset < this.next; offset++) {
      const row = this.row(offset);
      if (row.cause.source === null && row.sequence >= sequence) return offset;
    }
    return this.next;
  }

  /**
   * Sequence of this node's first event from an offset on. In a log that is numbered the offset has
   * to be in memory.
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
   * The ranges of the events in `from` to `end - 1`, by source.
   *
   * @param dropped the ranges of those that are not in memory any more
   */
  lostBetween(from: number, end: number, dropped = new LostRanges()): LostRange[] {
    return this.addRanges(from, end, dropped).all();
  }

  /** Adds to `into` the events in `from` to `end - 1` that are in memory. */
  addRanges(from: number, end: number, into: LostRanges): LostRanges {
    if (!this.numbered) {
      if (from < end) into.add(this.source, from, end - 1);
      return into;
    }
    for (let offset = Math.max(from, this.#base); offset < end; offset++) {
      const { cause, sequence } = this.row(offset);
      if (sequence !== blank) into.add(cause.source ?? this.source, sequence, sequence);
    }
    return into;
  }

  /** Whether an event is of this log's epoch. */
  owns(event: CacheEvent): boolean {
    return CacheEvent.sourceOf(event) === this.source;
  }

  /** Ends the batch: wakes the resting readers of its types. */
  flush(): void {
    if (!this.dirty) return;
    this.dirty = false;
    const types = this.batchTypes;
    this.batchTypes = 0;
    for (const [mask, cursors] of this.#resting) {
      if ((mask & types) === 0) continue;
      for (const cursor of cursors) {
        // A reader that did not rest meanwhile has read the batch, or its beginning.
        if (cursor.position < this.batchStart) cursor.position = this.batchStart;
        if (cursor.position < this.next) this.activate(cursor);
      }
    }
    // A batch that no reader waits for is not kept until the next one.
    this.trim();
  }

  /** Marks a position as one with events to read, and wakes its reader. */
  activate(cursor: LogPosition): void {
    this.#resting.get(cursor.mask)?.delete(cursor);
    this.#active.add(cursor);
    cursor.resting = false;
    cursor.reader?.wake();
  }

  /** Marks a position as one that has read all there is for it. */
  rest(cursor: LogPosition): void {
    this.#active.delete(cursor);
    cursor.resting = true;
    let cursors = this.#resting.get(cursor.mask);
    if (cursors === undefined) this.#resting.set(cursor.mask, (cursors = new Set()));
    cursors.add(cursor);
  }

  add(cursor: Reader): void {
    this.cursors.add(cursor);
    if (cursor.coalesces) this.#coalescing.add(cursor);
    if (cursor.bound !== Infinity) this.#bounded.add(cursor);
    this.#enter(cursor);
    this.#readersChanged(this.cursors.size - 1);
  }

  remove(cursor: Reader): void {
    if (!this.cursors.delete(cursor)) return;
    this.#coalescing.delete(cursor);
    this.#bounded.delete(cursor);
    this.detach(cursor);
    this.#readersChanged(this.cursors.size + 1);
  }

  /** Keeps the events behind a position that is not a reader's. */
  attach(position: LogPosition): void {
    this.#enter(position);
  }

  detach(position: LogPosition): void {
    this.#leave(position);
    this.trim();
  }

  #readersChanged(before: number): void {
    this.shared = this.cursors.size > 1;
    if (before === 0 || this.cursors.size === 0) this.onInterest?.();
  }

  /** Gives a cursor another mask and bound. */
  reconfigure(cursor: Reader, mask: number, bound: number): void {
    this.#leave(cursor);
    cursor.mask = mask;
    cursor.bound = bound;
    if (bound === Infinity) this.#bounded.delete(cursor);
    else this.#bounded.add(cursor);
    this.#enter(cursor);
  }

  /**
   * To be called when a position has moved: frees memory, once a segment, since it may have been
   * the slowest.
   */
  moved(from: number, to: number): void {
    if (from >>> segmentBits !== to >>> segmentBits) this.trim();
  }

  /** Drops the events before the last `retain` behind the slowest position. */
  trim(): void {
    for (const cursor of this.#bounded) cursor.enforceBound();
    const slowest = slowestOf(this.#active, this.dirty ? this.batchStart : this.next);
    const keepFrom = slowest - this.limits.retain;
    if (keepFrom > this.first) this.first = keepFrom;
    this.#free();
  }

  #enter(cursor: LogPosition): void {
    if (cursor.position < this.next) this.activate(cursor);
    else this.rest(cursor);
  }

  /** To be called before its mask changes. */
  #leave(cursor: LogPosition): void {
    this.#active.delete(cursor);
    this.#resting.get(cursor.mask)?.delete(cursor);
  }

  #free(): void {
    // The tail is still appended to: it stays.
    const whole = Math.min(
      Math.floor((this.first - this.#base) / segmentSize),
      this.#segments.length - 1,
    );
    if (whole <= 0) return;
    const base = this.#base + whole * segmentSize;
    for (const cursor of this.#coalescing) cursor.coalesceUpTo(base);
    if (this.numbered) for (const cursor of this.cursors) cursor.dropUnread(base);
    if (this.#gaps.all.length > 0) {
      for (const { at } of this.#gaps.all) if (at < base) this.#lastDroppedGap = at;
      this.#gaps.replaceAll([...this.gapsFrom(base)]);
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

/**
 * The smallest position, at most `most`. A function of its own: within a longer one, the engine
 * enters the optimized loop in its middle, and discards it at its end, each time.
 */
function slowestOf(positions: Iterable<LogPosition>, most: number): number {
  let slowest = most;
  for (const { position } of positions) if (position < slowest) slowest = position;
  return slowest;
}
