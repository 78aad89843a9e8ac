import type { Store } from "../cache/adapter.js";
import { commands } from "../cache/command.js";
import { OptionError } from "../errors.js";
import { includesOf } from "../event/event.js";
import type { Cursor } from "../log/cursor.js";
import type { PartitionLog } from "../log/partition-log.js";
import { Snapshot } from "../log/snapshot.js";
import type { Stream } from "./stream.js";

/**
 * Gives each cursor what the cache holds now of its partition, to be read before what comes next.
 * Nothing is written in between, since this is one synchronous step.
 *
 * @throws OptionError for a cache whose store is not in the process
 * @internal
 */
export function takeSnapshot(stream: Stream, cursors: readonly Cursor[]): void {
  const store = stream.slot.running?.opened;
  if (store === undefined) return;
  const { router, options } = stream;
  const at = router.now();
  const byLog = new Map<PartitionLog, Snapshot>();
  const includes = includesOf(options.include);
  for (const { log } of cursors)
    byLog.set(log, new Snapshot(log.source, log.nextSequence - 1, at, includes));
  for (const [key, value] of entriesOf(store))
    byLog.get(router.logOf(key, value) as PartitionLog)?.add(key, value);
  for (const cursor of cursors) cursor.startWith(byLog.get(cursor.log) as Snapshot);
}

function entriesOf(store: Store<unknown, unknown>): Iterable<[unknown, unknown]> {
  const entries = store.stream({ kind: "all" }, commands.stream.plain);
  if (Symbol.iterator in entries) return entries;
  throw new OptionError("snapshot", "snapshot: true needs a cache whose store is in the process");
}
