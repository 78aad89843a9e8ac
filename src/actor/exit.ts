/**
 * Why an incarnation ended. `"normal"`, `"shutdown"` and `{ shutdown: term }` are clean; anything
 * else is abnormal, `"killed"` and errors included. `"noproc"` is what those are told who ask for
 * an actor that was dead already.
 */
export type ExitReason = unknown;

/**
 * Whether a transient child that ends with this reason has done its work (OTP: `normal`,
 * `shutdown`, `{shutdown, Term}`).
 */
export function isCleanExit(reason: ExitReason): boolean {
  if (reason === "normal" || reason === "shutdown") return true;
  return (
    typeof reason === "object" &&
    reason !== null &&
    !(reason instanceof Error) &&
    Object.hasOwn(reason, "shutdown")
  );
}
