import { OptionError } from "./errors.js";
import type { Milliseconds } from "./options.js";
import { clearTimeout, monotonicNow, setTimeout, wallClockNow } from "./timers.js";

/** The handle of a timer, opaque to all but the {@link Clock} that returned it. */
export type TimerHandle = unknown;

/**
 * The source of time: waits, TTLs and time windows use a clock, so that tests can control them.
 */
export interface Clock {
  /** Milliseconds since a fixed point; never goes back. */
  now(): Milliseconds;
  /** Calls `fn` once, `ms` from now, and never before `setTimeout` has returned. */
  setTimeout(fn: () => void, ms: Milliseconds): TimerHandle;
  /** Cancels a timer; one that has fired or was cancelled is ignored. */
  clearTimeout(handle: TimerHandle): void;
  /**
   * Wall-clock time, in milliseconds since 1970. It is read once, when it is first needed: from
   * there the times of events advance by `now()`, so that they never jump when the wall clock is
   * set. Default: `now()`.
   */
  wallTime?(): Milliseconds;
}

/** The longest delay that Node's own timers accept; a longer one fires at once. */
const longestDelay = 2 ** 31 - 1;

/** A timer of any length, made of several of Node's timers. */
class LongTimer {
  #timer: NodeJS.Timeout;
  #isRef = true;

  constructor(fn: () => void, ms: Milliseconds) {
    const deadline = monotonicNow() + ms;
    const step = (): NodeJS.Timeout => {
      const left = deadline - monotonicNow();
      const timer =
        left > longestDelay
          ? setTimeout(() => {
              this.#timer = step();
            }, longestDelay)
          : setTimeout(fn, left);
      if (!this.#isRef) timer.unref();
      return timer;
    };
    this.#timer = step();
  }

  unref(): void {
    this.#isRef = false;
    this.#timer.unref();
  }

  clear(): void {
    clearTimeout(this.#timer);
  }
}

/** Node's monotonic clock and timers. */
export const systemClock: Clock = {
  now: monotonicNow,
  wallTime: wallClockNow,
  setTimeout: (fn, ms) => (ms > longestDelay ? new LongTimer(fn, ms) : setTimeout(fn, ms)),
  clearTimeout: (handle) => {
    if (handle instanceof LongTimer) handle.clear();
    else clearTimeout(handle as NodeJS.Timeout | undefined);
  },
};

/** How far the wall clock was ahead of `now()` when it was read. */
const wallOffsets = new WeakMap<Clock, Milliseconds>();

/**
 * The time that nodes publish and compare: the wall clock as it was first read, plus the monotonic
 * time since then. The offset is the same everywhere in a process.
 *
 * @returns a function that returns the time, in milliseconds since 1970
 * @internal
 */
export function nodeTimeOf(clock: Clock): () => Milliseconds {
  if (clock.wallTime === undefined) return () => clock.now();
  const offset = wallOffsets.get(clock) ?? clock.wallTime() - clock.now();
  wallOffsets.set(clock, offset);
  return () => offset + clock.now();
}

/**
 * A timer that does not by itself keep the process alive, where the clock's handles can do that.
 */
export function setBackgroundTimeout(clock: Clock, fn: () => void, ms: Milliseconds): TimerHandle {
  const handle = clock.setTimeout(fn, ms);
  if (
    typeof handle === "object" &&
    handle !== null &&
    "unref" in handle &&
    typeof handle.unref === "function"
  ) {
    handle.unref();
  }
  return handle;
}

/**
 * Waits for a promise, but no longer than `ms`. Leaves no timer and no listener behind.
 *
 * @param ms undefined: no limit
 * @param onTimeout called if the time is over first; what it returns or throws is the outcome
 * @param signal rejects with its reason as soon as it is aborted
 */
export function withTimeout<T>(
  clock: Clock,
  ms: Milliseconds | undefined,
  promise: Promise<T>,
  onTimeout: () => T,
  signal?: AbortSignal,
): Promise<T> {
  let timer: TimerHandle;
  let abort = (): void => {};
  return new Promise<T>((resolve, reject) => {
    promise.then(resolve, reject);
    abort = () => reject(signal?.reason as Error);
    if (signal?.aborted === true) {
      abort();
      return;
    }
    signal?.addEventListener("abort", abort, { once: true });
    if (ms === undefined) return;
    timer = clock.setTimeout(() => {
      try {
        resolve(onTimeout());
      } catch (error) {
        reject(error as Error);
      }
    }, ms);
  }).finally(() => {
    clock.clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  });
}

/** Resolves `ms` from now; rejects with the signal's reason as soon as it is aborted. */
export function sleep(clock: Clock, ms: Milliseconds, signal?: AbortSignal): Promise<void> {
  return withTimeout(clock, ms, new Promise<void>(() => {}), () => {}, signal);
}

/** The same, but resolves when the signal is aborted. */
export function pause(clock: Clock, ms: Milliseconds, signal?: AbortSignal): Promise<void> {
  return sleep(clock, ms, signal).catch(() => {});
}

/**
 * The wait before another attempt: `initial`, doubled with each failure, and up to a tenth more, so
 * that many do not retry in step; never above `max`.
 *
 * @param failures attempts in a row that have failed, from 1
 * @param random how much of the tenth, from 0 to 1
 */
export function backoff(
  failures: number,
  initial: Milliseconds,
  max: Milliseconds,
  random = 0,
): Milliseconds {
  return Math.min(max, initial * 2 ** (failures - 1) * (1 + random / 10));
}

/**
 * How long one actor, handler or callback may keep the event loop before others get a turn. Readers
 * that writers keep waiting get more: see `stream/loop-share.ts`.
 */
export const timeSlice: Milliseconds = 5;

/** Messages between two checks of the time: a check costs more than a short handler. */
export const messagesPerCheck = 32;

/** Fails unless `value` has the three methods of a {@link Clock}. */
export function checkClock(value: unknown): Clock {
  const clock = value as Partial<Clock> | null | undefined;
  if (
    typeof clock === "object" &&
    clock !== null &&
    typeof clock.now === "function" &&
    typeof clock.setTimeout === "function" &&
    typeof clock.clearTimeout === "function"
  ) {
    return clock as Clock;
  }
  throw OptionError.invalid(
    "clock",
    "an object with now(), setTimeout(fn, ms) and clearTimeout(handle)",
    value,
  );
}
