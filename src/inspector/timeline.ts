import type { Milliseconds } from "../options.js";
import { maxTimeline, type TimelineEntry } from "./snapshot.js";

/** Milliseconds within which the entries are counted for {@link maxInInterval}. */
const interval: Milliseconds = 1000;
/** Entries that are kept of one interval; further ones are counted in one entry. */
const maxInInterval = 100;

/** What is added to a timeline. @internal */
export type NewTimelineEntry = Omit<TimelineEntry, "id" | "time">;

/** The newest of what has happened, in bounded memory. @internal */
export class Timeline {
  readonly #now: () => Milliseconds;
  readonly #entries: TimelineEntry[] = [];
  #lastId = 0;
  #intervalEnds = -Infinity;
  #inInterval = 0;

  /** @param now the wall clock, in milliseconds since 1970 */
  constructor(now: () => Milliseconds) {
    this.#now = now;
  }

  /** The id of the newest entry; 0: there was none. */
  get lastId(): number {
    return this.#lastId;
  }

  /** The entries behind an id that are kept, oldest first. */
  since(id: number): readonly TimelineEntry[] {
    this.#enter(this.#now());
    const first = this.#entries[0]?.id ?? 0;
    return this.#entries.slice(Math.max(0, id + 1 - first));
  }

  /**
   * Adds the entry that `make` returns. In a storm it is not called: further entries of the interval
   * are counted, and one entry says how many there were.
   */
  add(make: () => NewTimelineEntry): void {
    const time = Math.round(this.#now());
    this.#enter(time);
    if (++this.#inInterval <= maxInInterval) this.#push({ ...make(), time });
  }

  /** Ends an interval that is over. */
  #enter(time: Milliseconds): void {
    if (time < this.#intervalEnds) return;
    const further = this.#inInterval - maxInInterval;
    if (further > 0)
      this.#push({
        time: this.#intervalEnds,
        kind: "problem",
        level: "warn",
        text: `${further} more within a second, not shown one by one`,
        subject: "",
        details: [],
        error: null,
      });
    this.#intervalEnds = time + interval;
    this.#inInterval = 0;
  }

  #push(entry: Omit<TimelineEntry, "id">): void {
    this.#entries.push({ id: ++this.#lastId, ...entry });
    if (this.#entries.length > maxTimeline) this.#entries.shift();
  }
}
