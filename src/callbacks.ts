/** Whether a user's function returned a promise, or another object with a `then`. @internal */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === "object" &&
    value !== null &&
    "then" in value &&
    typeof value.then === "function"
  );
}

/**
 * Calls a user's function whose errors have no caller to go to: `report`, which must not throw, gets
 * what it throws, and what its promise rejects with. The promise is not awaited.
 *
 * @internal
 */
export function callSafely<Arg>(
  fn: (arg: Arg) => unknown,
  arg: Arg,
  report: (error: unknown) => void,
): void {
  try {
    const result = fn(arg);
    if (isThenable(result)) Promise.resolve(result).catch(report);
  } catch (error) {
    report(error);
  }
}
