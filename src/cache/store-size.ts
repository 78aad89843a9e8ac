import { StoreUnavailableError } from "../errors.js";
import type { CacheInfo } from "./types.js";

/**
 * What `info` says of the entries of a store that is elsewhere: an outage of the store does not take
 * along what this process knows.
 *
 * @throws (as a rejection) any other error
 * @internal
 */
export async function sizeOf(
  count: () => Promise<number>,
): Promise<Pick<CacheInfo, "entries" | "unavailable">> {
  try {
    return { entries: await count() };
  } catch (error) {
    if (!(error instanceof StoreUnavailableError)) throw error;
    return { entries: NaN, unavailable: error.message };
  }
}
