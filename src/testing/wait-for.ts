import { sleep, systemClock, withTimeout } from "../clock.js";
import { WaitTimeoutError } from "../errors.js";
import {
  callable,
  knownOptions,
  type Milliseconds,
  milliseconds,
  positiveMilliseconds,
} from "../options.js";
import { nextTurn } from "../timers.js";

/** Options of {@link waitFor}. */
export interface WaitForOptions {
  /** Milliseconds before it gives up, above 0. Default 5000. */
  timeout?: Milliseconds;
  /**
   * Milliseconds between two calls of the predicate. Default 5. 0: in each turn of the event loop.
   */
  interval?: Milliseconds;
  /** What is waited for, as the error says it. Default: the text of the predicate. */
  message?: string;
  /** Ends the wait: it rejects with the signal's reason. */
  signal?: AbortSignal;
}

type Falsy = false | null | undefined | 0 | 0n | "";

/**
 * Waits, in real time, until `predicate` gives something truthy, and gives that. It looks at once,
 * and then at intervals; where the predicate answers with a promise, it waits for that before it
 * looks again. Nothing is left behind, however it ends.
 *
 * @throws (as rejections) {@link WaitTimeoutError}; what the predicate throws; the signal's reason;
 * {@link OptionError}
 */
export async function waitFor<T>(
  predicate: () => T | Promise<T>,
  options: WaitForOptions = {},
): Promise<Exclude<T, Falsy>> {
  callable("predicate", predicate);
  knownOptions("waitFor", options, ["timeout", "interval", "message", "signal"]);
  const timeout = positiveMilliseconds("timeout", options.timeout ?? 5000);
  const interval = milliseconds("interval", options.interval ?? 5);
  const what = options.message ?? predicate.toString().replace(/\s+/g, " ");
  options.signal?.throwIfAborted();
  const ended = new AbortController();
  const onTimeout = (): never => {
    throw new WaitTimeoutError(what, timeout);
  };
  const found = poll(predicate, interval, ended.signal);
  try {
    return await withTimeout(systemClock, timeout, found, onTimeout, options.signal);
  } finally {
    ended.abort();
  }
}

async function poll<T>(
  predicate: () => T | Promise<T>,
  interval: Milliseconds,
  signal: AbortSignal,
): Promise<Exclude<T, Falsy>> {
  for (;;) {
    const value = await predicate();
    if (value) return value as Exclude<T, Falsy>;
    signal.throwIfAborted();
    await (interval === 0 ? nextTurn() : sleep(systemClock, interval, signal));
    signal.throwIfAborted();
  }
}
