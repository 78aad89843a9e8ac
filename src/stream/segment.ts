import type { Cause } from "../event/cause.js";
import { CacheEvent, type EventSource, MultiTarget } from "../event/event.js";
import { type EventType, eventTypes } from "../event/types.js";
import { typeBits } from "./event-mask.js";

/** Events in a segment: a power of 2. @internal */
export const segmentBits = 8;
/** @internal */
export const segmentSize = 1 << segmentBits;

/** Which of the values the events of a log carry. @internal */
export interface Includes {
  readonly value: boolean;
  readonly previous: boolean;
}

/**
 * A run of events, in columns: what waits to be read is a few array slots and not an object an event, which is only made when it is
 * read. Readers share it, if there are several.
 *
 * @internal
 */
export class Segment {
  length = 0;
  readonly #types = new Uint8Array(segmentSize);
  readonly #ats = new Float64Array(segmentSize);
  readonly #causes = new Array<Cause>(segmentSize);
  /** The key, or a MultiTarget. */
  readonly #subjects = new Array<unknown>(segmentSize);
  /** A value; for a MultiTarget, a map of values. */
  readonly #values: unknown[] | undefined;
  readonly #previous: unknown[] | undefined;
  #made: (CacheEvent | undefined)[] | undefined;

  constructor(includes: Includes) {
    this.#values = includes.value ? new Array<unknown>(segmentSize) : undefined;
    this.#previous = includes.previous ? new Array<unknown>(segmentSize) : undefined;
  }

  append(
    type: EventType,
    cause: Cause,
    subject: unknown,
    at: number,
    value: unknown,
    previous: unknown,
  ): void {
    const offset = this.length++;
    this.#types[offset] = typeBits[type];
    this.#ats[offset] = at;
    this.#causes[offset] = cause;
    this.#subjects[offset] = subject;
    if (this.#values !== undefined) this.#values[offset] = value;
    if (this.#previous !== undefined) this.#previous[offset] = previous;
  }

  /** Whether an event is of one of the types, and not of an origin. */
  matches(offset: number, mask: number, skipOrigin: unknown): boolean {
    if (((this.#types[offset] as number) & mask) === 0) return false;
    return skipOrigin === undefined || (this.#causes[offset] as Cause).origin !== skipOrigin;
  }

  /** The event at an offset; with `shared`, the same object each time. */
  event(offset: number, source: EventSource, sequence: number, shared: boolean): CacheEvent {
    const made = this.#made?.[offset];
    if (made !== undefined) return made;
    const event = this.#make(offset, source, sequence);
    if (shared) (this.#made ??= new Array<CacheEvent | undefined>(segmentSize))[offset] = event;
    return event;
  }

  #make(offset: number, source: EventSource, sequence: number): CacheEvent {
    const type = eventTypes[31 - Math.clz32(this.#types[offset] as number)] as EventType;
    const subject = this.#subjects[offset];
    const event = new CacheEvent(
      type,
      this.#causes[offset] as Cause,
      source,
      subject,
      sequence,
      this.#ats[offset] as number,
    );
    if (this.#values !== undefined || this.#previous !== undefined)
      this.#addValues(event, offset, subject instanceof MultiTarget);
    return event;
  }

  #addValues(event: CacheEvent, offset: number, several: boolean): void {
    const value = this.#values?.[offset];
    const previous = this.#previous?.[offset];
    if (several) {
      if (value !== undefined) event.values = value as ReadonlyMap<unknown, unknown>;
      if (previous !== undefined) event.previousValues = previous as ReadonlyMap<unknown, unknown>;
      return;
    }
    if (this.#values !== undefined && (event.type === "inserted" || event.type === "updated"))
      event.value = value;
    if (this.#previous !== undefined && event.type !== "inserted") event.previous = previous;
  }
}
