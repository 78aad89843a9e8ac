import type { EventSource } from "../event/event.js";

/** Events of one source that a reader is not given: `first` to `last`, inclusive; `last = first - 1` if none is known of. @internal */
export interface Loss {
  readonly source: EventSource;
  readonly first: number;
  readonly last: number;
}

/** What goes unread, by where it came from. @internal */
export class Losses {
  readonly #bounds = new Map<EventSource, { first: number; last: number }>();

  add(source: EventSource, first: number, last: number): void {
    const bounds = this.#bounds.get(source);
    if (bounds === undefined) {
      this.#bounds.set(source, { first, last });
      return;
    }
    bounds.first = Math.min(bounds.first, first);
    bounds.last = Math.max(bounds.last, last);
  }

  all(): Loss[] {
    return [...this.#bounds].map(([source, bounds]) => ({ source, ...bounds }));
  }
}
