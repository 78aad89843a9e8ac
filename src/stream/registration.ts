import pRetry from "p-retry";
import { backoff, type Clock, sleep } from "../clock.js";
import type { Milliseconds } from "../options.js";

/** A failed attempt, and when the next one is. */
export interface RegistrationRetry {
  /** From 1. */
  readonly attempt: number;
  /** Milliseconds until the next attempt. */
  readonly delay: Milliseconds;
  readonly error: unknown;
}

/** @internal */
export interface RegistrationOptions {
  /** Registers, or throws. */
  readonly register: () => void;
  readonly initial: Milliseconds;
  readonly max: Milliseconds;
  readonly clock: Clock;
  /** For the jitter: from 0 to below 1. */
  readonly random: () => number;
  /** Ends the retries, at once. */
  readonly signal: AbortSignal;
  readonly onRetry: (retry: RegistrationRetry) => void;
}

/**
 * Registers now or, when that fails, again and again with exponential backoff until it succeeds or
 * `signal` is aborted. The first attempt is made within the call. Never rejects.
 *
 * @internal
 */
export function registerWithBackoff({
  register,
  initial,
  max,
  clock,
  random,
  signal,
  onRetry,
}: RegistrationOptions): Promise<void> {
  const attempt = (): { error: unknown } | undefined => {
    try {
      register();
      return undefined;
    } catch (error) {
      return { error };
    }
  };
  let failure = attempt();
  if (failure === undefined) return Promise.resolve();
  const run = (number: number): void => {
    if (number > 1) failure = attempt();
    // p-retry gives up at once on a TypeError: it is never passed one.
    if (failure !== undefined) throw new Error("registration failed", { cause: failure.error });
  };
  const wait = async (number: number, error: Error): Promise<void> => {
    const delay = backoff(number, initial, max, random());
    onRetry({ attempt: number, delay, error: error.cause });
    // Waits by the system's clock, not by p-retry's own timer.
    await sleep(clock, delay, signal);
  };
  return pRetry(run, {
    retries: Infinity,
    minTimeout: 0,
    signal,
    onFailedAttempt: ({ attemptNumber, error }) => wait(attemptNumber, error),
  }).catch((error: unknown) => {
    // Only the signal ends it.
    if (!signal.aborted) throw error;
  });
}
