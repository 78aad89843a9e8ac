import { CacheEvent, isStored } from "../event/event.js";
import type { EventType } from "../event/types.js";

/**
 * What a reader has to know of one key: of all that it has not read, the first event and the last.
 */
interface Unread {
  readonly first: CacheEvent;
  readonly last: CacheEvent;
}

const notOneKey = Symbol("not one key");

/**
 * The newest event of each key of a run of events, typed by what they come to for a reader that has
 * seen none of them: inserted and then updated is `inserted`; inserted and then gone is nothing;
 * gone and then inserted is `updated`. Sequence, command, origin and value are the newest event's;
 * `previous` is what the reader last saw. An event about several keys counts as one a key; one
 * about a query stays, and takes the keys that it matches with it.
 *
 * @internal
 */
export class CoalescedEvents {
  /** In the order of the newest events. A query's event stands under itself. */
  readonly #unread = new Map<unknown, Unread>();
  /** How many events were merged into later ones, or cancelled out. */
  coalesced = 0;

  /** How many keys (and queries) there is something to tell of. */
  get size(): number {
    return this.#unread.size;
  }

  /** Offset of the oldest event that there is something to tell of. */
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

  /** Takes out the event of the key that has waited longest. */
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
      // What was invalidated may be elsewhere, whether or not this reader has seen it.
      if (isInvalidation(event)) this.#unread.set(key, { first: event, last: event });
      else this.coalesced++;
    } else this.#unread.set(key, { first: earlier.first, last: event });
  }

  #addQuery(event: CacheEvent): void {
    const prefix = prefixOf(event);
    for (const [key, { last }] of this.#unread) {
      // An older query goes with a newer one that matches all that it matched.
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

/** What a first and a last event of a key come to. */
function mergedType(first: EventType, last: EventType): EventType {
  if (!isStored(last)) return last;
  return first === "inserted" ? "inserted" : "updated";
}
