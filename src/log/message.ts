import type { CacheEvent } from "../event/event.js";
import type { GapEvent } from "../event/types.js";

/** What a reader is given: an event, or a notice of events that it can't be given. @internal */
export type Message = CacheEvent | GapEvent;

/** Who reads through a cursor. @internal */
export interface CursorReader {
  /** There is something to read. Must not throw, and not read within the call. */
  wake(): void;
}

/**
 * How far a handler is with an event when it returns: through; through, and to be given no more for
 * now; or not yet.
 *
 * @internal
 */
export type VisitResult = "done" | "enough" | "pending";

/** Who is given events one after the other. @internal */
export interface Visitor {
  /** What it throws breaks off the visit, and leaves the event in hand. */
  visit(event: CacheEvent): VisitResult;
}
