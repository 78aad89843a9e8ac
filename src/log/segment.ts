import {
  CacheEvent,
  type Cause,
  type EventSource,
  type Includes,
  NumberedEvent,
} from "../event/event.js";
import type { EventType } from "../event/types.js";
import { typeOfBit } from "./event-mask.js";

/** Events in a segment: a power of 2. @internal */
export const segmentBits = 8;
/** @internal */
export const segmentSize = 1 << segmentBits;

/** The parts of an event. @internal */
export interface Row {
  readonly type: EventType;
  /** Milliseconds since its source began. */
  readonly at: number;
  readonly cause: Cause;
  /** The key, or a MultiTarget. */
  readonly subject: unknown;
  /** Its sequence at its source. */
  readonly sequence: number;
  /** Where they are included; for a MultiTarget, maps. */
  readonly value: unknown;
  readonly previous: unknown;
}

/** Bits of a head that are the bit of the event's type. */
const typeWidth = 5;
const typeMask = (1 << typeWidth) - 1;
/** Milliseconds after the first event of a segment that fit into a head. */
const maxDelay = 1 << 24;

/**
 * A run of events, in columns: an unread event takes a few bytes. Its object is made when it is
 * read, and shared if there are several readers.
 *
 * @internal
 */
export class Segment {
  length = 0;
  /**
   * How many of this node's own events there were in the log before it, where that is not its first
   * offset.
   */
  ownBefore = 0;
  readonly #includes: Includes;
  readonly #hasValues: boolean;
  /** Whether an event's sequence may be another number than its offset. */
  readonly #numbered: boolean;
  /**
   * The bit of each event's type and, above it, its time after that of the first event, plus 1; 0:
   * its time is in `#times`. Small integers, which the garbage collector does not look at.
   */
  readonly #heads = new Array<number>(segmentSize).fill(0);
  /** Each event's key, or a MultiTarget. */
  readonly #subjects = new Array<unknown>(segmentSize).fill(undefined);
  /** What is included of each event's values. */
  readonly #values: unknown[] | undefined;
  readonly #previous: unknown[] | undefined;
  /** The time of the first event; that of the last one, and the part of a head that stands for it. */
  #startsAt = 0;
  #lastAt = NaN;
  #lastTime = 0;
  /** The times of events that came long after the first, or before it. */
  #times: number[] | undefined;
  /** The cause of all events, unless they have several. */
  #cause: Cause | undefined;
  #causes: Cause[] | undefined;
  /** Whether sequences are in `#numbers`: they are not the next ones of this node, one by one. */
  #isMixed = false;
  /** Each event's sequence. */
  #numbers: number[] | undefined;
  /** Each event's position in the journal, once there is one that has a position. */
  #positions: (number | null)[] | undefined;
  #made: (CacheEvent | undefined)[] | undefined;

  /**
   * @param numbered whether an event's sequence may be another number than its offset: `setSequence`
   * is to be called after each `append`
   */
  constructor(includes: Includes, numbered: boolean) {
    this.#includes = includes;
    this.#hasValues = includes.value || includes.previous;
    this.#numbered = numbered;
    this.#values = includes.value ? new Array<unknown>(segmentSize).fill(undefined) : undefined;
    this.#previous = includes.previous
      ? new Array<unknown>(segmentSize).fill(undefined)
      : undefined;
  }

