import type { Milliseconds } from "../options.js";
import type { Stream } from "./stream.js";

/** How a wait ends without its condition. @internal */
export interface WaitLimits {
  readonly timeout: Milliseconds | undefined;
  readonly signal?: AbortSignal | undefined;
  /** What it rejects with when the time is over. */
  timedOut(timeout: Milliseconds): Error;
}

/**
 * Resolves when a condition holds that only readers' progress can bring about; leaves nothing
 * behind however it ends.
 *
 * @internal
 */
export function waitForProgress(
  stream: Stream,
  holds: () => boolean,
  limits: WaitLimits,
): Promise<void> {
  const { timeout, signal } = limits;
  const { clock } = stream.system;
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(signal.reason as Error);
      return;
    }
    if (holds()) {
      resolve();
      return;
    }
    const end = (): void => {
      forget();
      clock.clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    };
    const abort = (): void => {
      end();
      reject(signal?.reason as Error);
    };
    const forget = stream.onProgress(() => {
      if (!holds()) return;
      end();
      resolve();
    });
    const expire = (): void => {
      end();
      reject(limits.timedOut(timeout as Milliseconds));
    };
    const timer = timeout === undefined ? undefined : clock.setTimeout(expire, timeout);
    signal?.addEventListener("abort", abort, { once: true });
  });
}
