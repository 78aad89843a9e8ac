import { isThenable } from "../callbacks.js";
import { type Cause, causeOf } from "../event/event.js";
import type { StoreQuery } from "./adapter.js";
import type { Instance, InstanceSlot } from "./instance.js";

const one: Cause = Object.freeze({ ...causeOf("delete"), invalidation: true });
const several: Cause = Object.freeze({ ...causeOf("deleteAll"), invalidation: true });

/**
 * Deletes entries that are not true any more: as `delete` and `deleteAll` do, fetches under way
 * included, but that the events say that it is an invalidation. An instance that doesn't run has
 * nothing to delete.
 *
 * @param spares keys that are to stay, though the query matches them
 * @returns how many entries went
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
      // Of a store that is elsewhere it is a promise.
      const deleted: unknown = store.delete(key, one);
      return isThenable(deleted) ? Promise.resolve(deleted).then(Number) : Number(deleted);
    }
    return 0;
  }
  // What is spared was written; what is on its way for it was written over already.
  if (flights.size > 0) flights.supersedeMatching(chosen.kind === "keys" ? chosen : query);
  return store.deleteAll(chosen, several);
}

/**
 * The command `invalidate`: deletes, and makes an event of its own when there was nothing.
 *
 * @internal
 */
export function invalidateKey<K, V>(instance: Instance<K, V>, key: K, cause: Cause): boolean {
  const { store, flights, emitter } = instance;
  flights.supersede(key);
  const settle = (deleted: boolean): boolean => {
    if (deleted) return true;
    instance.emptyInvalidations++;
    if (emitter.active) emitter.entry("deleted", cause, key, undefined, undefined);
    return false;
  };
  // Of a store that is elsewhere it is a promise.
  if (instance.isAsync)
    return (store.delete(key, cause) as unknown as Promise<boolean>).then(settle) as never;
  emitter.hold();
  try {
    return settle(store.delete(key, cause));
  } finally {
    emitter.release();
  }
}

/** The command `invalidateAll`: what was not there is told of behind what was. @internal */
export function invalidateAll<K, V>(
  instance: Instance<K, V>,
  query: StoreQuery<K, V>,
  cause: Cause,
): number {
  // What is there counts, also where reads are bypassed.
  const { opened: store, flights, emitter } = instance;
  if (flights.size > 0) flights.supersedeMatching(query);
  const settle = (deleted: number, missing: Iterable<K>): number => {
    if (query.kind === "where") return deleted;
    if (query.kind === "keys" ? deleted === query.keys.size : deleted > 0) return deleted;
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
  // Which of the keys are there can't be asked for without another command coming in between.
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
