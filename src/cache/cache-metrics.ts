import type { Measurements, MetricSource } from "../telemetry/metrics.js";
import type { Instance } from "./instance.js";
import type { CacheInfo } from "./types.js";

/**
 * The numbers of one incarnation of an instance. A store that is elsewhere answers later than a
 * collection can wait, and is left out.
 *
 * @internal
 */
export class CacheMetrics implements MetricSource {
  readonly #instance: Instance;

  constructor(instance: Instance) {
    this.#instance = instance;
  }

  measure(into: Measurements): void {
    const { isAsync, emitter } = this.#instance;
    if (isAsync) return;
    const { cache, name } = emitter.source;
    const of = { cache, name };
    let info: CacheInfo;
    try {
      info = this.#instance.info();
    } catch {
      // An adapter of the user's that fails here must not fail the whole collection.
      return;
    }
    into.add("nebulex.cache.hits", info.hits, of);
    into.add("nebulex.cache.misses", info.misses, of);
    into.add("nebulex.cache.writes", info.writes, of);
    into.add("nebulex.cache.deletions", info.deletions, of);
    into.add("nebulex.cache.evictions", info.evictions, of);
    into.add("nebulex.cache.expirations", info.expirations, of);
    into.add("nebulex.cache.entries", info.entries, of);
  }
}
