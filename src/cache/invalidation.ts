import { isThenable } from "../callbacks.js";
import { type Cause, causeOf } from "../event/event.js";
import type { StoreQuery } from "./adapter.js";
import type { Instance, InstanceSlot } from "./instance.js";

const one: Cause = Object.freeze({ ...causeOf("delete"), invalidation: true });
const several: Cause = Object.freeze({ ...causeOf("deleteAll"), invalidation: true });

/**
 * Deletes stale entries, as `delete` and `deleteAll` do, and supersedes fetches under way; the
 * events are marked as an invalidation. Does nothing on an instance that is not running.
 *
 * @param spares whether a key is kept although the query matches it
 * @returns the number of entries deleted
 * @internal
 */
export function invalidate(
  slot: InstanceSlot,
  query: StoreQuery<unknown, unknown>,
  spares?: (key: unknown) => boolean,
): number | Promise<number> {
  const { running } = slot;
  if (running === undefined) return 0;
  const { store, flights } = running;
  const chosen = spares === undefined ? query : without(query, spares);
  if (chosen.kind === "keys" && chosen.keys.size <= 1) {
    for (const key of chosen.keys) {
      flights.supersede(key);
      // A promise, if the store is elsewhere.
      const deleted: unknown = store.delete(key, one);
      return isThenable(deleted) ? Promise.resolve(deleted).then(Number) : Number(deleted);
    }
    return 0;
  }
  // A spared key was written, which has superseded its fetch.
  if (flights.size > 0) flights.supersedeMatching(chosen.kind === "keys" ? chosen : query);
  return store.deleteAll(chosen, several);
}

/**
 * The command `invalidate`: deletes, and emits an event of its own if there was no entry.
 *
 * @internal
 */
export function invalidateKey<K, V>(instance: Instance<K, V>, key: K, cause: Cause): boolean {
  const { store, flights, emitter } = instance;
  flights.supersede(key);
  const settle = (deleted: boolean): boolean => {
    if (deleted || instance.invalidates) return deleted;
    instance.emptyInvalidations++;
    if (emitter.active) emitter.entry("deleted", cause, key, undefined, undefined);
    return false;
  };
  // A promise, if the store is elsewhere.
  if (instance.isAsync)
    return (store.delete(key, cause) as unknown as Promise<boolean>).then(settle) as never;
  emitter.hold();
  try {
    return settle(store.delete(key, cause));
  } finally {
    emitter.release();
  }
}

/**
 * The command `invalidateAll`: the event of the missing keys comes after that of the deleted ones.
 *
 * @internal
 */
export function invalidateAll<K, V>(
  instance: Instance<K, V>,
  query: StoreQuery<K, V>,
  cause: Cause,
): number {
  // The opened store, whose entries count also while reads are bypassed.
  const { opened: store, flights, emitter } = instance;
  if (flights.size > 0) flights.supersedeMatching(query);
  const settle = (deleted: number, missing: Iterable<K>): number => {
    if (query.kind === "where" || instance.invalidates) return deleted;
    if (query.kind === "keys" ? deleted === query.keys.size : deleted !== 0) return deleted;
    instance.emptyInvalidations++;
    if (!emitter.active) return deleted;
    if (query.kind !== "keys") {
      emitter.query("deleted", cause, query.kind === "all" ? null : { prefix: query.prefix });
      return deleted;
    }
    const keys = [...missing];
    if (keys.length > 0) emitter.entries("deleted", cause, keys, undefined, new Map());
    return deleted;
  };
  const given = query.kind === "keys" ? query.keys : [];
  // An asynchronous store can't be asked which keys it has without other commands in between.
  if (instance.isAsync)
    return (store.deleteAll(query, cause) as unknown as Promise<number>).then((deleted) =>
      settle(deleted, given),
    ) as never;
  emitter.hold();
  try {
    const missing = [...given].filter((key) => !store.has(key, cause));
    return settle(store.deleteAll(query, cause), missing);
  } finally {
    emitter.release();
  }
}

function without(
  query: StoreQuery<unknown, unknown>,
  spares: (key: unknown) => boolean,
): StoreQuery<unknown, unknown> {
  switch (query.kind) {
    case "keys":
      return { kind: "keys", keys: new Set([...query.keys].filter((key) => !spares(key))) };
    case "prefix": {
      const { prefix } = query;
      const matches = (key: unknown): boolean => typeof key === "string" && key.startsWith(prefix);
      return { kind: "where", where: (key) => matches(key) && !spares(key) };
    }
    case "where": {
      const { where } = query;
      return { kind: "where", where: (key, value) => where(key, value) && !spares(key) };
    }
    case "all":
      return { kind: "where", where: (key) => !spares(key) };
  }
}
