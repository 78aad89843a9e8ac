import { OptionError } from "../errors.js";
import { hashKey } from "./hash.js";

/** Where a reader of one partition is to go on. @internal */
export interface ResumePoint {
  readonly epoch: string;
  /** Offset of the next event in the log of that epoch. */
  readonly offset: number;
  /** Sequence of this node's next own event. */
  readonly sequence: number;
  /** Whether something before it was not given that the log can't tell. */
  readonly incomplete: boolean;
}

/** The points of some partitions, by index. @internal */
export type ResumePoints = ReadonlyMap<number, ResumePoint>;

const version = "1";
const maxPartitions = 65_536;
/** Characters of a token at the most: beyond, it is not looked at. */
const maxLength = 256 + 48 * maxPartitions;
const shape = /^1\.[0-9a-z]{1,7}\.[0-9a-f]{16}(?:-[0-9a-f]{16})*\.[0-9a-z_]+(?:-[0-9a-z_]+)*$/;

/** A text of what may stand in a header: version, stream, epochs, and for each partition its index, offset, sequence, and which epoch. @internal */
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

/** NaN for what is no such number. */
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
