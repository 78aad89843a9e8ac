import { nodeTimeOf } from "../clock.js";
import { CacheEvent } from "../event/event.js";
import { eventTypes, type EventType } from "../event/types.js";
import type { Cursor } from "../log/cursor.js";
import { typeBits } from "../log/event-mask.js";
import type { PartitionLog } from "../log/partition-log.js";
import type { Milliseconds } from "../options.js";
import { hashName, type Stream } from "../stream/stream.js";
import type { GroupRow, NodeRow, PartitionRow, StreamRow } from "./snapshot.js";

/** Messages of a reader whose failed attempts are looked at. */
const maxInHand = 64;

/** @internal */
export function streamRow(id: string, stream: Stream): StreamRow {
  const { slot, partitions, epoch, pubsub, journal, registered, router } = stream;
  return {
    id,
    cache: slot.cacheName,
    name: slot.name,
    partitions,
    epoch,
    pubsub,
    journal: journal?.nodeName ?? null,
    registered,
    discarded: router.discarded,
    unroutable: router.failed,
  };
}

/** @internal */
export function partitionRows(id: string, { logs }: Stream): PartitionRow[] {
  return logs.map((log) => {
    let readers = 0;
    for (const { reader } of log.cursors) if (reader !== undefined) readers++;
    const count = (type: EventType): number => log.counts[typeBits[type]] ?? 0;
    const types = Object.fromEntries(eventTypes.map((type) => [type, count(type)]));
    return {
      id: `${id}:${log.index}`,
      stream: id,
      partition: log.index,
      events: eventTypes.reduce((sum, type) => sum + count(type), 0),
      types: types as Record<EventType, number>,
      kept: log.next - log.first,
      capacity: log.limits.capacity,
      readers,
    };
  });
}

/** The node's name in what a stream exchanges events over, or its system's. @internal */
export function ownNode({ pubsub, journal, system }: Stream): string {
  return pubsub ?? journal?.nodeName ?? system.nodeName;
}

/** The groups of node scope, and the readers without a group. @internal */
export function groupRows(id: string, stream: Stream): GroupRow[] {
  const rows: GroupRow[] = [];
  for (const [group, cursors] of stream.groups.entries())
    for (const cursor of cursors.values())
      rows.push(nodeRow(id, stream, cursor.log, group, [cursor]));
  for (const log of stream.logs) {
    const others = [...log.cursors].filter(({ group }) => group === null);
    if (others.length > 0) rows.push(nodeRow(id, stream, log, null, others));
  }
  return rows;
}

function nodeRow(
  id: string,
  stream: Stream,
  log: Pick<PartitionLog, "index" | "nextSequence">,
  group: string | null,
  cursors: readonly Cursor[],
): GroupRow {
  const slowest = cursors.reduce((a, b) => (b.lag > a.lag ? b : a));
  const isRead = cursors.some(({ reader }) => reader !== undefined);
  const sum = (of: (cursor: Cursor) => number): number =>
    cursors.reduce((total, cursor) => total + of(cursor), 0);
  const owner = isRead ? ownNode(stream) : null;
  return {
    id: JSON.stringify([id, log.index, group, "node"]),
    stream: id,
    partition: log.index,
    group,
    scope: "node",
    owner,
    here: isRead,
    fence: 0,
    paused: false,
    position: positionOf(slowest),
    last: log.nextSequence - 1,
    lag: slowest.lag,
    oldestAt: oldestAt(slowest),
    handled: sum(({ handled }) => handled),
    busy: sum(({ busy }) => busy),
    failures: failuresOf(slowest),
    deadLetters: sum(({ deadLetters }) => deadLetters),
    gaps: cursors.length === 1 ? { ...slowest.gapReasons } : sumOfGaps(cursors),
    dropped: sum(({ dropped }) => dropped),
    coalesced: sum(({ coalesced }) => coalesced),
  };
}

/** What merges events has them in no order that would be cheap to look through. */
function positionOf(cursor: Cursor): number {
  return cursor.coalesces ? cursor.log.sequenceAt(cursor.unreadFrom) : cursor.firstUnhandled;
}

/** When the oldest event was written that a reader has not handled. @internal */
export function oldestAt(cursor: Cursor): Milliseconds | null {
  for (const message of cursor.unacked.all())
    if (message instanceof CacheEvent) return message.metadata.timestamp;
  const { log, mask, skipOrigin } = cursor;
  const offset = log.find(Math.max(cursor.unreadFrom, log.first), mask, skipOrigin);
  return offset < log.next ? log.at(offset).metadata.timestamp : null;
}

/** @internal */
export function failuresOf({ unacked }: Cursor): number {
  let failures = 0;
  for (const message of unacked.all().slice(0, maxInHand))
    failures = Math.max(failures, unacked.failuresOf(message));
  return failures;
}

function sumOfGaps(cursors: readonly Cursor[]): GroupRow["gaps"] {
  const sum: Record<string, number> = {};
  for (const { gapReasons } of cursors)
    for (const [reason, count] of Object.entries(gapReasons))
      sum[reason] = (sum[reason] ?? 0) + count;
  return sum;
}

/** This node, and the others that it knows. @internal */
export function nodeRows(id: string, stream: Stream): NodeRow[] {
  const { replicator, options, system, epoch, partitions, journal } = stream;
  if (replicator === undefined) return [];
  const { clock } = system;
  const over = journal === null ? "pubsub" : "journal";
  const shape = { partitions, hash: hashName(options.hash) };
  const now = nodeTimeOf(clock)();
  const own: NodeRow = {
    id: JSON.stringify([id, ownNode(stream)]),
    stream: id,
    node: ownNode(stream),
    self: true,
    over,
    status: "up",
    connection: (options.journal ?? options.pubsub)?.status ?? null,
    epoch,
    startedAt: stream.logs[0]?.source.startedAt ?? null,
    shape,
    heardAt: null,
    outbox: replicator.waiting,
    ahead: null,
  };
  const others = Array.from(replicator.nodes(), (node): NodeRow => {
    const { silent, lastHeard, waiting, skew } = node;
    return {
      id: JSON.stringify([id, node.node]),
      stream: id,
      node: node.node,
      self: false,
      over,
      status: silent ? "silent" : "up",
      connection: null,
      epoch: node.epoch,
      startedAt: node.startedAt,
      // A node of another shape is refused.
      shape,
      heardAt: Math.round((now - (clock.now() - lastHeard)) / 100) * 100,
      outbox: waiting,
      ahead: Number.isFinite(skew) ? -Math.round(skew) : null,
    };
  });
  return [own, ...others];
}
