import { type Change, type Entry, entryAfter } from "./entry-life.js";
import type { Value } from "./protocol.js";

/** What a process has read. */
export interface ReadCounts {
  readonly reads: number;
  /** Reads that the engine did not answer. */
  readonly failed: number;
  /** Reads of what was not the newest that this process's stream had delivered before. */
  readonly stale: number;
  /** Reads of what was due already when they began. */
  readonly due: number;
  /** Reads of what no event has confirmed since: of nothing, or of what nobody stored. */
  readonly unconfirmed: number;
}

/** What was known of a key when a read began. */
export interface ReadStart {
  readonly key: string;
  /** Of the newest event; -1: none yet. */
  readonly position: number;
  readonly entry: Entry | undefined;
  readonly at: number;
}

/** What the stream has delivered about one key. */
interface Known {
  position: number;
  entry: Entry | undefined;
  /** The newest position of each value. */
  readonly positions: Map<Value, number>;
  /** Of the newest event that removed it. */
  removal: number;
  /** Values read before their events were delivered. */
  readonly early: Map<Value, number>;
  /** How often nothing was read, where something was there by the newest event. */
  absent: number;
  /** How often the newest value was read when it was due, unless its TTL has been set anew. */
  overdue: number;
}

/** Two clocks that are read one after the other, in whole milliseconds. */
const clockSlack = 2;

/**
 * Compares what a process reads with what its stream has delivered. A read that begins behind an
 * event must not give what was there before it. It may give what comes behind it: the event of that
 * must come, too.
 */
export class ReadCheck {
  readonly #keys = new Map<string, Known>();
  #reads = 0;
  #failed = 0;
  #stale = 0;
  #due = 0;

  deliver(change: Change): void {
    const { key, position, value } = change;
    const known = this.#known(key);
    // The TTL may have been set anew in time, and the event of that is late.
    if (known.entry?.value !== value) this.#due += known.overdue;
    known.overdue = 0;
    known.entry = entryAfter(change, known.entry);
    known.position = position;
    if (value === undefined) {
      known.removal = position;
      known.absent = 0;
    } else {
      known.positions.set(value, position);
      known.early.delete(value);
    }
  }

  /** @param at the time, by the engine's wall clock */
  begin(key: string, at: number): ReadStart {
    const { position, entry } = this.#known(key);
    return { key, position, entry, at };
  }

  end({ key, position, entry, at }: ReadStart, value: Value | undefined): void {
    this.#reads++;
    // Nothing has been delivered about this key: nothing can be said.
    if (position < 0) return;
    const known = this.#known(key);
    if (value === undefined) {
      if (entry !== undefined && known.removal < position) known.absent++;
      return;
    }
    const stored = known.positions.get(value);
    if (stored === undefined) known.early.set(value, (known.early.get(value) ?? 0) + 1);
    else if (stored < position) this.#stale++;
    else if (stored === position && isDue(entry, at)) known.overdue++;
  }

  fail(): void {
    this.#failed++;
  }

  /** When all is quiet, and all events have been delivered. */
  get counts(): ReadCounts {
    const counts = {
      reads: this.#reads,
      failed: this.#failed,
      stale: this.#stale,
      due: this.#due,
      unconfirmed: 0,
    };
    for (const { early, absent, overdue } of this.#keys.values()) {
      counts.due += overdue;
      counts.unconfirmed += absent;
      for (const count of early.values()) counts.unconfirmed += count;
    }
    return counts;
  }

  #known(key: string): Known {
    let known = this.#keys.get(key);
    if (known === undefined) {
      known = {
        position: -1,
        entry: undefined,
        positions: new Map(),
        removal: -1,
        early: new Map(),
        absent: 0,
        overdue: 0,
      };
      this.#keys.set(key, known);
    }
    return known;
  }
}

function isDue(entry: Entry | undefined, at: number): boolean {
  return entry !== undefined && entry.deadline !== null && at > entry.deadline + clockSlack;
}
