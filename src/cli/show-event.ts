import { inspect } from "node:util";
import type { StreamShape } from "../errors.js";
import type { CacheEvent } from "../event/event.js";
import type { CacheEntryEvent, EventTarget, GapEvent } from "../event/types.js";
import type { Milliseconds } from "../options.js";
import { jsonCodec } from "../pubsub/json-codec.js";

/** The width of the longest type. */
const typeWidth = 8;

/** An event on one line, for people. @internal */
export function eventLine(event: CacheEvent): string {
  const { type, command, target, metadata } = event;
  const { node, partition, sequence, position, timestamp, fill } = metadata;
  const values = [
    shown(" = ", "value" in event, event.value),
    shown(" = ", "values" in event, event.values),
    shown(", was ", "previous" in event, event.previous),
    shown(", was ", "previousValues" in event, event.previousValues),
  ];
  const what = `${type.padEnd(typeWidth)} ${command} ${targetText(target)} #${sequence}${position === null ? "" : ` @${position}`}`;
  const line = `${timeText(timestamp)} ${node} ${partition ?? "-"} ${what}${fill ? " (fill)" : ""}`;
  return printable(line + values.join(""));
}

/**
 * A gap on one line, for people.
 *
 * @param now wall clock, in milliseconds since 1970
 * @param position that a marker of it has in the journal; null: there is none
 * @internal
 */
export function gapLine(gap: GapEvent, now: Milliseconds, position: number | null = null): string {
  const { node, partition } = gap;
  const at = position === null ? "" : ` @${position}`;
  const what = `${"gap".padEnd(typeWidth)} ${lossText(gap)}${at}`;
  return printable(`${timeText(now)} ${node} ${partition ?? "-"} ${what}`);
}

function lossText({ from, to, reason }: GapEvent): string {
  const sign = reason === "trimmed" || reason === "journal_lost" ? "@" : "#";
  const count = to - from + 1;
  if (count <= 0)
    return reason === "journal_lost"
      ? `${sign}${from}..: the journal was lost, and has begun anew`
      : `${sign}${from}..: events may be lost, from this one on`;
  const how = { trimmed: "trimmed", journal_lost: "not in the journal any more, or not readable" };
  const lost = sign === "@" ? how[reason as keyof typeof how] : "lost";
  return `${sign}${from}..${sign}${to}: ${count === 1 ? "1 event" : `${count} events`} ${lost}`;
}

/** An event or a gap as one line of JSON, encoded as by the JSON codec. @internal */
export function jsonLine(message: CacheEvent | GapEvent): string {
  const plain = message.type === "gap" ? { ...message } : plainEvent(message as CacheEvent);
  return encodedLine(plain);
}

/** An object on one line, encoded as by the JSON codec. @internal */
export function encodedLine(value: object): string {
  return harmless(Buffer.from(jsonCodec.encode(value)).toString());
}

/**
 * A line of JSON, without characters that a terminal acts upon.
 *
 * @param value what JSON can represent
 * @internal
 */
export function jsonText(value: object): string {
  return `${harmless(JSON.stringify(value))}\n`;
}

/** Such characters are in strings only: JSON escapes those below U+0020 itself. */
function harmless(json: string): string {
  return json.replace(
    /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** An event as an object that codecs take. @internal */
export function plainEvent(event: CacheEntryEvent): object {
  const { cache, name, type, command, target, metadata } = event;
  return {
    cache,
    name,
    type,
    command,
    target,
    metadata,
    ...("value" in event ? { value: event.value } : {}),
    ...("previous" in event ? { previous: event.previous } : {}),
    ...("values" in event ? { values: event.values } : {}),
    ...("previousValues" in event ? { previousValues: event.previousValues } : {}),
  };
}

function shown(before: string, isThere: boolean, value: unknown): string {
  return isThere ? before + valueText(value) : "";
}

/** The keys that an event is about. @internal */
export function targetText(target: EventTarget<unknown>): string {
  if (target.kind === "key") return valueText(target.key);
  if (target.kind === "keys") return valueText(target.keys);
  return target.query === null ? "everything" : `${valueText(target.query.prefix)}*`;
}

function valueText(value: unknown): string {
  return inspect(value, {
    depth: 4,
    breakLength: Infinity,
    maxArrayLength: 20,
    maxStringLength: 200,
  });
}

/** @internal */
export function shapeText({ partitions, hash, version }: StreamShape): string {
  const count =
    partitions === null ? "no partitions" : `${partitions} partition${partitions === 1 ? "" : "s"}`;
  return `${count}, hash ${hash}, version ${version}`;
}

/** A time in ISO 8601; where it is out of range, the number. @internal */
export function timeText(time: Milliseconds): string {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? String(time) : date.toISOString();
}

/**
 * A text from elsewhere on one line, with control characters escaped for the terminal.
 *
 * @internal
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/gu, (character) => {
    const code = character.codePointAt(0) as number;
    return `\\u{${code.toString(16)}}`;
  });
}
