import { OptionError } from "../errors.js";
import type { GapEvent, GapReason } from "../event/types.js";
import type { Cursor } from "../log/cursor.js";
import type { Message } from "../log/message.js";
import type { PartitionLog } from "../log/partition-log.js";
import type { ResumePoint } from "../log/reader-position.js";
import { hashKey } from "../event/key-hash.js";
import type { Stream } from "./stream.js";

/** The points of some partitions, by index. @internal */
export type ResumePoints = ReadonlyMap<number, ResumePoint>;

const version = "1";
const maxPartitions = 65_536;
/** Characters of a token at the most; a longer one is not parsed. */
const maxLength = 256 + 48 * maxPartitions;
const shape = /^1\.[0-9a-z]{1,7}\.[0-9a-f]{16}(?:-[0-9a-f]{16})*\.[0-9a-z_]+(?:-[0-9a-z_]+)*$/;

/**
 * A text with characters that an HTTP header allows: version, stream, epochs, and for each
 * partition its index, offset, sequence, and the index of its epoch.
 *
 * @internal
 */
export function encodeToken(stream: string, points: ResumePoints): string {
  const epochs = [...new Set([...points.values()].map(({ epoch }) => epoch))];
  const entries = Array.from(points, ([index, { epoch, offset, sequence, incomplete }]) =>
    [index, offset, sequence - offset === 0 ? "" : sequence, epochs.indexOf(epoch), incomplete]
      .map((part) => (typeof part === "boolean" ? (part ? "1" : "") : part.toString(36)))
      .join("_"),
  );
  return [version, idOf(stream), epochs.join("-"), entries.join("-")].join(".");
}

/** @throws OptionError for what is no token, or one of another stream @internal */
export function decodeToken(stream: string, token: string): ResumePoints {
  if (token.length > maxLength || !shape.test(token)) throw invalid(token);
  const [, id, allEpochs = "", entries = ""] = token.split(".");
  if (id !== idOf(stream)) throw invalid(token, "a token of this stream");
  const epochs = allEpochs.split("-");
  const points = new Map<number, ResumePoint>();
  let last = -1;
  for (const entry of entries.split("-")) {
    const parts = entry.split("_");
    const [index = "", offset = "", sequence = "", epoch = "", flag] = parts;
    const point = {
      epoch: epochs[numberIn(epoch)] ?? "",
      offset: numberIn(offset),
      sequence: numberIn(sequence === "" ? offset : sequence),
      incomplete: flag === "1",
    };
    const at = numberIn(index);
    const isSafe = at > last && at < maxPartitions && point.sequence <= point.offset;
    const isWhole = parts.length === 5 && (flag === "" || flag === "1");
    if (!isWhole || !isSafe || point.epoch === "") throw invalid(token);
    points.set((last = at), point);
  }
  return points;
}

/** NaN for any other text. */
function numberIn(text: string): number {
  const number = /^[0-9a-z]{1,11}$/.test(text) ? Number.parseInt(text, 36) : Number.NaN;
  return Number.isSafeInteger(number) ? number : Number.NaN;
}

function idOf(stream: string): string {
  return (hashKey(stream) >>> 0).toString(36);
}

function invalid(token: string, expected?: string): OptionError {
  const shown = token.length > 64 ? `${token.slice(0, 64)}...` : token;
  return OptionError.invalid(
    "from",
    expected ?? '"latest", "earliest", an integer >= 0 (a sequence) or a token of position()',
    shown,
  );
}

/** A token of where some cursors are; `given` counts as handled. @internal */
export function tokenOf(stream: Stream, cursors: readonly Cursor[], given?: Message): string {
  const sorted = [...cursors].sort((a, b) => a.log.index - b.log.index);
  return encodeToken(
    nameOf(stream),
    new Map(sorted.map((cursor) => [cursor.log.index, cursor.resumePoint(given)])),
  );
}

/**
 * The points that a token has for the logs of a stream.
 *
 * @throws OptionError for a text that is no token of this stream, and for a token that lacks one of
 * the partitions or is beyond the end of a log
 * @internal
 */
export function pointsIn(
  stream: Stream,
  token: string,
  partitions: readonly number[],
): ResumePoints {
  const points = decodeToken(nameOf(stream), token);
  const isCurrent = [...points.values()].every(({ epoch }) => epoch === stream.epoch);
  for (const index of partitions) {
    const log = stream.logs[index] as PartitionLog;
    const point = points.get(index);
    if (point === undefined && isCurrent) {
      const expected = `a token that has partition ${index} (it has ${[...points.keys()].join(", ")})`;
      throw OptionError.invalid("from", expected, token.slice(0, 64));
    }
    const isBeyond =
      point !== undefined && (point.offset > log.next || point.sequence > log.nextSequence);
    if (isBeyond && point.epoch === log.source.epoch)
      throw OptionError.invalid("from", "a token that is not beyond the end", token.slice(0, 64));
  }
  const ended = [...points.values()].find(({ epoch }) => epoch !== stream.epoch)?.epoch ?? "";
  const unknown = { epoch: ended, offset: 0, sequence: 0, incomplete: true };
  return new Map(partitions.map((index) => [index, points.get(index) ?? unknown]));
}

/**
 * Gives a cursor gaps for what is lost between a point and the oldest event that is kept.
 *
 * @internal
 */
export function reportMissed(
  cursor: Cursor,
  log: PartitionLog,
  point: ResumePoint,
  ended: GapReason,
): void {
  const { source, first } = log;
  const { cache, name, partition, node, epoch } = source;
  const gap = { type: "gap", cache, name, partition, node } as const;
  const report = (from: number, to: number, reason: GapReason, of = epoch): void => {
    cursor.setResumePoint(point);
    cursor.reportGap({ ...gap, from, to, reason, epoch: of } satisfies GapEvent);
  };
  const isOver = point.epoch !== epoch;
  const { offset, sequence } = isOver ? { offset: 0, sequence: 0 } : point;
  if (isOver) report(point.sequence, point.sequence - 1, ended, point.epoch);
  else if (point.incomplete) report(sequence, sequence - 1, "overrun");
  const lost = log.sequenceAt(first) - sequence;
  if (offset < first && lost > 0) report(sequence, sequence + lost - 1, "overrun");
  // How many events of other nodes there were is not known any more.
  const mayMissOthers = offset < first && (first - offset !== lost || log.droppedGapSince(offset));
  if (log.numbered && (isOver || mayMissOthers))
    report(log.nextSequence, log.nextSequence - 1, "transport");
}

function nameOf({ slot }: Stream): string {
  return JSON.stringify([slot.cacheName, slot.name]);
}
