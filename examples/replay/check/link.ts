import type { CacheEntryEvent } from "nebulex-streams";
import type { Key } from "../request.js";

/**
 * What the replay stores: how often the key has been written, from 1. The writer counts on through
 * deletions and evictions, so a version never comes twice, and it places each event in the history
 * of its key.
 */
export type Version = number;

/** What a check looks at in an event. */
export type CheckedEvent = Pick<
  CacheEntryEvent<Key, Version>,
  "type" | "target" | "value" | "previous"
> & {
  readonly metadata: Pick<CacheEntryEvent<Key, Version>["metadata"], "partition" | "sequence">;
};

/** One event as a link in the history of its key. */
export interface Link {
  /**
   * Where the event stands: the write of version v at 2v, the removal of version v at 2v + 1. A key's
   * positions rise from 2; a removal's is left out when version v was overwritten and not removed.
   */
  readonly position: number;
  /** The position of the event that the store had before this one; 1 where there was none. */
  readonly before: number;
}

/** Before the first event of a key, as if a version 0 had been removed. */
export const NO_HISTORY = 1;

/**
 * Places an event in the history of its key by the versions that it carries.
 *
 * @throws TypeError if it does not carry them
 */
export function linkOf(event: CheckedEvent): Link {
  switch (event.type) {
    case "inserted": {
      const position = 2 * version(event, "value");
      return { position, before: position - 1 };
    }
    case "updated":
      return { position: 2 * version(event, "value"), before: 2 * version(event, "previous") };
    case "deleted":
    case "expired":
    case "evicted": {
      const before = 2 * version(event, "previous");
      return { position: before + 1, before };
    }
  }
}

function version(event: CheckedEvent, field: "value" | "previous"): Version {
  const carried: unknown = event[field];
  if (typeof carried === "number" && Number.isInteger(carried) && carried >= 1) return carried;
  throw new TypeError(`the ${field} of an event of type ${event.type} is no version`);
}
