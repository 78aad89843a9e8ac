import type { Codec } from "../pubsub/encodable.js";
import { frame, unframe } from "../pubsub/frame.js";
import type { StoredEntry } from "../journal/engine.js";
import { columnsOf, readBatch, type ReadBatch, type Rows } from "./batch.js";
import { decodeChange, isChange } from "./change-entry.js";
import type { StreamAddress } from "./messages.js";
import { malformed, read } from "./wire-checks.js";

/** Who wrote an entry of a journal, and where. @internal */
export interface EntryHead {
  readonly node: string;
  readonly epoch: string;
  /** When the epoch began, by that node's clock; times of events count from it. */
  readonly startedAt: number;
  readonly partition: number;
}

/** Events of one node and epoch, in order. @internal */
export interface EventsEntry extends EntryHead {
  readonly kind: "events";
  /** The last sequence that it covers. */
  readonly to: number;
  readonly batch: ReadBatch;
  /** Of an entry of a shared store: it alone has it. Its sequences are positions. */
  readonly id?: string | undefined;
}

/**
 * A marker: sequences `from` to `to` are missing; `to = from - 1`: any from `from` on may be.
 *
 * @internal
 */
export interface LossEntry extends EntryHead {
  readonly kind: "loss";
  readonly from: number;
  readonly to: number;
  readonly reason: LossReason;
}

/** @internal */
export type Entry = EventsEntry | LossEntry;

const kinds = { events: 0, loss: 1 } as const;
const lossReasons = ["overrun", "transport"] as const;
/** What a marker reports: an outbox that overflowed, or a node that died. @internal */
export type LossReason = (typeof lossReasons)[number];

/**
 * An entry as it is stored: framed as the messages of pubsubs are.
 *
 * @param to the sequence of the last event
 * @throws what the codec throws for what it can't encode
 * @internal
 */
export function encodeEvents(
  codec: Codec,
  address: StreamAddress,
  head: EntryHead,
  rows: Rows,
  to: number,
): Uint8Array {
  return frame(codec, [...headOf(kinds.events, address, head), to, columnsOf(rows, to)]);
}

/**
 * How the content of all entries of events begins that one epoch of a node writes to a partition, by
 * one codec.
 *
 * @internal
 */
export function contentHead(codec: Codec, address: StreamAddress, head: EntryHead): Uint8Array {
  const fields = headOf(kinds.events, address, head);
  // What follows is different in the first byte.
  const one = codec.encode([...fields, 0, null]);
  const other = codec.encode([...fields, 2 ** 31, null]);
  let length = 0;
  while (one[length] === other[length]) length++;
  return one.subarray(0, length);
}

/** A marker as it is stored. @internal */
export function encodeLoss(
  codec: Codec,
  address: StreamAddress,
  head: EntryHead,
  from: number,
  to: number,
  reason: LossReason,
): Uint8Array {
  const index = lossReasons.indexOf(reason);
  return frame(codec, [...headOf(kinds.loss, address, head), from, to, index]);
}

function headOf(
  kind: number,
  { namespace, cache, name }: StreamAddress,
  { node, epoch, startedAt, partition }: EntryHead,
): unknown[] {
  return [kind, namespace, cache, name, node, epoch, startedAt, partition];
}

/**
 * Reads an entry as it was stored.
 *
 * @param partition where it was read
 * @param generation of the journal
 * @throws RejectedMessageError for anything else, and for an entry of another stream or partition,
 *   or with another number of events than positions
 * @internal
 */
export function decodeEntry(
  stored: StoredEntry,
  maxSize: number,
  address: StreamAddress,
  partition: number,
  generation: string,
): Entry {
  const { payload, count } = stored;
  if (isChange(payload)) return decodeChange(stored, maxSize, partition, generation);
  const fields = read.list(unframe(payload, maxSize), "entry", 11);
  const kind = read.integer(fields[0], "kind", 0, 1);
  if (fields[1] !== address.namespace) throw malformed("another namespace");
  if (fields[2] !== address.cache || fields[3] !== address.name) throw malformed("another stream");
  if (fields[7] !== partition) throw malformed("another partition");
  const head = {
    node: read.name(fields[4], "node"),
    epoch: read.name(fields[5], "epoch"),
    startedAt: read.integer(fields[6], "startedAt", 0),
    partition,
  };
  if (kind === kinds.loss) {
    if (fields.length !== 11 || count !== 1) throw malformed("length");
    const from = read.integer(fields[8], "from", 0);
    const to = read.integer(fields[9], "to", from - 1);
    const reason = lossReasons[read.integer(fields[10], "reason", 0, lossReasons.length - 1)];
    return { kind: "loss", ...head, from, to, reason: reason as LossReason };
  }
  if (fields.length !== 10) throw malformed("length");
  const to = read.integer(fields[8], "to", 0);
  const batch = readBatch(fields[9], -1, to);
  if (batch.types.length !== count) throw malformed("number of events");
  return { kind: "events", ...head, to, batch };
}
