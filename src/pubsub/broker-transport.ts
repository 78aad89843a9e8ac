import { backoff, pause, systemClock, withTimeout } from "../clock.js";
import type { Milliseconds } from "../options.js";
import { type BrokerSession, type Dial, RefusedError, toError } from "./broker-session.js";
import type { Transport, TransportEvents } from "./transport.js";
import { mathRandom } from "../timers.js";

/** @internal */
export interface BrokerTransportOptions {
  readonly ordered: boolean;
  readonly dial: Dial;
  /** Loads the package that connects to the broker. */
  readonly load?: () => Promise<unknown>;
  /** How long an attempt to connect may take. */
  readonly timeout: Milliseconds;
  /**
   * How long to wait after the nth attempt in a row (from 0) that failed. Default:
   * {@link reconnectDelay}.
   */
  readonly delay?: (failures: number, error: Error, random: () => number) => Milliseconds;
  /** The system's random numbers, for the jitter of these waits. Default: `Math.random`. */
  readonly random?: () => number;
}

interface Wanted {
  /** Those that wait for the subscription. */
  waiting: { resolve: () => void; reject: (error: Error) => void }[];
  /** The session that it was requested from. */
  requestedFrom: BrokerSession | undefined;
}

/**
 * A transport made of sessions: it keeps one open, with all subscriptions.
 *
 * @internal
 */
export class BrokerTransport implements Transport {
  readonly ordered: boolean;
  readonly #options: BrokerTransportOptions;
  readonly #wanted = new Map<string, Wanted>();
  readonly #closing = new AbortController();
  #events: TransportEvents | undefined;
  /** The one that has all subscriptions; undefined: there is none now. */
  #session: BrokerSession | undefined;
  #reported: "connected" | "reconnecting" | undefined;
  #maxPayload: number | undefined;
  #closed: Promise<void> | undefined;

  constructor(options: BrokerTransportOptions) {
    this.#options = options;
    this.ordered = options.ordered;
  }

  get maxPayload(): number | undefined {
    return this.#maxPayload;
  }

  async load(): Promise<void> {
    await this.#options.load?.();
  }

