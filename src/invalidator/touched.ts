import type { StoreQuery } from "../cache/adapter.js";
import type { EventTarget } from "../event/types.js";
import { hashKey } from "../stream/hash.js";

/**
 * What of this node's entries an event is about.
 *
 * @param copied whether the keys are copies, as those of other nodes' events are: objects among
 * them then stand for all that have the same value
 * @internal
 */
export function touchedBy(
  target: EventTarget<unknown>,
  copied: boolean,
): StoreQuery<unknown, unknown> {
  if (target.kind === "query")
    return target.query === null
      ? { kind: "all" }
      : { kind: "prefix", prefix: target.query.prefix };
  const keys = new Set(target.kind === "key" ? [target.key] : target.keys);
  return copied && [...keys].some(isObject) ? sameValues(keys) : { kind: "keys", keys };
}

/** Keys are found by their hashes: a few others that have the same are no loss. */
function sameValues(keys: ReadonlySet<unknown>): StoreQuery<unknown, unknown> {
  const hashes = new Set([...keys].filter(isObject).map(hashOrNone));
  const where = (key: unknown): boolean =>
    isObject(key)
      ? // What can't be hashed may be any object.
        hashes.has(undefined) || hashes.has(hashOrNone(key))
      : keys.has(key);
  return { kind: "where", where };
}

function hashOrNone(key: unknown): number | undefined {
  try {
    return hashKey(key);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}
