import type { GapEvent } from "../event/types.js";

/** The reader that a gap concerns. @internal */
export interface GapReader {
  readonly group: string | null;
  /** Whether the reader is given the gap. */
  readonly receivesGaps: boolean;
}

/** What a cursor is made for. @internal */
export interface CursorOptions {
  mask: number;
  group: string | null;
  gaps: boolean;
  coalesces: boolean;
  /**
   * Events that it may be behind by, if that is less than the log's capacity. Default: no bound of
   * its own.
   */
  bound?: number;
  /** Whether `whenIdle` waits for it. */
  tracked: boolean;
  /** Events of this origin are not for this reader. */
  skipOrigin?: unknown;
  /** Told of each gap. */
  onGap: (gap: GapEvent, reader: GapReader, isLoss: boolean) => void;
}
