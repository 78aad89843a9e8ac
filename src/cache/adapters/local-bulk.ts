import type { Cause } from "../../event/event.js";
import type { Ttl } from "../types.js";
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
    const slot = table.entries.slots.get(key);
    if (slot === undefined) {
      const victim = table.makeRoom();
      table.add(key, value, ttl);
      inserted.set(key, value);
      if (victim === undefined) continue;
      const own = inserted.has(victim.key) || updated.has(victim.key);
      (own ? after : before).push(victim);
    } else {
      table.entries.use(slot);
      const previous = table.valueOf(slot);
      const hash = table.hashOf(slot);
      if (table.replaceValue(slot, value, ttl)) {
        before.push({ type: "expired", key, value: previous, hash });
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
  for (const key of pairs.keys()) if (table.peek(key) !== undefined) return false;
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
      const slot = table.entries.slots.get(key);
      if (slot === undefined) continue;
      if (table.isDue(slot)) expired.push(table.removeExpired(slot));
      else {
        table.entries.use(slot);
        found.set(key, table.valueOf(slot));
      }
    }
    table.counts.misses += query.keys.size - found.size;
    emitExpired(table, expired, cause);
  } else for (const [key, value] of picked(table, query, false)) found.set(key, value);
  table.counts.hits += found.size;
  return found;
}

/** @internal */
export function countAll<K, V>(table: LocalTable<K, V>, query: StoreQuery<K, V>): number {
  if (query.kind === "all") return table.size - table.overdue().length;
  return picked(table, query, false).length;
}

/** @internal */
export function deleteAll<K, V>(
  table: LocalTable<K, V>,
  query: StoreQuery<K, V>,
  cause: Cause,
): number {
  if (query.kind === "all") return deleteEverything(table, cause);
  const expired: Gone<K, V>[] = [];
  const deleted: Gone<K, V>[] = [];
  // Nothing is removed before all entries have been picked: `where` may throw.
  for (const [key, value] of picked(table, query, true)) {
    const slot = table.entries.slots.get(key);
    // `where` may have removed it or changed it.
    if (slot === undefined || !Object.is(table.valueOf(slot), value)) continue;
    if (table.isDue(slot)) expired.push(table.removeExpired(slot));
    else deleted.push(table.removeSilently(slot));
  }
  table.dropStale(query);
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
  const keys = query.kind === "keys" ? query.keys : keysOf(table);
  for (const key of keys) {
    if (query.kind === "prefix" && !hasPrefix(key, query.prefix)) continue;
    const slot = table.peek(key);
    if (slot === undefined) continue;
    const value = table.valueOf(slot);
    if (query.kind !== "where" || query.where(key, value)) yield [key, value];
  }
}

function deleteEverything<K, V>(table: LocalTable<K, V>, cause: Cause): number {
  const expired = table.overdue().map((slot) => table.removeExpired(slot));
  const count = table.size;
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

/**
 * The entries that a query matches.
 *
 * @param overdue whether entries that are due are included; they are not passed to `where`
 */
function picked<K, V>(
  table: LocalTable<K, V>,
  query: StoreQuery<K, V>,
  overdue: boolean,
): [key: K, value: V][] {
  const found: [K, V][] = [];
  // Over a copy, since `where` may change the entries.
  for (const key of query.kind === "keys" ? query.keys : keysOf(table)) {
    if (query.kind === "prefix" && !hasPrefix(key, query.prefix)) continue;
    const slot = overdue && query.kind !== "where" ? table.entries.slots.get(key) : table.peek(key);
    if (slot === undefined) continue;
    const value = table.valueOf(slot);
    if (query.kind !== "where" || query.where(key, value)) found.push([key, value]);
  }
  return found;
}

function keysOf<K, V>({ entries }: LocalTable<K, V>): K[] {
  return Array.from(entries.all(), (slot) => entries.keyOf(slot));
}

function hasPrefix(key: unknown, prefix: string): boolean {
  return typeof key === "string" && key.startsWith(prefix);
}
