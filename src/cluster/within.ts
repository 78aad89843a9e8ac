import type { Clock, TimerHandle } from "../clock.js";
import type { Milliseconds } from "../options.js";

/** Waits for something, but no longer than a time. Gives whether it has come. @internal */
export async function within(
  clock: Clock,
  patience: Milliseconds,
  promise: Promise<unknown>,
): Promise<boolean> {
  let timer: TimerHandle;
  const waited = new Promise<false>((resolve) => {
    timer = clock.setTimeout(() => resolve(false), patience);
  });
  try {
    return await Promise.race([promise.then(() => true), waited]);
  } finally {
    clock.clearTimeout(timer);
  }
}
