import type { Cause } from "../../event/event.js";
import type { Ttl } from "../types.js";
import { type Entry, newEntry } from "./entries.js";
import type { Gone, LocalTable } from "./local-table.js";
import type { StoreQuery } from "../adapter.js";

/**
 * Stores many values. Replaying the events gives the table's keys: the entries of before that were
 * evicted or had expired come first; those that this command stored and that were evicted again
 * come last.
 *
 * @internal
 */
export function putAll<K, V>(
  table: LocalTable<K, V>,
  pairs: ReadonlyMap<K, V>,
  ttl: Ttl,
  cause: Cause,
): void {
  if (!table.sink.active) {
    for (const [key, value] of pairs) table.write(key, value, ttl, cause);
    return;
  }
  const before: Gone<K, V>[] = [];
  const after: Gone<K, V>[] = [];
  const inserted = new Map<K, V>();
  const updated = new Map<K, V>();
  const previousValues = new Map<K, V>();
  for (const [key, value] of pairs) {
    const entry = table.entries.get(key);
    if (entry === undefined) {
      const victim = table.add(newEntry(key, value, ttl), ttl);
      inserted.set(key, value);
      if (victim === undefined) continue;
      const own = inserted.has(victim.key) || updated.has(victim.key);
      (own ? after : before).push({
        type: table.evict(victim),
        entry: victim,
        value: victim.value,
      });
    } else {
      const previous = entry.value;
      if (table.replaceValue(entry, value, ttl)) {
        before.push({ type: "expired", entry, value: previous });
        inserted.set(key, value);
      } else {
        updated.set(key, value);
        previousValues.set(key, previous);
      }
    }
  }
  const { sink } = table;
  sink.hold();
  table.emitGone(before, cause);
  if (inserted.size > 0) sink.entries("inserted", cause, [...inserted.keys()], inserted, undefined);
  if (updated.size > 0)
    sink.entries("updated", cause, [...updated.keys()], updated, previousValues);
  table.emitGone(after, cause);
  sink.release();
}

/** Stores many values unless one of the keys is there. @internal */
export function putNewAll<K, V>(
  table: LocalTable<K, V>,
  pairs: ReadonlyMap<K, V>,
  ttl: Ttl,
  cause: Cause,
): boolean {
  for (const key of pairs.keys()) {
    const entry = table.entries.peek(key);
    if (entry !== undefined && !table.isDue(entry)) return false;
  }
  putAll(table, pairs, ttl, cause);
  return true;
}

/** @internal */
export function getAll<K, V>(
  table: LocalTable<K, V>,
  query: StoreQuery<K, V>,
  cause: Cause,
): Map<K, V> {
  const found = new Map<K, V>();
  if (query.kind === "keys") {
    const expired: Gone<K, V>[] = [];
    for (const key of query.keys) {
      const entry = table.entries.get(key);
      if (entry === undefined) continue;
      if (table.isDue(entry)) expired.push(removeExpired(table, entry));
      else found.set(key, entry.value);
    }
    table.counts.misses += query.keys.size - found.size;
    emitExpired(table, expired, cause);
  } else for (const { key, value } of matching(table, query)) found.set(key, value);
  table.counts.hits += found.size;
  return found;
}

/** @internal */
export function countAll<K, V>(table: LocalTable<K, V>, query: StoreQuery<K, V>): number {
  if (query.kind === "all") return table.entries.size - table.overdue().length;
  return matching(table, query).length;
}

