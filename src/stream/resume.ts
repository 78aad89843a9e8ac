import { OptionError } from "../errors.js";
import type { GapEvent, GapReason } from "../event/types.js";
import type { Cursor } from "./cursor.js";
import type { PartitionLog } from "./partition-log.js";
import type { Stream } from "./stream.js";
import { decodeToken, encodeToken, type ResumePoint, type ResumePoints } from "./token.js";
import type { Message } from "./message.js";

/** A token of where some cursors are; `given` counts as handled. @internal */
export function tokenOf(stream: Stream, cursors: readonly Cursor[], given?: Message): string {
  const sorted = [...cursors].sort((a, b) => a.log.index - b.log.index);
  return encodeToken(
    idOf(stream),
    new Map(sorted.map((cursor) => [cursor.log.index, cursor.resumePoint(given)])),
  );
}

/**
 * The points that a token has for the logs of a stream.
 *
 * @throws OptionError for what is no token of this stream, that lacks one of the partitions, or is beyond the end of a log
 * @internal
 */
export function pointsIn(
  stream: Stream,
  token: string,
  partitions: readonly number[],
): ResumePoints {
  const points = decodeToken(idOf(stream), token);
  const isCurrent = [...points.values()].every(({ epoch }) => epoch === stream.epoch);
  for (const index of partitions) {
    const log = stream.logs[index] as PartitionLog;
    const point = points.get(index);
    if (point === undefined && isCurrent) {
      const expected = `a token that has partition ${index} (it has ${[...points.keys()].join(", ")})`;
      throw OptionError.invalid("from", expected, token.slice(0, 64));
    }
    const isBeyond =
      point !== undefined && (point.offset > log.next || point.sequence > log.written);
    if (isBeyond && point.epoch === log.source.epoch)
      throw OptionError.invalid("from", "a token that is not beyond the end", token.slice(0, 64));
  }
  const ended = [...points.values()].find(({ epoch }) => epoch !== stream.epoch)?.epoch ?? "";
  const unknown = { epoch: ended, offset: 0, sequence: 0, incomplete: true };
  return new Map(partitions.map((index) => [index, points.get(index) ?? unknown]));
}

/** Tells a cursor what is lost between a point and the oldest event that it can be given. @internal */
export function tellMissed(
  cursor: Cursor,
  log: PartitionLog,
  point: ResumePoint,
  ended: GapReason,
): void {
  const { source, first } = log;
  const { cache, name, partition, node, epoch } = source;
  const gap = { type: "gap", cache, name, partition, node } as const;
  const tell = (from: number, to: number, reason: GapReason, of = epoch): void => {
    cursor.owe(point);
    cursor.tell({ ...gap, from, to, reason, epoch: of } satisfies GapEvent);
  };
  const isOver = point.epoch !== epoch;
  const { offset, sequence } = isOver ? { offset: 0, sequence: 0 } : point;
  if (isOver) tell(point.sequence, point.sequence - 1, ended, point.epoch);
  else if (point.incomplete) tell(sequence, sequence - 1, "overrun");
  const lost = log.sequenceAt(first) - sequence;
  if (offset < first && lost > 0) tell(sequence, sequence + lost - 1, "overrun");
  // Of other nodes' events it is not known any more how many there were.
  const mayMissOthers = offset < first && (first - offset !== lost || log.forgotGapFrom(offset));
  if (log.numbered && (isOver || mayMissOthers)) tell(log.written, log.written - 1, "transport");
}

function idOf({ slot }: Stream): string {
  return JSON.stringify([slot.cacheName, slot.name]);
}
