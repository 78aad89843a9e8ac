import { type BrokerSession, RefusedError, toError } from "./broker-session.js";
import { Reconnector, type ReconnectorOptions, within } from "./reconnector.js";
import type { Transport, TransportEvents } from "./transport.js";

/** @internal */
export interface BrokerTransportOptions extends ReconnectorOptions<BrokerSession> {
  readonly ordered: boolean;
  /** Loads the package that connects to the broker. */
  readonly load?: () => Promise<unknown>;
}

/**
 * A transport made of sessions: it keeps one open.
 *
 * @internal
 */
export class BrokerTransport implements Transport {
  readonly ordered: boolean;
  readonly #options: BrokerTransportOptions;
  readonly #reconnector: Reconnector<BrokerSession>;
  #events: TransportEvents | undefined;
  #maxPayload: number | undefined;

  constructor(options: BrokerTransportOptions) {
    this.#options = options;
    this.ordered = options.ordered;
    this.#reconnector = new Reconnector(options, {
      up: ({ maxPayload }) => (this.#maxPayload = maxPayload),
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
    const { session } = this.#reconnector;
    if (session === undefined) throw this.#reconnector.absence;
    const onMessage = (payload: Uint8Array): void => {
      if (this.#reconnector.session === session) this.#events?.message(channel, payload);
    };
    try {
      const { timeout } = this.#options;
      await within(timeout, undefined, () => session.subscribe(channel, onMessage));
    } catch (error) {
      // Another connection may do better, unless the channel itself is refused.
      if (!(error instanceof RefusedError)) this.#reconnector.replace(session, toError(error));
      throw error;
    }
  }

  async unsubscribe(channel: string): Promise<void> {
    // If the session has just been lost, so is its subscription.
    await this.#reconnector.session?.unsubscribe(channel).catch(() => {});
  }

  publish(channel: string, payload: Uint8Array): Promise<void> {
    const { session } = this.#reconnector;
    return session?.publish(channel, payload) ?? Promise.reject(this.#reconnector.absence);
  }

  close(): Promise<void> {
    return this.#reconnector.close((session) => session.flush());
  }
}
