import { type Clock, systemClock } from "../clock.js";
import { WaitTimeoutError } from "../errors.js";
import {
  callable,
  knownOptions,
  type Milliseconds,
  milliseconds,
  positiveMilliseconds,
} from "../options.js";
import { clearImmediate, clearTimeout, setImmediate, setTimeout } from "../timers.js";

/** Options of {@link waitFor}. */
export interface WaitForOptions {
  /** Milliseconds before it gives up, above 0. Default 5000. */
  timeout?: Milliseconds;
  /** Milliseconds between two looks. Default 5. 0: in each turn of the event loop. */
  interval?: Milliseconds;
  /** What is waited for, as the error says it. Default: the text of the predicate. */
  message?: string;
  /** Ends the wait: it rejects with the signal's reason. */
  signal?: AbortSignal;
}

type Falsy = false | null | undefined | 0 | 0n | "";

/**
 * Waits, in real time, until `predicate` gives something truthy, and gives that. It looks at once, and then at intervals; where the
 * predicate answers with a promise, it waits for that before it looks again. Nothing is left behind, however it ends.
 *
 * @throws (as rejections) {@link WaitTimeoutError}; what the predicate throws; the signal's reason; {@link OptionError}
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
  const end = new Deadline(systemClock, timeout, what, options.signal);
  try {
    for (;;) {
      const value = await Promise.race([predicate(), end.promise]);
      if (value) return value as Exclude<T, Falsy>;
      await Promise.race([turn(interval, end), end.promise]);
    }
  } finally {
    end.dispose();
  }
}

/** Rejects when the time is over or the signal is aborted; until then, keeps what is to be cleared. */
class Deadline {
  readonly promise: Promise<never>;
  readonly dispose: () => void;
  /** The timer between two looks. */
  pause: NodeJS.Timeout | NodeJS.Immediate | undefined;

  constructor(clock: Clock, timeout: Milliseconds, what: string, signal: AbortSignal | undefined) {
    let fail!: (error: Error) => void;
    this.promise = new Promise((_resolve, reject) => {
      fail = reject;
    });
    // The loop may be in the middle of a look when it rejects.
    this.promise.catch(() => {});
    const timer = clock.setTimeout(() => fail(new WaitTimeoutError(what, timeout)), timeout);
    const abort = (): void => fail(signal?.reason as Error);
    signal?.addEventListener("abort", abort, { once: true });
    this.dispose = () => {
      clock.clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      clearTimeout(this.pause as NodeJS.Timeout | undefined);
      clearImmediate(this.pause as NodeJS.Immediate | undefined);
    };
  }
}

function turn(interval: Milliseconds, end: Deadline): Promise<void> {
  return new Promise((resolve) => {
    end.pause = interval === 0 ? setImmediate(resolve) : setTimeout(resolve, interval);
  });
}
