import { commands } from "../cache/command.js";
import type { Store } from "../cache/adapter.js";
import { type Cause, causeOf } from "../event/cause.js";
import { CacheEvent } from "../event/event.js";
import { OptionError } from "../errors.js";
import type { Cursor } from "./cursor.js";
import type { PartitionLog } from "./partition-log.js";
import type { Stream } from "./stream.js";

const snapshotCause: Cause = Object.freeze({ ...causeOf("snapshot"), snapshot: true });

/**
 * What a cache held at one point of its stream: the entries of one partition, as `inserted` events, which are made as they are read.
 *
 * @internal
 */
export class Snapshot {
  readonly #entries: (readonly [unknown, unknown] | undefined)[] = [];
  readonly #log: PartitionLog;
  /** Sequence of this node's last event before the point. */
  readonly #sequence: number;
  readonly #at: number;
  readonly #includesValue: boolean;
  #next = 0;

  constructor(log: PartitionLog, at: number, includesValue: boolean) {
    this.#log = log;
    this.#sequence = log.written - 1;
    this.#at = at;
    this.#includesValue = includesValue;
  }

  /** How many entries have not been read. */
  get size(): number {
    return this.#entries.length - this.#next;
  }

  add(key: unknown, value: unknown): void {
    this.#entries.push([key, value]);
  }

  shift(): CacheEvent | undefined {
    const entry = this.#entries[this.#next];
    if (entry === undefined) return undefined;
    // A long snapshot gives its memory back as it is read.
    this.#entries[this.#next++] = undefined;
    const event = new CacheEvent(
      "inserted",
      snapshotCause,
      this.#log.source,
      entry[0],
      this.#sequence,
      this.#at,
    );
    if (this.#includesValue) event.value = entry[1];
    return event;
  }
}

/**
 * Gives each cursor what the cache holds now of its partition, to be read before what comes next. Nothing is written in between, since
 * this is one synchronous step.
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
  for (const { log } of cursors)
    byLog.set(log, new Snapshot(log, at, options.include.includes("value")));
  for (const [key, value] of entriesOf(store))
    byLog.get(router.logOf(key, value) as PartitionLog)?.add(key, value);
  for (const cursor of cursors) cursor.begin(byLog.get(cursor.log) as Snapshot);
}

function entriesOf(store: Store<unknown, unknown>): Iterable<[unknown, unknown]> {
  const entries = store.stream({ kind: "all" }, commands.stream.plain);
  if (Symbol.iterator in entries) return entries;
  throw new OptionError("snapshot", "snapshot: true needs a cache whose store is in the process");
}
