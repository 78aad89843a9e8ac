import type { Cause } from "../../event/event.js";
import type { StoreQuery } from "../adapter.js";
import type { Ttl } from "../types.js";
import { atATime } from "./at-a-time.js";
import type { FunctionTable } from "./function-table.js";
import type { Fate } from "./store-calls.js";

/** The values of those keys that have one, due or not. @internal */
export async function readAll<K, V>(
  table: FunctionTable<K, V>,
  keys: Iterable<K>,
  fate: Fate,
): Promise<Map<K, V>> {
  const found = new Map<K, V>();
  await atATime(keys, async (key) => {
    const value = await table.calls.get(key, fate);
    if (value !== undefined) found.set(key, value);
  });
  return found;
}

/** Stores values, and reports those that were stored, also if a later one failed. @internal */
export async function setAll<K, V>(
  table: FunctionTable<K, V>,
  entries: ReadonlyMap<K, V>,
  before: ReadonlyMap<K, V>,
  ttl: Ttl,
  cause: Cause,
  fate: Fate,
): Promise<void> {
  const expired = new Map<K, V | undefined>();
  const stored = new Set<K>();
  try {
    await atATime(entries, async ([key, value]) => {
      const due = await table.setSilently(key, value, ttl, fate);
      stored.add(key);
      if (due !== undefined) expired.set(key, before.get(key) ?? due.held?.value);
    });
  } finally {
    reportAll(table, entries, before, cause, expired, stored);
  }
}

/** Visits the entries that a query matches. @internal */
export async function walk<K, V>(
  table: FunctionTable<K, V>,
  query: StoreQuery<K, V>,
  cause: Cause,
  visit: (key: K, value: V) => void,
): Promise<void> {
  await table.calls.walk(async (fate) => {
    for await (const [key, value] of table.calls.entries(cause.command, fate))
      if (matches(table, query, key, value)) visit(key, value);
  });
}

/** @param overdue whether entries that are due match, too; they are not passed to `where` */
function matches<K, V>(
  table: FunctionTable<K, V>,
  query: StoreQuery<K, V>,
  key: K,
  value: V,
  overdue = false,
): boolean {
  if (query.kind === "prefix" && !(typeof key === "string" && key.startsWith(query.prefix)))
    return false;
  if (table.isDue(key)) return overdue && query.kind !== "where";
  return query.kind !== "where" || query.where(key, value);
}

/** Removes what a query matches; `NaN`: what went could not be counted. @internal */
export async function deleteAll<K, V>(
  table: FunctionTable<K, V>,
  query: StoreQuery<K, V>,
  cause: Cause,
): Promise<number> {
  const { calls } = table;
  if (query.kind === "all" && calls.canClear && !calls.canList) return await clear(table, cause);
  const keys = query.kind === "keys" ? query.keys : "all";
  return await calls.write(table.queues, keys, async (fate) => {
    const found = await list(table, query, cause, fate);
    if (query.kind === "where") table.stale.clear();
    else table.stale.deleteMatching(query);
    const deleted = new Map<K, V>();
    let isWhole = query.kind === "all" || query.kind === "prefix";
    try {
      if (query.kind === "all" && calls.canClear) {
        await calls.clear(fate);
        for (const [key, value] of found) {
          const timing = table.timed.get(key);
          if (timing !== undefined && table.timed.isDue(timing))
            table.expired(key, timing, value, cause, true);
          else deleted.set(key, value);
        }
        table.clear();
      } else
        await atATime(found, async ([key, value]) => {
          if (table.isDue(key)) await table.settleDue(key, cause, fate, true);
          else {
            await calls.delete(key, fate);
            table.timed.drop(key);
            deleted.set(key, value);
          }
        });
    } catch (error) {
      isWhole = false;
      throw error;
    } finally {
      table.counts.deletions += deleted.size;
      if (deleted.size > 0 && table.isHeard) {
        if (isWhole)
          table.sink.query(
            "deleted",
            cause,
            query.kind === "prefix" ? { prefix: query.prefix } : null,
          );
        else table.sink.entries("deleted", cause, [...deleted.keys()], undefined, deleted);
      }
    }
    return deleted.size;
  });
}

/** What a query matches, and what is due besides. */
async function list<K, V>(
  table: FunctionTable<K, V>,
  query: StoreQuery<K, V>,
  cause: Cause,
  fate: Fate,
): Promise<Map<K, V>> {
  if (query.kind === "keys") return await readAll(table, query.keys, fate);
  const found = new Map<K, V>();
  for await (const [key, value] of table.calls.entries(cause.command, fate))
    if (matches(table, query, key, value, true)) found.set(key, value);
  return found;
}

async function clear<K, V>(table: FunctionTable<K, V>, cause: Cause): Promise<number> {
  return await table.calls.write(table.queues, "all", async (fate) => {
    await table.calls.clear(fate);
    table.clear();
    table.stale.clear();
    if (table.isHeard) table.sink.query("deleted", cause, null);
    return NaN;
  });
}

function reportAll<K, V>(
  table: FunctionTable<K, V>,
  entries: ReadonlyMap<K, V>,
  before: ReadonlyMap<K, V>,
  cause: Cause,
  expired: ReadonlyMap<K, V | undefined>,
  stored: ReadonlySet<K>,
): void {
  if (!table.isHeard) return;
  const inserted = new Map<K, V>();
  const updated = new Map<K, V>();
  const previous = new Map<K, V>();
  for (const [key, value] of entries) {
    if (!stored.has(key)) continue;
    const was = expired.has(key) ? undefined : before.get(key);
    if (was === undefined) inserted.set(key, value);
    else {
      updated.set(key, value);
      previous.set(key, was);
    }
  }
  const { sink } = table;
  sink.hold();
  for (const [key, value] of expired) sink.entry("expired", cause, key, undefined, value);
  if (inserted.size > 0) sink.entries("inserted", cause, [...inserted.keys()], inserted, undefined);
  if (updated.size > 0) sink.entries("updated", cause, [...updated.keys()], updated, previous);
  sink.release();
}

/** @internal */
export async function* stream<K, V>(
  table: FunctionTable<K, V>,
  query: StoreQuery<K, V>,
  cause: Cause,
): AsyncGenerator<[K, V], void, undefined> {
  if (query.kind === "keys") {
    for (const key of query.keys) {
      const value = await table.calls.read(table.queues, key, (fate) => table.calls.get(key, fate));
      if (value !== undefined && !table.isDue(key)) yield [key, value];
    }
    return;
  }
  const entries = table.calls.entries(cause.command);
  try {
    for (;;) {
      const next = await table.calls.walk(() => entries.next());
      if (next.done === true) return;
      if (matches(table, query, ...next.value)) yield next.value;
    }
  } finally {
    // Not awaited: the function may not have answered.
    entries.return().catch(() => {});
  }
}
