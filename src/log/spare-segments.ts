import type { Segment } from "./segment.js";

/** Empty segments that a log keeps at the most. */
const maxSpare = 1024;

/**
 * Segments that have been read, to be used again; held weakly, so that the garbage collector has
 * them if it needs memory.
 *
 * @internal
 */
export class SpareSegments {
  #segments: WeakRef<Segment[]> | undefined;

  take(): Segment | undefined {
    return this.#segments?.deref()?.pop();
  }

  /** Empties them. */
  keep(segments: readonly Segment[]): void {
    let spare = this.#segments?.deref();
    if (spare === undefined) this.#segments = new WeakRef((spare = []));
    for (const segment of segments) {
      if (spare.length === maxSpare) return;
      segment.clear();
      spare.push(segment);
    }
  }
}
