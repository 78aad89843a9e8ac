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

/**
 * Slots of an event: the bit of its type, its time, its cause, its key; then what is included of
 * its values.
 */
const fixedSlots = 4;

/**
 * A run of events, as rows of one array: an unread event takes a few slots. Its object is made when
 * it is read, and shared if there are several readers.
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
  readonly #width: number;
  readonly #slots: unknown[];
  /** Each event's sequence, where it is not its offset. */
  readonly #numbers: number[] | undefined;
  /** Each event's position in the journal, once there is one that has a position. */
  #positions: (number | null)[] | undefined;
  #made: (CacheEvent | undefined)[] | undefined;

  /**
   * @param numbered whether an event's sequence is not its offset: `setSequence` is to be called
   * after each `append`
   */
  constructor(includes: Includes, numbered: boolean) {
    this.#includes = includes;
    this.#numbers = numbered ? new Array<number>(segmentSize).fill(0) : undefined;
    this.#width = fixedSlots + (includes.value ? 1 : 0) + (includes.previous ? 1 : 0);
    this.#slots = new Array<unknown>(segmentSize * this.#width);
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
    const slots = this.#slots;
    let slot = this.length++ * this.#width;
    slots[slot] = bit;
    slots[++slot] = at;
    slots[++slot] = cause;
    slots[++slot] = subject;
    if (this.#includes.value) slots[++slot] = value;
    if (this.#includes.previous) slots[++slot] = previous;
  }

  /** Sets the sequence, and the position if it has one, of the event that was appended last. */
  setSequence(number: number, position?: number): void {
    (this.#numbers as number[])[this.length - 1] = number;
    if (position === undefined) return;
    this.#positions ??= new Array<number | null>(segmentSize).fill(null);
    this.#positions[this.length - 1] = position;
  }

  /** The parts of an event; only for a segment that is numbered. */
  row(offset: number): Row {
    const slots = this.#slots;
    const slot = offset * this.#width;
    const { value, previous } = this.#includes;
    return {
      type: typeOfBit(slots[slot] as number),
      at: slots[slot + 1] as number,
      cause: slots[slot + 2] as Cause,
      subject: slots[slot + 3],
      sequence: (this.#numbers as number[])[offset] as number,
      value: value ? slots[slot + fixedSlots] : undefined,
      previous: previous ? slots[slot + fixedSlots + (value ? 1 : 0)] : undefined,
    };
  }

  /**
   * How many of this node's own events there are in the log before a row of a segment that is
   * numbered.
   */
  ownBeforeRow(row: number): number {
    let own = this.ownBefore;
    for (let slot = 2; slot < row * this.#width; slot += this.#width)
      if ((this.#slots[slot] as Cause).source === null) own++;
    return own;
  }

  /** Whether an event is of one of the types, and not of an origin. */
  matches(offset: number, mask: number, skipOrigin: unknown): boolean {
    const slot = offset * this.#width;
    if (((this.#slots[slot] as number) & mask) === 0) return false;
    return skipOrigin === undefined || (this.#slots[slot + 2] as Cause).origin !== skipOrigin;
  }

  /** The event in a row, with its offset in the log; with `shared`, the same object each time. */
  event(row: number, source: EventSource, offset: number, shared: boolean): CacheEvent {
    const made = this.#made?.[row];
    if (made !== undefined) return made;
    const event = this.#make(row, source, offset);
    if (shared) (this.#made ??= new Array<CacheEvent | undefined>(segmentSize))[row] = event;
    return event;
  }

  /** Empties it for reuse. */
  clear(): void {
    this.length = 0;
    this.#slots.fill(undefined);
    this.#positions = undefined;
    this.#made = undefined;
  }

  #make(row: number, source: EventSource, offset: number): CacheEvent {
    const slots = this.#slots;
    const slot = row * this.#width;
    const type = typeOfBit(slots[slot] as number);
    const subject = slots[slot + 3];
    const cause = slots[slot + 2] as Cause;
    const at = slots[slot + 1] as number;
    const number = this.#numbers?.[row];
    const event =
      number === undefined
        ? new CacheEvent(type, cause, source, subject, offset, at)
        : new NumberedEvent(
            type,
            cause,
            source,
            subject,
            offset,
            at,
            number,
            this.#positions?.[row] ?? null,
          );
    if (this.#width > fixedSlots) {
      const { value, previous } = this.#includes;
      const first = slot + fixedSlots;
      CacheEvent.addValues(
        event,
        this.#includes,
        value ? slots[first] : undefined,
        previous ? slots[value ? first + 1 : first] : undefined,
      );
    }
    return event;
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
