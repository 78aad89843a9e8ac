import type { Cause } from "../../event/event.js";
import type { Ttl } from "../types.js";
import { newEntry } from "./entry.js";
import type { Gone, LocalTable } from "./local-table.js";

/**
 * Stores many values. Replaying what is told gives the table's keys: those of before that had to
 * make room, or whose time had come, come first; those that this very command had stored and that
 * had to make room again, last.
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
  table.tellGone(before, cause);
  if (inserted.size > 0) sink.entries("inserted", cause, [...inserted.keys()], inserted, undefined);
  if (updated.size > 0)
    sink.entries("updated", cause, [...updated.keys()], updated, previousValues);
  table.tellGone(after, cause);
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
