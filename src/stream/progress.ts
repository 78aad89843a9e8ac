import type { DrainOptions } from "../cache/stream-port.js";
import { withTimeout } from "../clock.js";
import { IdleTimeoutError } from "../errors.js";
import {
  abortSignal,
  integer,
  type Milliseconds,
  milliseconds,
  option,
  readOptions,
} from "../options.js";
import type { Stream } from "./stream.js";

/** What ends a wait early. @internal */
export interface WaitLimits {
  /** When it is over, the wait fails with an {@link IdleTimeoutError}. */
  readonly timeout: Milliseconds | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** @internal */
export const timeoutOption = option((name, value) => milliseconds(name, value));

/**
 * Resolves when no reader is behind by more than `below` events in any partition: back-pressure for
 * a fast writer.
 *
 * @internal
 */
export async function whenDrained(stream: Stream, options: DrainOptions): Promise<void> {
  const schema = {
    below: option(
      (name, value) => integer(name, value, 0),
      Math.floor(stream.options.capacity / 2),
    ),
    timeout: timeoutOption,
    signal: option(abortSignal),
  };
  const { below, ...limits } = readOptions("whenDrained", schema, options);
  const isDrained = (): boolean =>
    stream.logs.every((log) => {
      for (const cursor of log.cursors) if (cursor.lag > below) return false;
      return true;
    });
  await waitForProgress(stream, isDrained, limits);
}

/**
 * Resolves when a condition holds that only the readers' progress can bring about. Its timer and
 * its listeners are removed however it ends.
 *
 * @internal
 */
export async function waitForProgress(
  stream: Stream,
  holds: () => boolean,
  { timeout, signal }: WaitLimits,
): Promise<void> {
  signal?.throwIfAborted();
  if (holds()) return;
  let forget = (): void => {};
  const progress = new Promise<void>((resolve) => {
    forget = stream.onProgress(() => holds() && resolve());
  });
  const onTimeout = (): never => {
    throw new IdleTimeoutError(stream.slot.name, timeout as Milliseconds);
  };
  try {
    await withTimeout(stream.system.clock, timeout, progress, onTimeout, signal);
  } finally {
    forget();
  }
}
