import type { StreamShape } from "../errors.js";
import { readBatch, type ReadBatch } from "./batch.js";
import { malformed, read } from "./wire-checks.js";

/** More partitions than a stream can have. */
const maxPartitions = 65_536;

/** The stream that a message is about. @internal */
export interface StreamAddress {
  readonly namespace: string;
  readonly cache: string;
  readonly name: string;
}

/** One life of a stream on one node. @internal */
export interface ReplicaId {
  readonly node: string;
  readonly epoch: string;
  /** That node's time when the epoch began; times of events count from it. */
  readonly startedAt: number;
  /** That node's time when the message was made. */
  readonly sentAt: number;
}

/**
 * Events of one partition: all there are behind `after` up to `to`, but for those that concern
 * nobody else.
 *
 * @internal
 */
export interface DataMessage extends ReplicaId {
  readonly kind: "data";
  readonly partition: number;
  readonly after: number;
  readonly to: number;
  readonly batch: ReadBatch;
}

/** What a node says of itself. @internal */
export interface StateMessage extends ReplicaId {
  /**
   * `hello`: a stream begins, or has lost touch, and wants to hear from everybody; `reply`: the
   * answer; `beat`: a sign of life; `bye`: it ends in order.
   */
  readonly kind: "hello" | "reply" | "beat" | "bye";
  readonly shape: StreamShape;
  /** For each partition, the last sequence that others should have; -1: none. */
  readonly coverage: readonly number[];
  /**
   * For each partition, the last sequence given to the broker before this: the broker may not have
   * confirmed it.
   */
  readonly sent: readonly number[];
  /** Events that can't be given to the broker now. */
  readonly waiting: number;
}

/** Somebody who is no node of the stream asks all nodes how far they are. @internal */
export interface AskMessage {
  readonly kind: "ask";
  /** Where it is answered: the name of the node whose channel that is. */
  readonly answerTo: string;
}

/** @internal */
export type RemoteMessage = DataMessage | StateMessage | AskMessage;

const kinds = ["data", "hello", "reply", "beat", "bye", "ask"] as const;

/** A message as what is encoded. `columns` as `columnsOf` makes them. @internal */
export function packData(
  address: StreamAddress,
  { node, epoch, startedAt, sentAt, partition, after, to }: Omit<DataMessage, "kind" | "batch">,
  columns: unknown,
): unknown {
  const { namespace, cache, name } = address;
  return [0, namespace, cache, name, node, epoch, startedAt, sentAt, partition, after, to, columns];
}

/** @internal */
export function packState(address: StreamAddress, state: StateMessage): unknown {
  const { namespace, cache, name } = address;
  const { kind, node, epoch, startedAt, sentAt, shape, coverage, sent, waiting } = state;
  const place = kinds.indexOf(kind);
  const { partitions, hash, version } = shape;
  const shown = [partitions, hash, version];
  const more = sent.every((last, partition) => last === coverage[partition]) ? null : sent;
  const head = [place, namespace, cache, name, node, epoch, startedAt, sentAt];
  return [...head, shown, coverage, waiting, more];
}

/** @internal */
export function packAsk({ namespace, cache, name }: StreamAddress, answerTo: string): unknown {
  return [kinds.indexOf("ask"), namespace, cache, name, answerTo];
}

/**
 * Whether what was decoded is a message of this stream that this node itself has sent, in which
 * case nothing else of it matters.
 *
 * @internal
 */
export function isOwn(value: unknown, node: string, epochs: ReadonlySet<string>): boolean {
  return Array.isArray(value) && value[4] === node && epochs.has(value[5] as string);
}

/**
 * What was decoded, as a message.
 *
 * @throws RejectedMessageError for anything else, and for one about another stream or of another
 * namespace
 * @internal
 */
export function readMessage(value: unknown, address: StreamAddress): RemoteMessage {
  const fields = read.list(value, "message", 12);
  const kind = kinds[read.integer(fields[0], "kind", 0, kinds.length - 1)] as RemoteMessage["kind"];
  if (fields[1] !== address.namespace) throw malformed("another namespace");
  if (fields[2] !== address.cache || fields[3] !== address.name) throw malformed("another stream");
  if (kind === "ask") {
    if (fields.length !== 5) throw malformed("length");
    return { kind, answerTo: read.name(fields[4], "answerTo") };
  }
  const replica = {
    node: read.name(fields[4], "node"),
    epoch: read.name(fields[5], "epoch"),
    startedAt: read.integer(fields[6], "startedAt", 0),
    sentAt: read.integer(fields[7], "sentAt", 0),
  };
  if (kind !== "data") return { kind, ...replica, ...readState(fields) };
  if (fields.length !== 12) throw malformed("length");
  const partition = read.integer(fields[8], "partition", 0, maxPartitions - 1);
  const after = read.integer(fields[9], "after", -1);
  const to = read.integer(fields[10], "to", after + 1);
  return { kind, ...replica, partition, after, to, batch: readBatch(fields[11], after, to) };
}

function readState(
  fields: readonly unknown[],
): Pick<StateMessage, "shape" | "coverage" | "sent" | "waiting"> {
  if (fields.length !== 12) throw malformed("length");
  const [partitions, hash, version] = read.list(fields[8], "shape", 3);
  const shape = {
    partitions:
      partitions === null ? null : read.integer(partitions, "partitions", 1, maxPartitions),
    hash: read.name(hash, "hash"),
    version: read.integer(version, "version", 0),
  };
  const count = shape.partitions ?? 1;
  const coverage = readSequences(fields[9], "coverage", count);
  return {
    shape,
    coverage,
    sent: fields[11] === null ? coverage : readSequences(fields[11], "sent", count),
    waiting: read.integer(fields[10], "waiting", 0),
  };
}

/** One sequence for each partition. */
function readSequences(value: unknown, what: string, partitions: number): number[] {
  const all = read.list(value, what, maxPartitions);
  if (all.length !== partitions) throw malformed(what);
  return all.map((last) => read.integer(last, what, -1));
}
