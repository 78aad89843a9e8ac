import { NebulexError } from "./base.js";

/**
 * The engine of a shared store did not carry out a command, or has not said so in time. A cache goes
 * on without its store: `fetchOrStore` then asks its function, and stores nothing.
 */
export class StoreUnavailableError extends NebulexError {
  readonly code = "E_STORE_UNAVAILABLE";
  override readonly name: string = "StoreUnavailableError";
  /** The instance's name. */
  readonly cache: string;
  /**
   * Whether the command may have changed something: `"no"`, or `"unknown"` where it was sent and not
   * answered. Commands that only read say `"no"`.
   */
  readonly applied: "no" | "unknown";

  constructor(cache: string, applied: "no" | "unknown", why: string, options?: ErrorOptions) {
    const fate = applied === "no" ? "" : "; whether the command was carried out is not known";
    super(`the store of cache ${cache} is unavailable: ${why}${fate}`, options);
    this.cache = cache;
    this.applied = applied;
  }
}
