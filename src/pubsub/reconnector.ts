import { backoff, pause, systemClock, withTimeout } from "../clock.js";
import type { Milliseconds } from "../options.js";
import { mathRandom } from "../timers.js";
import { type Dial, RefusedError, type Session, toError } from "./broker-session.js";

/** @internal */
export interface ReconnectorOptions<S extends Session> {
  readonly dial: Dial<S>;
  /** How long an attempt to connect may take. */
  readonly timeout: Milliseconds;
  /**
   * How long to wait after the nth attempt in a row (from 0) that failed. Default:
   * {@link reconnectDelay}.
   */
  readonly delay?:
    ((failures: number, error: Error, random: () => number) => Milliseconds) | undefined;
  /** The system's random numbers, for the jitter of these waits. Default: `Math.random`. */
  readonly random?: (() => number) | undefined;
}

/** What a {@link Reconnector} calls. @internal */
export interface ReconnectorEvents<S extends Session> {
  /** The last step of an attempt to connect: where it rejects, the attempt has failed. */
  prepare?(session: S, signal: AbortSignal): Promise<void>;
  /** Called with a session that is up, before that is reported. */
  up(session: S): void;
  status(status: "connected" | "reconnecting", error?: unknown): void;
}

/** Keeps one session open: when it breaks, another one is made. @internal */
export class Reconnector<S extends Session> {
  readonly #options: ReconnectorOptions<S>;
  readonly #events: ReconnectorEvents<S>;
  readonly #closing = new AbortController();
  #session: S | undefined;
  #reported: "connected" | "reconnecting" | undefined;
  #closed: Promise<void> | undefined;
  /** In a row. */
  #failures = 0;

  constructor(options: ReconnectorOptions<S>, events: ReconnectorEvents<S>) {
    this.#options = options;
    this.#events = events;
  }

  /** The one that is up; undefined: there is none now. */
  get session(): S | undefined {
    return this.#session;
  }

  get closed(): boolean {
    return this.#closing.signal.aborted;
  }

  /** Why there is no session. */
  get absence(): Error {
    return this.closed ? closedError() : new NoConnectionError();
  }

  /**
   * Settles after the first attempt to connect.
   *
   * @throws (as a rejection) RefusedError
   */
  async open(): Promise<void> {
    if (this.closed) return;
    const error = await this.#attempt();
    if (error === undefined || this.closed) return;
    if (error instanceof RefusedError) throw error;
    void this.#keepTrying(error);
  }

  /** Makes another session in place of one that is of no use; that counts as a failed attempt. */
  replace(session: S, error: Error): void {
    session.destroy(error);
    if (this.#session !== session) return;
    this.#session = undefined;
    void this.#keepTrying(error);
  }

  /**
   * Ends the session, or the attempts to make one. Idempotent.
   *
   * @param flush what is done before; a broker that does not answer any more does not delay the end
   */
  close(flush: (session: S) => Promise<void>): Promise<void> {
    this.#closed ??= this.#close(flush);
    return this.#closed;
  }

  async #close(flush: (session: S) => Promise<void>): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    this.#closing.abort(closedError());
    if (session === undefined) return;
    await within(this.#options.timeout, undefined, () => flush(session)).catch(() => {});
    session.destroy(closedError());
  }

  /** Tries once to connect; returns why that failed. */
  async #attempt(): Promise<Error | undefined> {
    let session: S | undefined;
    let broken: Error | undefined;
    const lost = (error: Error): void => {
      broken ??= error;
      if (session === undefined) return;
      if (session === this.#session) this.#failures = 0;
      this.replace(session, error);
    };
    try {
      session = await within(this.#options.timeout, this.#closing.signal, async (signal) => {
        session = await this.#options.dial(lost, signal);
        if (signal.aborted) session.destroy(toError(signal.reason));
        else await this.#events.prepare?.(session, signal);
        return session;
      });
      if (broken !== undefined) throw broken;
    } catch (error) {
      session?.destroy(toError(error));
      return toError(error);
    }
    this.#session = session;
    this.#events.up(session);
    this.#report("connected");
    return undefined;
  }

  async #keepTrying(first: Error): Promise<void> {
    const { signal } = this.#closing;
    const { delay, random = mathRandom } = this.#options;
    let error: Error | undefined = first;
    let refusalReported = false;
    while (error !== undefined && !signal.aborted) {
      this.#report("reconnecting", error);
      // Not why the connection was lost, but why no other can be made.
      if (error instanceof RefusedError && !refusalReported) {
        refusalReported = true;
        this.#events.status("reconnecting", error);
      }
      const failures = this.#failures++;
      const ms = delay?.(failures, error, random) ?? reconnectDelay(failures, random);
      await pause(systemClock, ms, signal);
      if (!signal.aborted) error = await this.#attempt();
    }
  }

  #report(status: "connected" | "reconnecting", error?: Error): void {
    if (this.#reported === status || this.closed) return;
    this.#reported = status;
    this.#events.status(status, error);
  }
}

/** There is no connection now. @internal */
export class NoConnectionError extends Error {
  constructor() {
    super("there is no connection to the broker");
    this.name = "NoConnectionError";
  }
}

const closedError = (): Error => new Error("the connection to the broker is closed");

/**
 * How long to wait before the next attempt: 50 ms, doubled with each failure up to 2 s, of which a
 * random half, so that nodes do not come back all at once.
 *
 * @param failures attempts in a row that have failed before the last one
 * @internal
 */
export function reconnectDelay(failures: number, random: () => number): Milliseconds {
  return (backoff(failures + 1, 50, 2000) * (1 + random())) / 2;
}

/** Calls `work` with a signal that aborts if it takes too long, or when `outer` does. @internal */
export async function within<T>(
  ms: Milliseconds,
  outer: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const inner = new AbortController();
  const onTimeout = (): never => {
    throw new Error(`the broker has not answered within ${ms} ms`);
  };
  try {
    return await withTimeout(systemClock, ms, work(inner.signal), onTimeout, outer);
  } catch (error) {
    inner.abort(error);
    throw error;
  }
}
