import { keyText } from "../pubsub/key-text.js";
import { monotonicNow } from "../timers.js";
import type { Milliseconds } from "../options.js";
import type { EngineClock } from "./engine-clock.js";

/** Keys whose last change is kept in mind while reads are under way. */
const maxChanged = 4096;

/** @internal */
export interface Copy {
  readonly value: unknown;
  /** The copies of its partition, in which life of theirs. */
  readonly of: NearCopies;
  readonly life: number;
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

/** Reads that are under way, and what has changed since the first of them began. */
class ReadSpan {
  reads = 0;
  /** The last event of each key. */
  readonly changed = new Map<NearKey, number>();
  /** The last event of all keys. */
  allChanged = -1;

  /** Whether it holds back more than the changes of a few keys. */
  get isLong(): boolean {
    return this.allChanged >= 0 || this.changed.size > maxChanged / 16;
  }

  /** Whether what was read at a position may have changed since. */
  hasChanged(key: NearKey, position: number): boolean {
    return this.allChanged > position || (this.changed.get(key) ?? -1) > position;
  }

  clear(): void {
    this.changed.clear();
    this.allChanged = -1;
  }
}

/** A read of the engine whose result may become a copy. @internal */
export interface NearRead {
  readonly life: number;
  readonly span: ReadSpan;
}

/** The copies of all partitions, so that none has to be computed to find a key's. @internal */
export type AllCopies = Map<NearKey, Copy>;

/**
 * The local copies of one partition's entries. A copy knows the position of the event it stands
 * for: a later event of its key removes it, an earlier one does not. The same holds for a read that
 * is under way while an event arrives.
 *
 * @internal
 */
export class NearCopies {
  /** The time up to which copies may be served; then they may be older than a heartbeat. */
  freshUntil: Milliseconds = -Infinity;
  /** Counts the times that all copies became worthless. Such copies go when there is no room. */
  #life = 0;
  #size = 0;
  readonly #all: AllCopies;
  /** Of the reads that began last: what changes now is noted here. */
  #span = new ReadSpan();
  /** Of the reads before these. So reads that overlap without end do not keep what is noted. */
  #former = new ReadSpan();
  readonly #time: EngineClock;
  readonly #ttl: Milliseconds;
  readonly #maxEntries: number;

  /**
   * @param maxEntries of all partitions
   * @param all of which these are a part
   */
  constructor(
    time: EngineClock,
    maxEntries: number,
    ttl: Milliseconds,
    all: AllCopies = new Map(),
  ) {
    this.#all = all;
    this.#time = time;
    this.#maxEntries = maxEntries;
    this.#ttl = ttl;
  }

  get size(): number {
    return this.#size;
  }

  /** The copy of a key, if it is not due for certain. */
  get(key: NearKey, maxClockAge?: Milliseconds): Copy | undefined {
    const copy = this.#find(key);
    return copy !== undefined && this.uses(copy, maxClockAge) ? copy : undefined;
  }

  /** Whether a copy of this partition can be used: it is not due for certain. */
  uses(copy: Copy, maxClockAge?: Milliseconds): boolean {
    if (
      copy.life !== this.#life ||
      (copy.deadline !== 0 && this.#time.isPast(copy.deadline, maxClockAge) !== false) ||
      (copy.until !== Infinity && copy.until <= monotonicNow())
    )
      return false;
    copy.isUsed = true;
    return true;
  }

  has(key: NearKey): boolean {
    return this.#find(key) !== undefined;
  }

  /** To be called before an entry is read, and `end` when that has ended. */
  begin(): NearRead {
    if (this.#former.reads === 0 && this.#span.reads > 0 && this.#span.isLong)
      [this.#span, this.#former] = [this.#former, this.#span];
    const span = this.#span;
    span.reads++;
    return { life: this.#life, span };
  }

  end({ span }: NearRead): void {
    span.reads--;
    if (this.#former.reads > 0) return;
    // What has changed since the former reads began is needed until they have ended.
    this.#former.clear();
    if (this.#span.reads === 0) this.#span.clear();
  }

  /** Keeps what has been read, unless it has changed since. To be called before `end`. */
  keep(
    { life, span }: NearRead,
    key: NearKey,
    value: unknown,
    position: number,
    deadline: Milliseconds,
  ): void {
    if (life !== this.#life || this.#span.hasChanged(key, position)) return;
    if (span !== this.#span && span.hasChanged(key, position)) return;
    const until = this.#ttl === Infinity ? Infinity : monotonicNow() + this.#ttl;
    const all = this.#all;
    const former = all.get(key);
    if (former !== undefined) remove(all, key, former);
    while (all.size >= this.#maxEntries) makeRoom(all);
    this.#size++;
    all.set(key, { value, of: this, life, position, deadline, until, isUsed: false });
  }

  /** An event of a key. Gives whether a copy went. */
  changed(key: NearKey, position: number): boolean {
    if (this.#isRead) {
      const { changed } = this.#span;
      changed.set(key, Math.max(position, changed.get(key) ?? -1));
      if (changed.size > maxChanged) {
        this.#span.allChanged = Math.max(this.#span.allChanged, ...changed.values());
        changed.clear();
      }
    }
    const copy = this.#find(key);
    if (copy === undefined || copy.position >= position) return false;
    remove(this.#all, key, copy);
    return true;
  }

  /** An event of all keys with a prefix. Gives how many copies went. */
  queryChanged(prefix: string | undefined, position: number): number {
    if (this.#isRead) this.#span.allChanged = Math.max(this.#span.allChanged, position);
    let count = 0;
    for (const [key, copy] of this.#all) {
      if (copy.of !== this || copy.life !== this.#life || copy.position >= position) continue;
      if (prefix !== undefined && !(typeof key === "string" && key.startsWith(prefix))) continue;
      remove(this.#all, key, copy);
      count++;
    }
    return count;
  }

  /** All copies, and all that is being read, is worthless: events may have been missed. */
  clear(): number {
    const count = this.#size;
    this.#life++;
    this.#size = 0;
    return count;
  }

  /** A copy is no more, unless it was worthless before. */
  removed({ life }: Copy): void {
    if (life === this.#life) this.#size--;
  }

  get #isRead(): boolean {
    return this.#span.reads > 0 || this.#former.reads > 0;
  }

  #find(key: NearKey): Copy | undefined {
    const copy = this.#all.get(key);
    return copy?.of === this && copy.life === this.#life ? copy : undefined;
  }
}

function remove(all: AllCopies, key: NearKey, copy: Copy): void {
  all.delete(key);
  copy.of.removed(copy);
}

/** Removes the first copy that was not read since it was last looked at (second chance). */
function makeRoom(all: AllCopies): void {
  for (const [key, copy] of all) {
    if (!copy.isUsed) {
      remove(all, key, copy);
      return;
    }
    copy.isUsed = false;
    all.delete(key);
    all.set(key, copy);
  }
}
