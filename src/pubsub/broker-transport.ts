import { type BrokerSession, RefusedError } from "./broker-session.js";
import { Reconnector, type ReconnectorOptions } from "./reconnector.js";
import type { Transport, TransportEvents } from "./transport.js";

/** @internal */
export interface BrokerTransportOptions extends ReconnectorOptions<BrokerSession> {
  readonly ordered: boolean;
  /** Loads the package that connects to the broker. */
  readonly load?: () => Promise<unknown>;
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
  readonly #reconnector: Reconnector<BrokerSession>;
  #events: TransportEvents | undefined;
  #maxPayload: number | undefined;

  constructor(options: BrokerTransportOptions) {
    this.#options = options;
    this.ordered = options.ordered;
    this.#reconnector = new Reconnector(options, {
      prepare: (session, signal) => this.#subscribeAll(session, signal),
      up: ({ maxPayload }) => {
        this.#maxPayload = maxPayload;
        for (const { waiting } of this.#wanted.values())
          for (const { resolve } of waiting.splice(0)) resolve();
      },
      status: (status, error) => this.#events?.status(status, error),
    });
  }

  get maxPayload(): number | undefined {
    return this.#maxPayload;
  }

  async load(): Promise<void> {
    await this.#options.load?.();
  }

  open(events: TransportEvents): Promise<void> {
    this.#events = events;
    return this.#reconnector.open();
  }

  async subscribe(channel: string): Promise<void> {
    const { session, closed } = this.#reconnector;
    if (closed) throw this.#reconnector.absence;
    const known = this.#wanted.get(channel);
    if (known !== undefined && session !== undefined && known.requestedFrom === session) {
      if (known.waiting.length === 0) return;
    }
    const wanted = known ?? { waiting: [], requestedFrom: undefined };
    this.#wanted.set(channel, wanted);
    const stands = new Promise<void>((resolve, reject) => wanted.waiting.push({ resolve, reject }));
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
    const { session } = this.#reconnector;
    return session?.publish(channel, payload) ?? Promise.reject(this.#reconnector.absence);
  }

  close(): Promise<void> {
    const closed = this.#reconnector.close((session) => session.flush());
    for (const { waiting } of this.#wanted.values())
      for (const { reject } of waiting.splice(0)) reject(this.#reconnector.absence);
    return closed;
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
      if (!this.#reconnector.closed && this.#wanted.get(channel) === wanted)
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
    if (this.#reconnector.session === session)
      for (const { resolve } of wanted.waiting.splice(0)) resolve();
  }
}
