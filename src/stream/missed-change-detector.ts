import type { Instance } from "../cache/instance.js";

/** Knows whether a cache has changed while its stream was not registered with it. @internal */
export class MissedChangeDetector {
  #instance: Instance | undefined;
  #changes: number | undefined = 0;

  /** Earlier changes are not counted. */
  countFrom(instance: Instance): void {
    this.#instance = instance;
    this.#changes = changesOf(instance);
  }

  /** Whether a cache that the stream is about to register with may have changed. */
  hasChanged(instance: Instance): boolean {
    const before = this.#instance === instance ? this.#changes : 0;
    const now = changesOf(instance);
    return before === undefined || now === undefined || now > before;
  }
}

/** Undefined for a store outside the process: others may change it. */
function changesOf({ opened, emptyInvalidations, isAsync }: Instance): number | undefined {
  if (isAsync) return undefined;
  const { writes, deletions, evictions, expirations } = opened.info();
  return writes + deletions + evictions + expirations + emptyInvalidations;
}
