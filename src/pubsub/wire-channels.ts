import { PubSubError } from "../errors.js";
import type { Transport } from "./transport.js";
import type { Listening } from "./types.js";

type Listener = (payload: Uint8Array) => void;

/** Receives the subscriptions that a broker refuses. */
interface RefusedSubscriptions {
  refused(channel: string, error: unknown, retry: () => Promise<void>): void;
  /** The channel has no listener any more. */
  ended(channel: string): void;
}

/** A channel with at least one listener. */
class WireChannel {
  readonly listeners = new Set<(payload: Uint8Array) => void>();
  /** The transport that the subscription was requested from. */
  requestedFrom: Transport | undefined;
  /** Whether the broker has confirmed it. */
  isConfirmed = false;
  readonly #waiting = new Set<{ resolve: () => void; reject: (error: Error) => void }>();

  get ready(): Promise<void> {
    if (this.isConfirmed) return Promise.resolve();
    const ready = new Promise<void>((resolve, reject) => {
      this.#waiting.add({ resolve, reject });
    });
    // Not every listener waits for it.
    ready.catch(() => {});
    return ready;
  }

  confirmed(): void {
    this.isConfirmed = true;
    for (const { resolve } of this.#waiting) resolve();
    this.#waiting.clear();
  }

  lost(error: Error): void {
    this.isConfirmed = false;
    this.requestedFrom = undefined;
    for (const { reject } of this.#waiting) reject(error);
    this.#waiting.clear();
  }
}

/**
 * The listeners by channel: what each new connection has to subscribe to. It outlives the
 * connections.
 *
 * @internal
 */
export class WireChannels {
  readonly #nodeName: string;
  readonly #channels = new Map<string, WireChannel>();
  #transport: Transport | undefined;
  #refusals: RefusedSubscriptions | undefined;

  constructor(nodeName: string) {
    this.#nodeName = nodeName;
  }

  listen(name: string, onMessage: Listener): Listening {
    let channel = this.#channels.get(name);
    if (channel === undefined) {
      channel = new WireChannel();
      this.#channels.set(name, channel);
    }
    // The same function listening twice is two listeners.
    const listener: Listener = (payload) => onMessage(payload);
    channel.listeners.add(listener);
    if (this.#transport !== undefined) void this.#subscribe(name, channel, this.#transport);
    const { ready } = channel;
    return { ready, close: () => this.#close(name, channel, listener) };
  }

  /** Calls a channel's listeners with a received payload. */
  deliver(name: string, payload: Uint8Array): void {
    const channel = this.#channels.get(name);
    if (channel !== undefined) for (const listener of channel.listeners) listener(payload);
  }

  /** Makes all subscriptions over a new connection; settles when the broker has them. */
  async attach(transport: Transport, refusals: RefusedSubscriptions): Promise<void> {
    this.#transport = transport;
    this.#refusals = refusals;
    await this.retry();
  }

  /** Requests again the subscriptions that the broker has refused. */
  async retry(): Promise<void> {
    const transport = this.#transport;
    if (transport === undefined) return;
    await Promise.all(
      [...this.#channels].map(([name, channel]) => this.#subscribe(name, channel, transport)),
    );
  }

  detach(transport: Transport): void {
    if (this.#transport !== transport) return;
    this.#transport = undefined;
    for (const channel of this.#channels.values()) channel.lost(this.#closed());
  }

  async #subscribe(name: string, channel: WireChannel, transport: Transport): Promise<void> {
    if (channel.requestedFrom === transport) return;
    try {
      await this.#request(name, channel, transport);
    } catch (error) {
      if (this.#channels.get(name) !== channel || this.#transport !== transport) return;
      this.#refusals?.refused(name, error, () => this.#request(name, channel, transport));
    }
  }

  async #request(name: string, channel: WireChannel, transport: Transport): Promise<void> {
    channel.requestedFrom = transport;
    try {
      await transport.subscribe(name);
      if (channel.requestedFrom === transport) channel.confirmed();
    } catch (error) {
      if (channel.requestedFrom === transport) channel.requestedFrom = undefined;
      throw error;
    }
  }

  #close(name: string, channel: WireChannel, listener: Listener): void {
    if (!channel.listeners.delete(listener) || channel.listeners.size > 0) return;
    this.#channels.delete(name);
    this.#refusals?.ended(name);
    const transport = channel.requestedFrom;
    channel.lost(this.#closed());
    if (transport !== undefined) transport.unsubscribe(name).catch(() => {});
  }

  #closed(): PubSubError {
    return new PubSubError("closed", this.#nodeName, `pubsub ${this.#nodeName} is closed`);
  }
}
