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

/** What a message's handler is refused with: it may not begin any more, and stays unacknowledged. @internal */
export const notBegun = Symbol("not begun");

/** Decides when messages that a reader has taken may be handled. @internal */
export interface Gate {
  /** Events in a batch at most. */
  readonly maxBatch: number;
  /**
   * A handler is about to be called with messages. Undefined: it may be called now; a promise: when
   * that resolves, and not at all if it rejects, with {@link notBegun}.
   */
  enter(messages: readonly Message[]): Promise<void> | undefined;
  /** Messages have failed, and are to be handled again. */
  leave(messages: readonly Message[]): void;
  /** The reader is to end: nothing more may begin. */
  shut(): void;
  /** Settles when no handler is at work; to be called after `shut`. */
  quiet(): Promise<void>;
  /** Whether nothing counts any more of what is being handled: the reader ends at once. */
  readonly isLost: boolean;
}
