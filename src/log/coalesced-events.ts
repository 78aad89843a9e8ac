import { CacheEvent, isStored } from "../event/event.js";
import type { EventType } from "../event/types.js";

/**
 * The unread events of one key, of which only the first and the last are needed.
 */
interface Unread {
  readonly first: CacheEvent;
  readonly last: CacheEvent;
}

const notOneKey = Symbol("not one key");

/**
 * The newest event of each key in a run of events. Its type sums up the run for a reader that has
 * read none of it: inserted and then updated is `inserted`; inserted and then removed is nothing;
 * removed and then inserted is `updated`. Sequence, command, origin and value are the newest
 * event's; `previous` is the value that the reader last read. An event about several keys counts as
 * one for each; one about a query is kept, and replaces the events of the keys that it matches.
 *
 * @internal
 */
export class CoalescedEvents {
  /** In the order of the newest events. The event of a query is its own key. */
  readonly #unread = new Map<unknown, Unread>();
  /** How many events were merged into later ones, or cancelled each other out. */
  coalesced = 0;

  /** How many keys and queries have an event. */
  get size(): number {
    return this.#unread.size;
  }

  /** Offset of the oldest event that is represented; undefined: none. */
  get oldest(): number | undefined {
    let oldest: number | undefined;
    for (const { first } of this.#unread.values())
      oldest = Math.min(oldest ?? Infinity, CacheEvent.offsetOf(first));
    return oldest;
  }

  /** The first and the last event of each key. */
  *all(): Iterable<CacheEvent> {
    for (const { first, last } of this.#unread.values()) {
      yield first;
      if (last !== first) yield last;
    }
  }

  /** The last event of each key. */
  *unread(): Iterable<CacheEvent> {
    for (const { last } of this.#unread.values()) yield last;
  }

  add(event: CacheEvent): void {
    for (const part of CacheEvent.split(event)) {
      const key = CacheEvent.keyOf<unknown, typeof notOneKey>(part, notOneKey);
      if (key === notOneKey) this.#addQuery(part);
      else this.#addKey(key, part);
    }
  }

  /** Removes and returns the event whose newest part is oldest. */
  shift(): CacheEvent | undefined {
    for (const [key, { first, last }] of this.#unread) {
      this.#unread.delete(key);
      return first === last
        ? first
        : CacheEvent.merge(mergedType(first.type, last.type), first, last);
    }
    return undefined;
  }

  clear(): void {
    this.#unread.clear();
  }

  #addKey(key: unknown, event: CacheEvent): void {
    const earlier = this.#unread.get(key);
    if (earlier === undefined) {
      this.#unread.set(key, { first: event, last: event });
      return;
    }
    this.coalesced++;
    this.#unread.delete(key);
    if (earlier.first.type === "inserted" && !isStored(event.type)) {
      // An invalidation also concerns copies outside this process: it is always given.
      if (isInvalidation(event)) this.#unread.set(key, { first: event, last: event });
      else this.coalesced++;
    } else this.#unread.set(key, { first: earlier.first, last: event });
  }

  #addQuery(event: CacheEvent): void {
    const prefix = prefixOf(event);
    for (const [key, { last }] of this.#unread) {
      // A newer query replaces an older one if it matches all that that one matched.
      const text = key === last ? prefixOf(last) : key;
      if (prefix !== undefined && !(typeof text === "string" && text.startsWith(prefix))) continue;
      this.#unread.delete(key);
      this.coalesced++;
    }
    this.#unread.set(event, { first: event, last: event });
  }
}

/** The prefix that a query's event is about; undefined: everything. */
function prefixOf(event: CacheEvent): string | undefined {
  return event.target.kind === "query" ? event.target.query?.prefix : undefined;
}

function isInvalidation({ command }: CacheEvent): boolean {
  return command === "invalidate" || command === "invalidateAll";
}

/** The type that sums up the events of a key. */
function mergedType(first: EventType, last: EventType): EventType {
  if (!isStored(last)) return last;
  return first === "inserted" ? "inserted" : "updated";
}
