import type { AnyCache } from "../cache/types.js";
import { type Milliseconds, readOptions } from "../options.js";
import type { Cursor } from "../log/cursor.js";
import type { PartitionLog } from "../log/partition-log.js";
import { timeoutOption, waitForProgress } from "./progress.js";
import { requireStream, slotFor } from "./streams.js";

/**
 * Resolves when all that was written before the call has been handled by every group, actor and
 * callback that reads the stream (async iterators are not waited for).
 *
 * @param options `timeout` in milliseconds; default: none
 * @throws (as a rejection) {@link StreamNotFoundError}; {@link IdleTimeoutError} when it takes
 * longer than `timeout`
 */
export async function whenIdle(
  cache: AnyCache,
  options: { timeout?: Milliseconds } = {},
): Promise<void> {
  const limits = readOptions("whenIdle", { timeout: timeoutOption }, options);
  const stream = requireStream(slotFor(cache));
  const targets = stream.logs.map((log) => ({ log, next: log.next }));
  const hasHandled = (log: PartitionLog<Cursor>, upTo: number): boolean => {
    for (const cursor of log.cursors) if (cursor.tracked && !cursor.hasHandled(upTo)) return false;
    return true;
  };
  const isIdle = (): boolean =>
    // Only readers that end with their system are left in a log that was replaced.
    targets.every(({ log, next }) => hasHandled(log, next)) &&
    // In an epoch that has begun since, what counts is that the readers have been told.
    stream.logs.every((log) => targets[log.index]?.log === log || hasHandled(log, 0));
  await waitForProgress(stream, isIdle, limits);
}
