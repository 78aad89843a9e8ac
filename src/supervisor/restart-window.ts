import { backoff } from "../clock.js";
import type { Milliseconds } from "../options.js";

/** The number of restarts allowed within a time window. */
export interface RestartLimit {
  readonly maxRestarts: number;
  readonly window: Milliseconds;
}

/**
 * Restarts without a limit, with growing pauses, in place of giving up.
 */
export interface RestartPauses {
  /** A child's progress. A larger number than at its last failure ends its series of failures. */
  progressOf(childId: string): number;
}

/** Failures of one child in a row, and its progress at the last of them. */
export interface FailureSeries {
  readonly failures: number;
  readonly progress: number;
}

const firstPause: Milliseconds = 10;
const longestPause: Milliseconds = 1000;

/** One more failure: the next of its series or, after progress, the first of a new one. */
export function countFailure(series: FailureSeries | undefined, progress: number): FailureSeries {
  const failures = series === undefined || progress > series.progress ? 1 : series.failures + 1;
  return { failures, progress };
}

/** The pause before a restart: none after the first failure, then 10 ms, doubling up to 1 s. */
export function restartPause({ failures }: FailureSeries): Milliseconds {
  return failures < 2 ? 0 : backoff(failures - 1, firstPause, longestPause);
}

/** The number of restarts by millisecond, oldest first. */
export type RestartHistory = readonly { readonly at: Milliseconds; readonly count: number }[];

/**
 * What to do about a restart that is due; `attempt` is its number within the window, `recent` is
 * for the next decision.
 */
export type RestartVerdict =
  | { readonly verdict: "restart"; readonly attempt: number; readonly recent: RestartHistory }
  | { readonly verdict: "giveUp" };

/**
 * Decides about one more restart: it counts together with those of the window before it, one that
 * is exactly that old included. As `add_restart` of OTP's supervisor, in whole milliseconds.
 */
export function admitRestart(
  past: RestartHistory,
  now: Milliseconds,
  limit: RestartLimit,
): RestartVerdict {
  const at = Math.floor(now);
  const first = past.findIndex((entry) => entry.at >= at - limit.window);
  const recent = first === -1 ? [] : past.slice(first);
  const attempt = recent.reduce((sum, { count }) => sum + count, 1);
  if (attempt > limit.maxRestarts) return { verdict: "giveUp" };
  const same = recent.at(-1)?.at === at ? recent.pop() : undefined;
  recent.push({ at, count: (same?.count ?? 0) + 1 });
  return { verdict: "restart", attempt, recent };
}
