import { OptionError } from "../errors.js";
import { Cursor } from "../log/cursor.js";
import type { CursorReader } from "../log/message.js";
import type { PartitionLog } from "../log/partition-log.js";
import { reportMissed } from "./resume-token.js";
import type { Stream } from "./stream.js";
import type { ResumePoint } from "../log/reader-position.js";

/** What a reader wants of one partition. @internal */
export interface CursorRequest {
  readonly mask: number;
  readonly group: string | null;
  readonly from: "latest" | "earliest" | number | ResumePoint;
  readonly gaps: boolean;
  readonly coalesces?: boolean;
  /** See {@link CursorOptions.bound}. */
  readonly bound?: number;
  readonly tracked: boolean;
  /** Events of this origin are not for this reader. */
  readonly skipOrigin?: unknown;
}

/**
 * The cursor of a reader on one partition: the one that is kept for its group, or a new one. The
 * reader is woken if there is something to read.
 *
 * @throws GroupBusyError, OptionError (`from`)
 * @internal
 */
export function openCursor(
  stream: Stream,
  index: number,
  request: CursorRequest,
  reader: CursorReader,
): Cursor {
  const log = stream.logs[index] as PartitionLog;
  const { group, mask, gaps, tracked, skipOrigin, coalesces = false, bound = Infinity } = request;
  const kept = group === null ? undefined : stream.groups.find(group, index);
  if (group !== null) stream.groups.checkFree(group, index, log.source.partition);
  // A partition that was removed and added again has another log than the group's cursor.
  if (kept !== undefined && kept.log !== log) kept.replaceLog(log, null);
  if (kept?.coalesces === coalesces) {
    kept.reattach(reader, { mask, gaps, skipOrigin, bound });
    return kept;
  }
  const { from } = request;
  const position = kept === undefined ? startingPoint(log, from, coalesces) : log.next;
  const cursor = new Cursor(log, position, {
    mask,
    group,
    gaps,
    coalesces,
    bound,
    tracked,
    skipOrigin,
    onGap: stream.reportGap,
  });
  if (group !== null) stream.groups.add(group, index, cursor);
  cursor.reader = reader;
  if (kept !== undefined) cursor.continueFrom(kept);
  if (kept === undefined && from !== "latest")
    for (const { at, gap } of log.gapsFrom(position)) cursor.reportGap(gap, at);
  if ((log.numbered || coalesces) && typeof from === "number") cursor.reportTrimmed(from);
  if (kept === undefined && typeof from === "object")
    reportMissed(cursor, log, from, stream.lastEpochEndReason);
  log.add(cursor);
  cursor.wakeIfBehind();
  if (kept !== undefined) log.remove(kept);
  return cursor;
}

/** Closes a cursor for good: a group loses its position. @internal */
export function closeCursor(stream: Stream, cursor: Cursor): void {
  cursor.reader = undefined;
  stream.metrics.readerEnds(cursor);
  cursor.log.remove(cursor);
  if (cursor.group !== null) stream.groups.delete(cursor.group, cursor);
  stream.notifyProgress();
}

function startingPoint(log: PartitionLog, from: CursorRequest["from"], coalesces: boolean): number {
  if (from === "latest") return log.next;
  // Readers may have read a batch that has not ended.
  log.flush();
  log.trim();
  if (from === "earliest") return log.first;
  if (typeof from === "object")
    return from.epoch === log.source.epoch ? Math.max(from.offset, log.first) : log.first;
  if (from > log.nextSequence)
    throw OptionError.invalid("from", `a sequence <= ${log.nextSequence} (the next event's)`, from);
  // A reader that coalesces reads from memory only.
  return coalesces ? Math.max(log.first, log.offsetOf(from)) : log.offsetOf(from);
}
