import { slotOf } from "../cache/cache-handle.js";
import type { InstanceSlot } from "../cache/instance.js";
import type { AnyCache } from "../cache/types.js";
import { withTimeout } from "../clock.js";
import { IdleTimeoutError, StreamNotFoundError } from "../errors.js";
import type { Cursor } from "../log/cursor.js";
import type { PartitionLog } from "../log/partition-log.js";
import { type Milliseconds, plainName, readOptions } from "../options.js";
import type { Hash } from "./hash.js";
import { streamPort } from "./port.js";
import { timeoutOption, waitForProgress } from "./progress.js";
import { tokenOf } from "./resume-token.js";
import { Stream } from "./stream.js";
import { cacheOption, type ResolvedStreamOptions } from "./stream-options.js";

/** A stream belongs to its instance's slot, and is collected with it. */
const streams = new WeakMap<InstanceSlot, Stream>();

/** The slot that `cache`, or its instance `name`, stands for. @internal */
export function slotFor(cache: AnyCache, name?: string): InstanceSlot {
  cacheOption("cache", cache);
  return slotOf(name === undefined ? cache : cache.instance(plainName("name", name)));
}

/** The stream of a slot, made when first asked for. @internal */
export function streamOf(slot: InstanceSlot): Stream {
  let stream = streams.get(slot);
  if (stream === undefined) streams.set(slot, (stream = new Stream(slot, streamPort)));
  return stream;
}

/** The stream of a slot, if there is one to read. @internal */
export function findStream(slot: InstanceSlot): Stream | undefined {
  const stream = streams.get(slot);
  return stream?.open === true ? stream : undefined;
}

/** @throws StreamNotFoundError @internal */
export function requireStream(slot: InstanceSlot): Stream {
  const stream = findStream(slot);
  if (stream === undefined) throw new StreamNotFoundError(slot.name);
  return stream;
}

/** What is known of a stream. */
export interface StreamInfo {
  /** The cache's name. */
  readonly cache: string;
  /** The instance's name. */
  readonly name: string;
  /** The node name of its pubsub; null: events stay in the process. */
  readonly pubsub: string | null;
  /** The node name of its journal; null: it has none. */
  readonly journal: string | null;
  /** Number of partitions; null: not partitioned. */
  readonly partitions: number | null;
  /** Chooses the partition of an event. */
  readonly hash: Hash;
  /** Whether actors get the events whose origin they are. */
  readonly broadcastFun: "broadcast" | "broadcast_from";
  /** All options, with their defaults. */
  readonly options: ResolvedStreamOptions;
  /** The life of the stream that sequences belong to now. */
  readonly epoch: string;
  /** Whether it is registered with a running cache. */
  readonly registered: boolean;
  /** The positions of the named groups now, one entry for each partition of each group. */
  groups(): GroupInfo[];
  /** The other nodes that are known, over its pubsub or journal. */
  nodes(): NodeInfo[];
}

/** Another node with a stream of the same cache instance. */
export interface NodeInfo {
  /** The node's name. */
  readonly node: string;
  /** The life of its stream that its sequences belong to. */
  readonly epoch: string;
  /** Whether nothing has come from it for longer than a heartbeat. */
  readonly silent: boolean;
  /** Milliseconds since something came. */
  readonly heard: number;
  /** Events that it had not sent yet when it said so last. */
  readonly waiting: number;
}

/** The position of a group in one partition. */
export interface GroupInfo {
  /** The group's name. */
  readonly group: string;
  /** Null on a stream without partitions. */
  readonly partition: number | null;
  /** Whether it has a live reader. */
  readonly attached: boolean;
  /** Sequence of the last event that this node wrote to the partition; -1: none. */
  readonly last: number;
  /**
   * Sequence of the first event of this node that the group has not handled; `last + 1`: it has
   * handled them all. `from` takes it: reading begins with that event. Other nodes' events that the
   * group has not handled may come before it.
   */
  readonly position: number;
  /**
   * Its exact position, on a stream of several nodes too: `from` takes it, as a token of
   * `position()`.
   */
  readonly token: string;
  /**
   * Events of any type and any node from the group's position on, those being handled included.
   */
  readonly lag: number;
  /** Events that gaps have reported as lost to the group, those of other nodes included. */
  readonly dropped: number;
  /** Events that were merged into later ones (`overflow: "coalesce"`). */
  readonly coalesced: number;
  /** Events that were given up after their last attempt. */
  readonly deadLetters: number;
}

