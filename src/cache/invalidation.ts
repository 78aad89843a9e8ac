import { isThenable } from "../actor/thenable.js";
import { type Cause, causeOf } from "../event/cause.js";
import type { StoreQuery } from "./adapter.js";
import type { InstanceSlot } from "./slot.js";

const one: Cause = Object.freeze({ ...causeOf("delete"), invalidation: true });
const several: Cause = Object.freeze({ ...causeOf("deleteAll"), invalidation: true });

/**
 * Deletes entries that are not true any more: as `delete` and `deleteAll` do, fetches under way included, but that the events say
 * that it is an invalidation. An instance that doesn't run has nothing to delete.
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
