import {
  CacheEvent,
  type Cause,
  causeOf,
  type EventSource,
  type Includes,
} from "../event/event.js";

const snapshotCause: Cause = Object.freeze({ ...causeOf("snapshot"), snapshot: true });

/**
 * The entries of one partition of a cache at one point of its stream, as `inserted` events, which
 * are made when they are read.
 *
 * @internal
 */
export class Snapshot {
  readonly #entries: (readonly [unknown, unknown] | undefined)[] = [];
  readonly #source: EventSource;
  readonly #sequence: number;
  readonly #at: number;
  readonly #includes: Includes;
  #next = 0;

  /**
   * @param sequence of this node's last event before the point
   * @param at milliseconds since the source began
   */
  constructor(source: EventSource, sequence: number, at: number, includes: Includes) {
    this.#source = source;
    this.#sequence = sequence;
    this.#at = at;
    this.#includes = includes;
  }

  /** How many entries have not been read. */
  get size(): number {
    return this.#entries.length - this.#next;
  }

  add(key: unknown, value: unknown): void {
    this.#entries.push([key, value]);
  }

  shift(): CacheEvent | undefined {
    const entry = this.#entries[this.#next];
    if (entry === undefined) return undefined;
    // The memory of a long snapshot is freed while it is read.
    this.#entries[this.#next++] = undefined;
    const event = new CacheEvent(
      "inserted",
      snapshotCause,
      this.#source,
      entry[0],
      this.#sequence,
      this.#at,
    );
    CacheEvent.addValues(event, this.#includes, entry[1], undefined);
    return event;
  }
}
