import type { DrainOptions } from "../cache/stream-port.js";
import { IdleTimeoutError, OptionError } from "../errors.js";
import { integer, knownOptions, milliseconds } from "../options.js";
import { waitForProgress } from "./progress.js";
import type { Stream } from "./stream.js";

/**
 * Resolves when no reader is behind by more than `below` events in any partition: back-pressure for
 * who writes much.
 *
 * @internal
 */
export async function whenDrained(stream: Stream, options: DrainOptions): Promise<void> {
  knownOptions("whenDrained", options, ["below", "timeout", "signal"]);
  const below = integer("below", options.below ?? Math.floor(stream.options.capacity / 2), 0);
  const { timeout, signal } = options;
  if (timeout !== undefined) milliseconds("timeout", timeout);
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw OptionError.invalid("signal", "an AbortSignal", signal);
  const holds = (): boolean =>
    stream.logs.every((log) => {
      for (const cursor of log.cursors) if (cursor.lag > below) return false;
      return true;
    });
  await waitForProgress(stream, holds, {
    timeout,
    signal,
    timedOut: (after) => new IdleTimeoutError(stream.slot.name, after),
  });
}
