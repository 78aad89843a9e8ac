import type { EventSource } from "../event/event.js";

/**
 * Events of one source that are not given: sequences `first` to `last`, inclusive;
 * `last = first - 1` if none is known of.
 *
 * @internal
 */
export interface LostRange {
  readonly source: EventSource;
  readonly first: number;
  readonly last: number;
  /** How many of them there are, as far as they were counted. */
  readonly count: number;
}

/** Events that are not given, by their source. @internal */
export class LostRanges {
  readonly #bounds = new Map<EventSource, { first: number; last: number; count: number }>();

  add(source: EventSource, first: number, last: number, count = last - first + 1): void {
    const bounds = this.#bounds.get(source);
    if (bounds === undefined) {
      this.#bounds.set(source, { first, last, count });
      return;
    }
    bounds.count += count;
    bounds.first = Math.min(bounds.first, first);
    bounds.last = Math.max(bounds.last, last);
  }

  addAll(losses: readonly LostRange[]): void {
    for (const { source, first, last, count } of losses) this.add(source, first, last, count);
  }

  all(): LostRange[] {
    return [...this.#bounds].map(([source, bounds]) => ({ source, ...bounds }));
  }
}
