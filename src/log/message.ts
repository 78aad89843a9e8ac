import type { CacheEvent } from "../event/event.js";
import type { GapEvent } from "../event/types.js";

/** What a reader is given: an event, or a report of events that it can't be given. @internal */
export type Message = CacheEvent | GapEvent;

/** Reads through a cursor. @internal */
export interface CursorReader {
  /** There are messages to read. It must not throw, and not read within the call. */
  wake(): void;
}

/**
 * Whether an event is handled when its handler returns; with "enough" it is, and no more are wanted
 * for now.
 *
 * @internal
 */
export type VisitResult = "done" | "enough" | "pending";

/** Handles events one after the other. @internal */
export interface Visitor {
  /** A throw ends the visit, and leaves the event unacknowledged. */
  visit(event: CacheEvent): VisitResult;
}
