import type { AnyCache } from "../cache/types.js";
import type { Hash } from "./hash.js";
import type { Stream } from "./stream.js";
import type { ResolvedStreamOptions } from "./stream-options.js";
import { findStream, requireStream, slotFor } from "./streams.js";

/** What is known of a stream. */
export interface StreamInfo {
  /** The cache's name. */
  readonly cache: string;
  /** The instance's name. */
  readonly name: string;
  /** The node name of its pubsub; null: events stay in the process. */
  readonly pubsub: string | null;
  /** Number of partitions; null: not partitioned. */
  readonly partitions: number | null;
  readonly hash: Hash;
  readonly broadcastFun: "broadcast" | "broadcast_from";
  /** All options, with their defaults. */
  readonly options: ResolvedStreamOptions;
  /** The life of the stream that sequences belong to now. */
  readonly epoch: string;
  /** Whether it is registered with a running cache. */
  readonly registered: boolean;
}

/** The stream of a cache instance (`cache`, or its instance `name`); undefined when there is none. */
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
  return { cache, name, pubsub: null, partitions, hash, broadcastFun, options, epoch, registered };
}
