import type { GapEvent } from "../event/types.js";
import type { CursorReader } from "./message.js";

/** What a position has to know of its log. @internal */
export interface BatchedLog {
  /** Offset that the next event gets. */
  readonly next: number;
  /** Whether there is a batch of events that resting readers were not woken for. */
  readonly dirty: boolean;
  /** Offset of the first event of that batch, and the types in it. */
  readonly batchStart: number;
  readonly batchTypes: number;
}

/**
 * A position in one partition's log. The log keeps the events behind it, and wakes the reader when
 * an event of its types comes.
 *
 * @internal
 */
export class LogPosition<Log extends BatchedLog = BatchedLog> {
  log: Log;
  /** Offset of the next event to be taken from the log. */
  position: number;
  /** Whether it waits for the log to wake it. Its position stands still meanwhile. */
  resting = false;
  reader: CursorReader | undefined;
  /** The types that wake it. */
  mask: number;

  constructor(log: Log, position: number, mask: number) {
    this.log = log;
    this.position = position;
    this.mask = mask;
  }

  /** Offset of the next event in the log that may concern this reader. */
  get unreadFrom(): number {
    const { log, position } = this;
    if (!this.resting) return position;
    if (!log.dirty || (this.mask & log.batchTypes) === 0) return log.next;
    return Math.max(position, log.batchStart);
  }
}

/** What a log calls on its readers. @internal */
export interface LogReader extends LogPosition {
  /** Whether it reads the newest event of each key of what it would lose. */
  readonly coalesces: boolean;
  /** Events that it may be behind by; Infinity: it has no bound of its own. */
  bound: number;
  /** Drops or coalesces what is beyond its bound. */
  enforceBound(): void;
  /** Events before `base` leave the memory: a reader that coalesces takes what it has not read. */
  coalesceUpTo(base: number): void;
  /** Events before `base` leave the memory: a reader notes what it has not read. */
  dropUnread(base: number): void;
  /** Events of another node are missing before the offset `at`. */
  reportGap(gap: GapEvent, at: number): void;
}
