import type { Instance } from "../cache/instance.js";
import type { CacheInfo, NearInfo } from "../cache/types.js";
import { monotonicNow } from "../timers.js";
import type { CacheRow } from "./snapshot.js";

/** Milliseconds from a store's answer to the next question. */
const pauseBetweenLooks = 2000;

/** One running instance of a cache. A store that is elsewhere is asked about every two seconds. @internal */
export class CacheReader {
  readonly #instance: Instance;
  #info: CacheInfo | undefined;
  #isAsking = false;
  #askedAt = -Infinity;

  constructor(instance: Instance) {
    this.#instance = instance;
  }

  row(id: string): CacheRow {
    const { emitter, isAsync } = this.#instance;
    const { cache, name } = emitter.source;
    this.#ask();
    const info = this.#info;
    return {
      id,
      cache,
      name,
      store: isAsync ? "remote" : "local",
      entries: info === undefined || Number.isNaN(info.entries) ? null : info.entries,
      unavailable: info?.unavailable ?? null,
      counts: info === undefined ? null : countsOf(info),
      near: info?.near === undefined ? null : nearOf(info.near),
    };
  }

  #ask(): void {
    if (this.#isAsking || monotonicNow() - this.#askedAt < pauseBetweenLooks) return;
    try {
      const info: CacheInfo | Promise<CacheInfo> = this.#instance.info();
      if (!this.#instance.isAsync) {
        this.#info = info;
        return;
      }
      this.#isAsking = true;
      Promise.resolve(info)
        .then((answer) => {
          this.#info = answer;
        })
        .catch(() => {
          this.#info = undefined;
        })
        .finally(() => {
          this.#isAsking = false;
          this.#askedAt = monotonicNow();
        });
    } catch {
      // A user's adapter that fails here must not end the look at everything else.
      this.#info = undefined;
    }
  }
}

function nearOf({ entries, hits, misses }: NearInfo): CacheRow["near"] {
  return { entries, hits, misses };
}

function countsOf(info: CacheInfo): CacheRow["counts"] {
  const { hits, misses, writes, deletions, evictions, expirations } = info;
  return { hits, misses, writes, deletions, evictions, expirations };
}
