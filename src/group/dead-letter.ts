import { Causes, columnsOf, readBatch } from "../cluster/batch.js";
import type { StreamAddress } from "../cluster/messages.js";
import { malformed, read } from "../cluster/wire-checks.js";
import { show } from "../errors.js";
import { CacheEvent, NumberedEvent } from "../event/event.js";
import type { CacheEntryEvent } from "../event/types.js";
import type { KeptDeadLetter } from "../journal/engine.js";
import type { JournalPort } from "../journal/types.js";
import type { Row } from "../log/segment.js";
import type { Milliseconds } from "../options.js";
import { frame, unframe } from "../pubsub/frame.js";

/** An event that a cluster group has given up. */
export interface DeadLetter<K = unknown, V = unknown> {
  /** Unique in the group. */
  readonly id: string;
  /** Its partition, from 0; 0 on a stream without partitions. */
  readonly partition: number;
  /** The event's position in the partition's journal. */
  readonly position: number;
  /** The event, with the values that the stream includes. */
  readonly event: CacheEntryEvent<K, V>;
  /** The error of the last attempt. */
  readonly error: { readonly name: string; readonly message: string };
  /** How often it was attempted, since it was given to the handler last. */
  readonly attempts: number;
  /** When it was given up, by the wall clock of the node that did: milliseconds since 1970. */
  readonly time: Milliseconds;
}

/** What is stored of one. @internal */
export type DeadLetterContent = Pick<DeadLetter, "error" | "attempts" | "time"> & {
  readonly event: CacheEvent;
};

/** Distinguishes it from the entries of a journal. */
const kind = 2;
/** Characters of an error's name and message, at most. */
const maxText = 2000;
const fields = 14;

/** How a thrown value is described. @internal */
export function describeThrown(error: unknown): DeadLetter["error"] {
  return error instanceof Error
    ? { name: error.name, message: error.message }
    : { name: "Error", message: show(error) };
}

/**
 * A dead letter as it is stored. Where it is too large, it has less of the error's message, and if
 * need be no values.
 *
 * @internal
 */
export function encodeDeadLetter(
  port: JournalPort,
  address: StreamAddress,
  content: DeadLetterContent,
): Uint8Array {
  const row = rowOf(content.event);
  const bare = { ...row, value: undefined, previous: undefined };
  let record!: Uint8Array;
  for (const [kept, text] of [
    [row, maxText],
    [row, 0],
    [bare, maxText],
  ] as const) {
    record = encode(port, address, content, kept, text);
    if (record.length <= port.maxMessageSize) break;
  }
  return record;
}

function encode(
  { codec }: JournalPort,
  { namespace, cache, name }: StreamAddress,
  { event, error, attempts, time }: DeadLetterContent,
  row: Row,
  text: number,
): Uint8Array {
  const { node, epoch, startedAt, partition } = CacheEvent.homeOf(event);
  const { sequence } = row;
  const head = [kind, namespace, cache, name, node, epoch, startedAt, partition ?? 0, sequence];
  const thrown = [error.name.slice(0, 100) || "Error", error.message.slice(0, text)];
  return frame(codec, [...head, columnsOf([row], sequence), ...thrown, attempts, time]);
}

function rowOf(event: CacheEvent): Row {
  return {
    type: event.type,
    ...CacheEvent.partsOf(event),
    value: event.values ?? event.value,
    previous: event.previousValues ?? event.previous,
  };
}

/**
 * Reads a dead letter as it was stored.
 *
 * @param partitions of the stream; null: it has none
 * @throws RejectedMessageError for anything else
 * @internal
 */
export function decodeDeadLetter(
  { namespace, cache, name }: StreamAddress,
  { partition, position, record }: Omit<KeptDeadLetter, "id">,
  partitions: number | null,
): DeadLetterContent {
  const all = read.list(unframe(record, Infinity), "dead letter", fields);
  if (all.length !== fields || all[0] !== kind) throw malformed("dead letter");
  if (all[1] !== namespace || all[2] !== cache || all[3] !== name || all[7] !== partition)
    throw malformed("another stream");
  const source = Object.freeze({
    cache,
    name,
    partition: partitions === null ? null : partition,
    partitions,
    node: read.name(all[4], "node"),
    epoch: read.name(all[5], "epoch"),
    startedAt: read.integer(all[6], "startedAt", 0),
  });
  const sequence = read.integer(all[8], "sequence", 0);
  const { types, causes, at, subjects, values, previous } = readBatch(
    all[9],
    sequence - 1,
    sequence,
  );
  if (types.length !== 1) throw malformed("number of events");
  const { command, fill } = causes[0] as { command: string; fill: boolean };
  const event = new NumberedEvent(
    types[0] as CacheEvent["type"],
    new Causes(source).get(command, fill),
    source,
    subjects[0],
    position,
    at[0] as number,
    sequence,
    position,
  );
  const includes = { value: values !== null, previous: previous !== null };
  CacheEvent.addValues(event, includes, values?.[0], previous?.[0]);
  const message = all[11];
  if (typeof message !== "string" || message.length > maxText) throw malformed("message");
  return {
    event,
    error: { name: read.name(all[10], "error"), message },
    attempts: read.integer(all[12], "attempts", 1),
    time: read.integer(all[13], "time", 0),
  };
}
