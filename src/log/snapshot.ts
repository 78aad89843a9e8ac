import { CacheEvent, type Cause, causeOf, type Includes } from "../event/event.js";
import type { PartitionLog } from "./partition-log.js";

const snapshotCause: Cause = Object.freeze({ ...causeOf("snapshot"), snapshot: true });

/**
 * What a cache held at one point of its stream: the entries of one partition, as `inserted` events,
 * which are made as they are read.
 *
 * @internal
 */
export class Snapshot {
  readonly #entries: (readonly [unknown, unknown] | undefined)[] = [];
  readonly #log: PartitionLog;
  /** Sequence of this node's last event before the point. */
  readonly #sequence: number;
  readonly #at: number;
  readonly #includes: Includes;
  #next = 0;

  constructor(log: PartitionLog, at: number, includes: Includes) {
    this.#log = log;
    this.#sequence = log.nextSequence - 1;
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
    // A long snapshot gives its memory back as it is read.
    this.#entries[this.#next++] = undefined;
    const event = new CacheEvent(
      "inserted",
      snapshotCause,
      this.#log.source,
      entry[0],
      this.#sequence,
      this.#at,
    );
    CacheEvent.addValues(event, this.#includes, entry[1], undefined);
    return event;
  }
}