  /**
   * @param bit of the type
   * @param subject the key, or a MultiTarget
   * @param value the value; for a MultiTarget, a map of values
   */
  append(
    bit: number,
    cause: Cause,
    subject: unknown,
    at: number,
    value: unknown,
    previous: unknown,
  ): void {
    const row = this.length++;
    if (at !== this.#lastAt) this.#setTime(row, at);
    this.#heads[row] = this.#lastTime | bit;
    if (this.#times !== undefined) this.#times[row] = at;
    this.#subjects[row] = subject;
    if (cause !== this.#cause) this.#addCause(row, cause);
    if (this.#hasValues) {
      if (this.#values !== undefined) this.#values[row] = value;
      if (this.#previous !== undefined) this.#previous[row] = previous;
    }
  }

  /** Sets the sequence, and the position if it has one, of the event that was appended last. */
  setSequence(number: number, position?: number): void {
    const row = this.length - 1;
    if (!this.#isMixed) {
      if (number === this.ownBefore + row && position === undefined) return;
      this.#mix(row);
    }
    (this.#numbers as number[])[row] = number;
    if (position === undefined) return;
    this.#positions ??= new Array<number | null>(segmentSize).fill(null);
    this.#positions[row] = position;
  }

  /** Gives the rows before one the sequences that they have had without a column. */
  #mix(row: number): void {
    const numbers = (this.#numbers ??= new Array<number>(segmentSize).fill(0));
    for (let before = 0; before < row; before++) numbers[before] = this.ownBefore + before;
    this.#isMixed = true;
  }

  #sequenceOf(row: number): number {
    return this.#isMixed ? ((this.#numbers as number[])[row] as number) : this.ownBefore + row;
  }

  /** The parts of an event; only for a segment that is numbered. */
  row(row: number): Row {
    return {
      type: typeOfBit(this.#bitOf(row)),
      at: this.#timeOf(row),
      cause: this.#causeOf(row),
      subject: this.#subjects[row],
      sequence: this.#sequenceOf(row),
      value: this.#values?.[row],
      previous: this.#previous?.[row],
    };
  }

  /**
   * How many of this node's own events there are in the log before a row of a segment that is
   * numbered.
   */
  ownBeforeRow(row: number): number {
    let own = this.ownBefore;
    for (let before = 0; before < row; before++) if (this.#causeOf(before).source === null) own++;
    return own;
  }

  /** Whether an event is of one of the types, and not of an origin. */
  matches(row: number, mask: number, skipOrigin: unknown): boolean {
    if ((this.#bitOf(row) & mask) === 0) return false;
    return skipOrigin === undefined || this.#causeOf(row).origin !== skipOrigin;
  }

  /** The event in a row, with its offset in the log; with `shared`, the same object each time. */
  event(row: number, source: EventSource, offset: number, shared: boolean): CacheEvent {
    if (shared) return this.#made?.[row] ?? this.#share(row, source, offset);
    if (this.#hasValues || (this.#numbered && !this.#isAtOffset(row, offset)))
      return this.#make(row, source, offset);
    const type = typeOfBit(this.#bitOf(row));
    const at = this.#timeOf(row);
    return new CacheEvent(type, this.#causeOf(row), source, this.#subjects[row], offset, at);
  }

  /** Empties it for reuse. */
  clear(): void {
    this.length = 0;
    this.#lastAt = NaN;
    this.#subjects.fill(undefined);
    this.#values?.fill(undefined);
    this.#previous?.fill(undefined);
    this.#isMixed = false;
    this.#cause = undefined;
    this.#causes = undefined;
    this.#times = undefined;
    this.#positions = undefined;
    this.#made = undefined;
  }

  /** Whether an event's sequence is its offset, and it has no position. */
  #isAtOffset(row: number, offset: number): boolean {
    return !this.#isMixed && this.ownBefore + row === offset;
  }

  #share(row: number, source: EventSource, offset: number): CacheEvent {
    const event = this.event(row, source, offset, false);
    (this.#made ??= new Array<CacheEvent | undefined>(segmentSize))[row] = event;
    return event;
  }

  /** An event with more than what all have. */
  #make(row: number, source: EventSource, offset: number): CacheEvent {
    const type = typeOfBit(this.#bitOf(row));
    const subject = this.#subjects[row];
    const cause = this.#causeOf(row);
    const at = this.#timeOf(row);
    const event =
      !this.#numbered || this.#isAtOffset(row, offset)
        ? new CacheEvent(type, cause, source, subject, offset, at)
        : new NumberedEvent(
            type,
            cause,
            source,
            subject,
            offset,
            at,
            this.#sequenceOf(row),
            this.#positions?.[row] ?? null,
          );
    CacheEvent.addValues(event, this.#includes, this.#values?.[row], this.#previous?.[row]);
    return event;
  }

  #bitOf(row: number): number {
    return (this.#heads[row] as number) & typeMask;
  }

  #timeOf(row: number): number {
    const head = this.#heads[row] as number;
    return head > typeMask
      ? this.#startsAt + (head >> typeWidth) - 1
      : ((this.#times as number[])[row] as number);
  }

  #causeOf(row: number): Cause {
    return this.#causes === undefined ? (this.#cause as Cause) : (this.#causes[row] as Cause);
  }

  /** The time of a row that is not that of the row before it. */
  #setTime(row: number, at: number): void {
    if (row === 0) this.#startsAt = at;
    const delay = at - this.#startsAt;
    const fits = delay >= 0 && delay < maxDelay && Number.isInteger(delay);
    this.#lastAt = at;
    this.#lastTime = fits ? (delay + 1) << typeWidth : 0;
    if (!fits) this.#times ??= new Array<number>(segmentSize).fill(0);
  }

  /** Adds the cause of a row that is not that of all rows before it. */
  #addCause(row: number, cause: Cause): void {
    if (row === 0) {
      this.#cause = cause;
      return;
    }
    if (this.#causes === undefined) {
      this.#causes = new Array<Cause>(segmentSize).fill(this.#cause as Cause);
      this.#cause = undefined;
    }
    this.#causes[row] = cause;
  }
}

/** Empty segments that a log keeps at the most. */
const maxSpare = 1024;

/**
 * Empty segments for reuse, referred to weakly, so that the garbage collector can free them.
 *
 * @internal
 */
export class SpareSegments {
  #segments: WeakRef<Segment[]> | undefined;

  take(): Segment | undefined {
    return this.#segments?.deref()?.pop();
  }

  /** Empties them. */
  keep(segments: readonly Segment[]): void {
    let spare = this.#segments?.deref();
    if (spare === undefined) this.#segments = new WeakRef((spare = []));
    for (const segment of segments) {
      if (spare.length === maxSpare) return;
      segment.clear();
      spare.push(segment);
    }
  }
}
