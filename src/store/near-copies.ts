import { keyText } from "../pubsub/key-text.js";
import { monotonicNow } from "../timers.js";
import type { Milliseconds } from "../options.js";
import type { EngineClock } from "./engine-clock.js";

/** Keys whose last change is kept in mind while reads are under way. */
const maxChanged = 4096;

interface Copy {
  readonly value: unknown;
  /** Of the last event of the entry that was read. */
  readonly position: number;
  /** By the engine's clock; 0: none. */
  readonly deadline: Milliseconds;
  /** By this process's clock. */
  readonly until: Milliseconds;
  /** Whether it was read since it was last considered for removal. */
  isUsed: boolean;
}

/** What a copy is kept under: keys by value, those that a Map tells apart as they are. */
export type NearKey = string | number;

/** A key that is not a Map's own way of telling keys apart begins so. */
const byText = "\u0000";

/** @throws Error for what can't be encoded @internal */
export function nearKey(key: unknown): NearKey {
  if (typeof key === "string" && key.charCodeAt(0) !== 0) return key;
  return typeof key === "number" && Number.isFinite(key) ? key : byText + keyText(key);
}

/** The same, of a key as scripts have it. @internal */
export function nearKeyOfText(text: string): NearKey {
  if (text.startsWith("s") && text.charCodeAt(1) !== 0) return text.slice(1);
  return text.startsWith("n") ? Number(text.slice(1)) : byText + text;
}

/** A read of the engine whose result may become a copy. @internal */
export interface NearRead {
  readonly life: number;
}

/**
 * The local copies of one partition's entries. A copy knows the position of the event it stands
 * for: a later event of its key removes it, an earlier one does not. The same holds for a read that
 * is under way while an event arrives.
 *
 * @internal
 */
export class NearCopies {
  /** Counts the times that all copies became worthless. */
  #life = 0;
  readonly #copies = new Map<NearKey, Copy>();
  /** While reads are under way: the last event of each key that came meanwhile. */
  readonly #changed = new Map<NearKey, number>();
  /** The same of all keys. */
  #allChanged = -1;
  #reads = 0;
  readonly #time: EngineClock;
  readonly #ttl: Milliseconds;
  readonly #maxEntries: number;

  constructor(time: EngineClock, maxEntries: number, ttl: Milliseconds) {
    this.#time = time;
    this.#maxEntries = maxEntries;
    this.#ttl = ttl;
  }

  get size(): number {
    return this.#copies.size;
  }

  /** The copy of a key, if it is not due for certain. */
  get(key: NearKey, maxClockAge?: Milliseconds): Copy | undefined {
    const copy = this.#copies.get(key);
    if (copy === undefined) return undefined;
    const isDue =
      (copy.deadline !== 0 && this.#time.isPast(copy.deadline, maxClockAge) !== false) ||
      (copy.until !== Infinity && copy.until <= monotonicNow());
    if (isDue) return undefined;
    copy.isUsed = true;
    return copy;
  }

  has(key: NearKey): boolean {
    return this.#copies.has(key);
  }

  /** To be called before an entry is read, and `end` when that has ended. */
  begin(): NearRead {
    this.#reads++;
    return { life: this.#life };
  }

  end(): void {
    if (--this.#reads > 0) return;
    this.#changed.clear();
    this.#allChanged = -1;
  }

  /** Keeps what has been read, unless it has changed since. To be called before `end`. */
  keep(
    { life }: NearRead,
    key: NearKey,
    value: unknown,
    position: number,
    deadline: Milliseconds,
  ): void {
    if (life !== this.#life || this.#allChanged > position) return;
    if ((this.#changed.get(key) ?? -1) > position) return;
    const until = this.#ttl === Infinity ? Infinity : monotonicNow() + this.#ttl;
    this.#copies.delete(key);
    while (this.#copies.size >= this.#maxEntries) this.#makeRoom();
    this.#copies.set(key, { value, position, deadline, until, isUsed: false });
  }

  /** An event of a key. Gives whether a copy went. */
  changed(key: NearKey, position: number): boolean {
    if (this.#reads > 0) {
      this.#changed.set(key, Math.max(position, this.#changed.get(key) ?? -1));
      if (this.#changed.size > maxChanged) {
        this.#allChanged = Math.max(this.#allChanged, ...this.#changed.values());
        this.#changed.clear();
      }
    }
    const copy = this.#copies.get(key);
    return copy !== undefined && copy.position < position && this.#copies.delete(key);
  }

  /** An event of all keys with a prefix. Gives how many copies went. */
  queryChanged(prefix: string | undefined, position: number): number {
    if (this.#reads > 0) this.#allChanged = Math.max(this.#allChanged, position);
    let count = 0;
    for (const [key, copy] of this.#copies) {
      const matches = prefix === undefined || (typeof key === "string" && key.startsWith(prefix));
      if (matches && copy.position < position) {
        this.#copies.delete(key);
        count++;
      }
    }
    return count;
  }

  /** All copies, and all that is being read, is worthless: events may have been missed. */
  clear(): number {
    const { size } = this.#copies;
    this.#life++;
    this.#copies.clear();
    return size;
  }

  /** Removes the first copy that was not read since it was last looked at (second chance). */
  #makeRoom(): void {
    for (const [key, copy] of this.#copies) {
      this.#copies.delete(key);
      if (!copy.isUsed) return;
      copy.isUsed = false;
      this.#copies.set(key, copy);
    }
  }
}
