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

/**
 * The channels of one stream. Its data has others for each shape, so that streams of different
 * shapes never receive each other's.
 *
 * @internal
 */
export interface ChannelNames {
  /** The prefix of all of them, and of no other stream's. */
  readonly prefix: string;
  /** Where all nodes of the stream publish their state, whatever their shape. */
  readonly nodes: string;
  /** Where one node receives replies. */
  node(name: string): string;
  data(partition: number): string;
}

/** @internal */
export function channelNames(cache: string, name: string, shape: StreamShape): ChannelNames {
  const { partitions, hash, version } = shape;
  const stream = `stream:${cache}:${name}`;
  const data = `${stream}:data:${version}:${partitions ?? 0}:${encodeURIComponent(hash)}`;
  return {
    prefix: `${stream}:`,
    nodes: `${stream}:nodes`,
    node: (node) => `${stream}:node:${node}`,
    data: (partition) => `${data}:${partition}`,
  };
}

/** One epoch of a stream on one node. @internal */
export interface ReplicaId {
  readonly node: string;
  readonly epoch: string;
  /** When the epoch began, by that node's clock; times of events count from it. */
  readonly startedAt: number;
  /** When the message was made, by that node's clock. */
  readonly sentAt: number;
}

/**
 * Events of one partition: all after sequence `after` up to `to`, but for those that concern no
 * other node.
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

/** The state of a node. @internal */
export interface StateMessage extends ReplicaId {
  /**
   * `hello`: the stream begins, or has lost contact, and asks all nodes for a reply; `reply`: the
   * answer; `beat`: a heartbeat; `bye`: the stream ends in order.
   */
  readonly kind: "hello" | "reply" | "beat" | "bye";
  readonly shape: StreamShape;
  /** For each partition, the last sequence that other nodes should have; -1: none. */
  readonly coverage: readonly number[];
  /**
   * For each partition, the last sequence given to the broker before this: the broker may not have
   * confirmed it.
   */
  readonly sent: readonly number[];
  /** Events that cannot be sent to the broker now. */
  readonly waiting: number;
}

/** An observer, which is no node of the stream, asks all nodes for their state. @internal */
export interface AskMessage {
  readonly kind: "ask";
  /** The name of the node on whose channel it is answered. */
  readonly answerTo: string;
}

/** @internal */
export type RemoteMessage = DataMessage | StateMessage | AskMessage;

const kinds = ["data", "hello", "reply", "beat", "bye", "ask"] as const;

/** A message as it is encoded; `columns` from `columnsOf`. @internal */
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
  const { partitions, hash, version } = shape;
  const shown = [partitions, hash, version];
  const more = sent.every((last, partition) => last === coverage[partition]) ? null : sent;
  const head = [kinds.indexOf(kind), namespace, cache, name, node, epoch, startedAt, sentAt];
  return [...head, shown, coverage, waiting, more];
}

/** @internal */
export function packAsk({ namespace, cache, name }: StreamAddress, answerTo: string): unknown {
  return [kinds.indexOf("ask"), namespace, cache, name, answerTo];
}

const ownEpochs = new WeakMap<object, Set<string>>();

/**
 * The epochs of this process's own streams over a bus or a journal, those that have ended included: a late
 * message of a stream that was restarted is not one of another node with this name.
 *
 * @internal
 */
export function epochsOf(bus: object): Set<string> {
  let epochs = ownEpochs.get(bus);
  if (epochs === undefined) ownEpochs.set(bus, (epochs = new Set()));
  return epochs;
}

/** Whether a decoded value is a message that this node has sent itself. @internal */
export function isOwn(value: unknown, node: string, epochs: ReadonlySet<string>): boolean {
  return Array.isArray(value) && value[4] === node && epochs.has(value[5] as string);
}

/**
 * Reads a decoded value as a message.
 *
 * @throws RejectedMessageError for any other value, and for a message about another stream or of
 *   another namespace
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
