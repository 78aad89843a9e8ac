import type { ActorRef } from "../actor/ref.js";
import { hashKey, partitionOfHash } from "../event/key-hash.js";
import type { CacheEntryEvent } from "../event/types.js";

/**
 * Chooses the partition of an event about one key: an integer from 0 to partitions - 1, or `"none"`
 * to leave it out of the stream.
 */
export type Hash<K = unknown, V = unknown> = (event: KeyEvent<K, V>) => number | "none";

/** What a {@link Hash} is asked about; one for each key of a command over several keys. */
export interface KeyEvent<K = unknown, V = unknown> extends CacheEntryEvent<K, V, ActorRef> {
  /** The key that it is about. */
  readonly target: { readonly kind: "key"; readonly key: K };
}

/**
 * The partition of an event by xxHash of the key's value, modulo `event.metadata.partitions` (0 on
 * a stream without partitions).
 *
 * @throws TypeError for an event that is not about a single key, and for a key that has no value to
 * hash (a function)
 * @throws {@link HashNotReadyError} before {@link hashReady} has settled
 */
export function defaultHash(event: CacheEntryEvent<unknown, unknown, unknown>): number {
  const { target } = event;
  if (target.kind !== "key")
    throw new TypeError(`cannot hash an event about ${target.kind}: expected a single key`);
  return partitionOfHash(hashKey(target.key), event.metadata.partitions ?? 1);
}
