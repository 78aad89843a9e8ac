import { inspect } from "node:util";
import type { StreamShape } from "../errors.js";
import type { CacheEvent } from "../event/event.js";
import type { EventTarget, GapEvent } from "../event/types.js";
import type { Milliseconds } from "../options.js";
import { jsonCodec } from "../pubsub/json-codec.js";

/** The width of the longest type. */
const typeWidth = 8;

/** An event on one line, for people. @internal */
export function eventLine(event: CacheEvent): string {
  const { type, command, target, metadata } = event;
  const { node, partition, sequence, timestamp, fill } = metadata;
  const values = [
    shown(" = ", "value" in event, event.value),
    shown(" = ", "values" in event, event.values),
    shown(", was ", "previous" in event, event.previous),
    shown(", was ", "previousValues" in event, event.previousValues),
  ];
  const what = `${type.padEnd(typeWidth)} ${command} ${targetText(target)} #${sequence}`;
  const line = `${timeText(timestamp)} ${node} ${partition ?? "-"} ${what}${fill ? " (fill)" : ""}`;
  return printable(line + values.join(""));
}

/** A gap on one line, for people. @param now wall clock, in milliseconds since 1970 @internal */
export function gapLine({ from, to, node, partition }: GapEvent, now: Milliseconds): string {
  const count = to - from + 1;
  const what =
    count > 0
      ? `#${from}..#${to}: ${count === 1 ? "1 event" : `${count} events`} lost`
      : `#${from}..: events may be lost, from this one on`;
  return printable(
    `${timeText(now)} ${node} ${partition ?? "-"} ${"gap".padEnd(typeWidth)} ${what}`,
  );
}

/** An event or a gap as one line of JSON, encoded as by the JSON codec. @internal */
export function jsonLine(message: CacheEvent | GapEvent): string {
  return Buffer.from(jsonCodec.encode(plain(message))).toString();
}

function plain(message: CacheEvent | GapEvent): object {
  if (message.type === "gap") return { ...message };
  const event = message as CacheEvent;
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

function targetText(target: EventTarget<unknown>): string {
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