/**
 * The stream of a cache instance (`cache`, or its instance `name`); undefined when there is none.
 */
export function lookupStream(cache: AnyCache, name?: string): StreamInfo | undefined {
  const stream = findStream(slotFor(cache, name));
  return stream === undefined ? undefined : describe(stream);
}

/**
 * The stream of a cache instance (`cache`, or its instance `name`).
 *
 * @throws {@link StreamNotFoundError} when there is none
 */
export function getStream(cache: AnyCache, name?: string): StreamInfo {
  return describe(requireStream(slotFor(cache, name)));
}

function describe(stream: Stream): StreamInfo {
  const { options, epoch, registered } = stream;
  const { partitions, hash, broadcastFun } = options;
  const { cacheName: cache, name } = stream.slot;
  return {
    cache,
    name,
    pubsub: stream.pubsub,
    journal: stream.journal?.nodeName ?? null,
    partitions,
    hash,
    broadcastFun,
    options,
    epoch,
    registered,
    groups: () => groupsOf(stream),
    nodes: () => nodesOf(stream),
  };
}

function nodesOf({ replicator, system }: Stream): NodeInfo[] {
  const now = system.clock.now();
  return Array.from(
    replicator?.nodes() ?? [],
    ({ node, epoch, silent, lastHeard, waiting }): NodeInfo => ({
      node,
      epoch,
      silent,
      heard: now - lastHeard,
      waiting,
    }),
  );
}

function groupsOf(stream: Stream): GroupInfo[] {
  const infos: GroupInfo[] = [];
  for (const [group, cursors] of stream.groups.entries()) {
    for (const cursor of cursors.values()) {
      const { log, firstUnhandled: position, lag, dropped, coalesced, deadLetters } = cursor;
      const { partition } = log.source;
      const attached = cursor.reader !== undefined;
      infos.push({
        group,
        partition,
        attached,
        last: log.nextSequence - 1,
        position,
        token: tokenOf(stream, [cursor]),
        lag,
        dropped,
        coalesced,
        deadLetters,
      });
    }
  }
  return infos;
}

/**
 * Resolves when all that was written before the call has been handled by every group, actor and
 * callback that reads the stream (async iterators are not waited for).
 *
 * @param options `timeout` in milliseconds; default: none
 * @throws (as a rejection) {@link StreamNotFoundError}; {@link IdleTimeoutError} when it takes
 * longer than `timeout`
 */
export async function whenIdle(
  cache: AnyCache,
  options: { timeout?: Milliseconds } = {},
): Promise<void> {
  const limits = readOptions("whenIdle", { timeout: timeoutOption }, options);
  const stream = requireStream(slotFor(cache));
  const { replicator } = stream;
  const { timeout } = limits;
  if (replicator?.caughtUp !== undefined) {
    const onTimeout = (): never => {
      throw new IdleTimeoutError(stream.slot.name, timeout as Milliseconds);
    };
    await withTimeout(stream.system.clock, timeout, replicator.caughtUp(), onTimeout);
  }
  const targets = stream.logs.map((log) => ({ log, next: log.next }));
  const hasHandled = (log: PartitionLog<Cursor>, upTo: number): boolean => {
    for (const cursor of log.cursors) if (cursor.tracked && !cursor.hasHandled(upTo)) return false;
    return true;
  };
  const isIdle = (): boolean =>
    // In a log that was replaced there are only readers that end with their system.
    targets.every(({ log, next }) => hasHandled(log, next)) &&
    // In an epoch that has begun since, the readers only have to be given their gaps.
    stream.logs.every((log) => targets[log.index]?.log === log || hasHandled(log, 0));
  await waitForProgress(stream, isIdle, limits);
}
