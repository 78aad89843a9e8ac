import type { Cause } from "../event/cause.js";
import { CacheEvent, type EventSource, MultiTarget } from "../event/event.js";
import { typeOfBit } from "./event-mask.js";

/** Events in a segment: a power of 2. @internal */
export const segmentBits = 8;
/** @internal */
export const segmentSize = 1 << segmentBits;

/** Which of the values the events of a log carry. @internal */
export interface Includes {
  readonly value: boolean;
  readonly previous: boolean;
}

/** Slots of an event: the bit of its type, its time, its cause, its key; then what is included of its values. */
const fixedSlots = 4;

/**
 * A run of events, as rows of one array: what waits to be read is a few slots and not an object an event, which is only made when it is
 * read. Readers share it, if there are several.
 *
 * @internal
 */
export class Segment {
  length = 0;
  readonly #includes: Includes;
  readonly #width: number;
  readonly #slots: unknown[];
  #made: (CacheEvent | undefined)[] | undefined;

  constructor(includes: Includes) {
    this.#includes = includes;
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

  /** Whether an event is of one of the types, and not of an origin. */
  matches(offset: number, mask: number, skipOrigin: unknown): boolean {
    const slot = offset * this.#width;
    if (((this.#slots[slot] as number) & mask) === 0) return false;
    return skipOrigin === undefined || (this.#slots[slot + 2] as Cause).origin !== skipOrigin;
  }

  /** The event at an offset; with `shared`, the same object each time. */
  event(offset: number, source: EventSource, sequence: number, shared: boolean): CacheEvent {
    const made = this.#made?.[offset];
    if (made !== undefined) return made;
    const event = this.#make(offset, source, sequence);
    if (shared) (this.#made ??= new Array<CacheEvent | undefined>(segmentSize))[offset] = event;
    return event;
  }

  /** Empties it, to be used again. */
  clear(): void {
    this.length = 0;
    this.#slots.fill(undefined);
    this.#made = undefined;
  }

  #make(offset: number, source: EventSource, sequence: number): CacheEvent {
    const slots = this.#slots;
    const slot = offset * this.#width;
    const type = typeOfBit(slots[slot] as number);
    const subject = slots[slot + 3];
    const event = new CacheEvent(
      type,
      slots[slot + 2] as Cause,
      source,
      subject,
      sequence,
      slots[slot + 1] as number,
    );
    if (this.#width > fixedSlots) this.#addValues(event, slot + fixedSlots, subject);
    return event;
  }

  #addValues(event: CacheEvent, slot: number, subject: unknown): void {
    const { value: includesValue, previous: includesPrevious } = this.#includes;
    const value = includesValue ? this.#slots[slot] : undefined;
    const previous = includesPrevious ? this.#slots[includesValue ? slot + 1 : slot] : undefined;
    if (subject instanceof MultiTarget) {
      if (value !== undefined) event.values = value as ReadonlyMap<unknown, unknown>;
      if (previous !== undefined) event.previousValues = previous as ReadonlyMap<unknown, unknown>;
      return;
    }
    if (includesValue && (event.type === "inserted" || event.type === "updated"))
      event.value = value;
    if (includesPrevious && event.type !== "inserted") event.previous = previous;
  }
}