/** @internal */
export function deleteAll<K, V>(
  table: LocalTable<K, V>,
  query: StoreQuery<K, V>,
  cause: Cause,
): number {
  if (query.kind === "all") return deleteEverything(table, cause);
  const expired: Gone<K, V>[] = [];
  const deleted: Entry<K, V>[] = [];
  // Nothing is removed before all entries have been picked: `where` may throw.
  for (const picked of candidates(table, query)) {
    const entry = table.entries.peek(picked.key);
    // `where` may have removed it, changed it, or given it a TTL, which makes it another object.
    if (entry === undefined || !Object.is(entry.value, picked.value)) continue;
    if (table.isDue(entry)) expired.push(removeExpired(table, entry));
    else {
      table.removeSilently(entry);
      deleted.push(entry);
    }
  }
  const { sink } = table;
  if (!sink.active) return deleted.length;
  sink.hold();
  table.emitGone(expired, cause);
  if (deleted.length > 0) {
    if (query.kind === "prefix") sink.query("deleted", cause, { prefix: query.prefix });
    else {
      const previousValues = new Map(deleted.map(({ key, value }) => [key, value]));
      sink.entries("deleted", cause, [...previousValues.keys()], undefined, previousValues);
    }
  }
  sink.release();
  return deleted.length;
}

/**
 * The keys that are there when the iteration begins, except those that are gone when the iteration
 * reaches them.
 *
 * @internal
 */
export function* stream<K, V>(
  table: LocalTable<K, V>,
  query: StoreQuery<K, V>,
): Generator<[K, V], void, undefined> {
  const keys =
    query.kind === "keys" ? query.keys : Array.from(table.entries.values(), (entry) => entry.key);
  for (const key of keys) {
    if (query.kind === "prefix" && !hasPrefix(key, query.prefix)) continue;
    const entry = table.entries.peek(key);
    if (entry === undefined || table.isDue(entry)) continue;
    const { value } = entry;
    if (query.kind !== "where" || query.where(key, value)) yield [key, value];
  }
}

function deleteEverything<K, V>(table: LocalTable<K, V>, cause: Cause): number {
  const expired = table.overdue().map((entry) => removeExpired(table, entry));
  const count = table.entries.size;
  table.counts.deletions += count;
  table.clear();
  const { sink } = table;
  if (!sink.active) return count;
  sink.hold();
  table.emitGone(expired, cause);
  if (count > 0) sink.query("deleted", cause, null);
  sink.release();
  return count;
}

function removeExpired<K, V>(table: LocalTable<K, V>, entry: Entry<K, V>): Gone<K, V> {
  table.removeExpired(entry);
  return { type: "expired", entry, value: entry.value };
}

function emitExpired<K, V>(
  table: LocalTable<K, V>,
  gone: readonly Gone<K, V>[],
  cause: Cause,
): void {
  if (gone.length === 0 || !table.sink.active) return;
  table.sink.hold();
  table.emitGone(gone, cause);
  table.sink.release();
}

/** The entries that a query matches and that are not due. */
function matching<K, V>(table: LocalTable<K, V>, query: StoreQuery<K, V>): Entry<K, V>[] {
  return candidates(table, query).filter((entry) => !table.isDue(entry));
}

/**
 * The entries that a query matches. Entries that are due are included, but not passed to `where`.
 */
function candidates<K, V>(table: LocalTable<K, V>, query: StoreQuery<K, V>): Entry<K, V>[] {
  const { entries } = table;
  switch (query.kind) {
    case "all":
      return [...entries.values()];
    case "keys":
      return Array.from(query.keys, (key) => entries.peek(key)).filter(
        (entry) => entry !== undefined,
      );
    case "prefix": {
      const found: Entry<K, V>[] = [];
      for (const entry of entries.values())
        if (hasPrefix(entry.key, query.prefix)) found.push(entry);
      return found;
    }
    case "where": {
      const found: Entry<K, V>[] = [];
      // Over a copy, since the function may change the entries.
      for (const key of Array.from(entries.values(), (entry) => entry.key)) {
        const entry = entries.peek(key);
        if (entry === undefined || table.isDue(entry)) continue;
        if (query.where(key, entry.value)) found.push(entry);
      }
      return found;
    }
  }
}

function hasPrefix(key: unknown, prefix: string): boolean {
  return typeof key === "string" && key.startsWith(prefix);
}
