/**
 * One connection to a broker, until it breaks: then another one is made. So nothing that was
 * sent over one can be sent over the next.
 *
 * @internal
 */
export interface Session {
  /**
   * Ends it at once: whatever is pending rejects with `error`, and is not sent any more.
   * Idempotent.
   */
  destroy(error: Error): void;
}

/** The connection of a pubsub. @internal */
export interface BrokerSession extends Session {
  /** The largest payload that the broker accepts, in bytes, if it has such a limit. */
  readonly maxPayload?: number | undefined;
  /**
   * Settles when the broker has the subscription. A rejection with {@link RefusedError} is about
   * this channel alone.
   */
  subscribe(channel: string, onMessage: (payload: Uint8Array) => void): Promise<void>;
  unsubscribe(channel: string): Promise<void>;
  /** Settles when the broker has accepted the payload; rejects if the session ends before. */
  publish(channel: string, payload: Uint8Array): Promise<void>;
  /** Settles when the broker has accepted all that was published so far. */
  flush(): Promise<void>;
}

/**
 * Makes a session. `lost` has to be called when it breaks, before or after the promise settles;
 * when `signal` is aborted, the promise rejects, and what there is of the session ends.
 *
 * @throws (as a rejection) {@link RefusedError} where another attempt would not help
 * @internal
 */
export type Dial<S extends Session = BrokerSession> = (
  lost: (error: Error) => void,
  signal: AbortSignal,
) => Promise<S>;

/** The broker has refused a request: another attempt would not help. @internal */
export class RefusedError extends Error {
  constructor(error: unknown, message = `the broker refused it: ${toError(error).message}`) {
    super(message, { cause: error });
    this.name = "RefusedError";
  }
}

/** The package that connects to the broker cannot be found. @internal */
export class MissingPackageError extends RefusedError {
  constructor(name: string, cause: unknown) {
    super(cause, `the package ${name} is not installed: npm install ${name}`);
    this.name = "MissingPackageError";
  }
}

/**
 * Loads an optional peer dependency when it is needed. A static import would fail before any code
 * of this package runs, so that nothing could say what to install.
 *
 * @throws (as a rejection) {@link MissingPackageError}
 * @internal
 */
export async function loadPeer<Module>(name: string, load: () => Promise<Module>): Promise<Module> {
  try {
    return await load();
  } catch (error) {
    // What Bun throws is no Error.
    const { code, message } = error as NodeJS.ErrnoException;
    // ERR_MODULE_NOT_FOUND of import, MODULE_NOT_FOUND of require; also of what the package needs.
    const isNamed = [`'${name}'`, `"${name}"`].some((quoted) => message.includes(quoted));
    throw isNamed && code?.endsWith("MODULE_NOT_FOUND") === true
      ? new MissingPackageError(name, error)
      : error;
  }
}

/** The message of an error, and of its cause unless it is contained in it. @internal */
export function reasonOf(error: unknown): string {
  const { message, cause } = toError(error);
  if (cause === undefined) return message;
  const why = reasonOf(cause);
  return message.includes(why) ? message : message === "" ? why : `${message}: ${why}`;
}

/** @internal */
export function toError(error: unknown): Error {
  return Object.prototype.toString.call(error) === "[object Error]"
    ? (error as Error)
    : new Error(String(error));
}