  async open(events: TransportEvents): Promise<void> {
    this.#events = events;
    if (this.#closing.signal.aborted) return;
    const error = await this.#attempt();
    if (error === undefined || this.#closing.signal.aborted) return;
    if (error instanceof RefusedError) throw error;
    this.#reconnect(error);
  }

  async subscribe(channel: string): Promise<void> {
    if (this.#closing.signal.aborted) throw closedError();
    const known = this.#wanted.get(channel);
    if (
      known !== undefined &&
      this.#session !== undefined &&
      known.requestedFrom === this.#session
    ) {
      if (known.waiting.length === 0) return;
    }
    const wanted = known ?? { waiting: [], requestedFrom: undefined };
    this.#wanted.set(channel, wanted);
    const stands = new Promise<void>((resolve, reject) => wanted.waiting.push({ resolve, reject }));
    const session = this.#session;
    // A loss leads to a reconnect, and a refusal has rejected those that wait.
    if (session !== undefined) this.#request(session, channel, wanted).catch(() => {});
    await stands;
  }

  async unsubscribe(channel: string): Promise<void> {
    const wanted = this.#wanted.get(channel);
    if (wanted === undefined) return;
    this.#wanted.delete(channel);
    for (const { resolve } of wanted.waiting.splice(0)) resolve();
    // If the session has just been lost, so is its subscription.
    await wanted.requestedFrom?.unsubscribe(channel).catch(() => {});
  }

  publish(channel: string, payload: Uint8Array): Promise<void> {
    if (this.#session !== undefined) return this.#session.publish(channel, payload);
    return Promise.reject(this.#closing.signal.aborted ? closedError() : new NoConnectionError());
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    this.#closing.abort(closedError());
    for (const { waiting } of this.#wanted.values())
      for (const { reject } of waiting.splice(0)) reject(closedError());
    if (session === undefined) return;
    // A broker that does not answer any more does not delay the end.
    await within(this.#options.timeout, undefined, () => session.flush()).catch(() => {});
    session.destroy(closedError());
  }

  /** Tries once to connect and to make all subscriptions; returns why that failed. */
  async #attempt(): Promise<Error | undefined> {
    let session: BrokerSession | undefined;
    let broken: Error | undefined;
    const lost = (error: Error): void => {
      broken ??= error;
      if (session !== undefined) this.#lost(session, error);
    };
    try {
      await within(this.#options.timeout, this.#closing.signal, async (signal) => {
        session = await this.#options.dial(lost, signal);
        if (signal.aborted) session.destroy(toError(signal.reason));
        else await this.#subscribeAll(session, signal);
      });
      if (broken !== undefined) throw broken;
    } catch (error) {
      session?.destroy(toError(error));
      return toError(error);
    }
    this.#session = session;
    this.#maxPayload = session?.maxPayload;
    for (const { waiting } of this.#wanted.values())
      for (const { resolve } of waiting.splice(0)) resolve();
    this.#report("connected");
    return undefined;
  }

  /** Makes all subscriptions, those that are added meanwhile included. */
  async #subscribeAll(session: BrokerSession, signal: AbortSignal): Promise<void> {
    for (;;) {
      const missing = [...this.#wanted].filter(
        ([, { requestedFrom }]) => requestedFrom !== session,
      );
      if (missing.length === 0) return;
      await Promise.all(
        missing.map(([channel, wanted]) => this.#request(session, channel, wanted)),
      );
      signal.throwIfAborted();
    }
  }

  async #request(session: BrokerSession, channel: string, wanted: Wanted): Promise<void> {
    if (wanted.requestedFrom === session) return;
    wanted.requestedFrom = session;
    const onMessage = (payload: Uint8Array): void => {
      if (!this.#closing.signal.aborted && this.#wanted.get(channel) === wanted)
        this.#events?.message(channel, payload);
    };
    try {
      await session.subscribe(channel, onMessage);
    } catch (error) {
      if (wanted.requestedFrom === session) wanted.requestedFrom = undefined;
      const { waiting } = wanted;
      // One that was made before is requested again, until it is made.
      if (!(error instanceof RefusedError) || waiting.length === 0) throw error;
      if (this.#wanted.get(channel) === wanted) this.#wanted.delete(channel);
      for (const { reject } of waiting.splice(0)) reject(error);
      return;
    }
    if (this.#session === session) for (const { resolve } of wanted.waiting.splice(0)) resolve();
  }

  #lost(session: BrokerSession, error: Error): void {
    session.destroy(error);
    if (this.#session !== session) return;
    this.#session = undefined;
    this.#reconnect(error);
  }

  #reconnect(error: Error): void {
    void this.#keepTrying(error);
  }

  async #keepTrying(first: Error): Promise<void> {
    const { signal } = this.#closing;
    const { delay, random = mathRandom } = this.#options;
    let error: Error | undefined = first;
    let refusalReported = false;
    for (let failures = 0; error !== undefined && !signal.aborted; failures++) {
      this.#report("reconnecting", error);
      // Not why the connection was lost, but why no other can be made.
      if (error instanceof RefusedError && !refusalReported) {
        refusalReported = true;
        this.#events?.status("reconnecting", error);
      }
      const ms = delay?.(failures, error, random) ?? reconnectDelay(failures, random);
      await pause(systemClock, ms, signal);
      if (!signal.aborted) error = await this.#attempt();
    }
  }

  #report(status: "connected" | "reconnecting", error?: Error): void {
    if (this.#reported === status || this.#closing.signal.aborted) return;
    this.#reported = status;
    this.#events?.status(status, error);
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

/** Calls `work` with a signal that aborts if it takes too long, or when `outer` does. */
async function within<T>(
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
