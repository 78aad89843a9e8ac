/**
 * Why an incarnation ended. `"normal"`, `"shutdown"` and `{ shutdown: term }` are clean; anything
 * else is abnormal, `"killed"` and errors included. `"noproc"` is the reason given for an actor
 * that was dead already.
 */
export type ExitReason = unknown;

/** Whether a transient child that ends with this reason is left as it is (OTP's clean reasons). */
export function isCleanExit(reason: ExitReason): boolean {
  if (reason === "normal" || reason === "shutdown") return true;
  return (
    typeof reason === "object" &&
    reason !== null &&
    !(reason instanceof Error) &&
    Object.hasOwn(reason, "shutdown")
  );
}
