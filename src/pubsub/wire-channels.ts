import { PubSubError } from "../errors.js";
import type { Transport } from "./transport.js";
import type { Listening } from "./types.js";

type Listener = (payload: Uint8Array) => void;

/** What becomes of subscriptions that a broker refuses. */
interface RefusedSubscriptions {
  refused(channel: string, error: unknown, retry: () => Promise<void>): void;
  /** Nobody listens to it any more. */
  ended(channel: string): void;
}

/** One channel that somebody here listens to. */
class WireChannel {
  readonly listeners = new Set<(payload: Uint8Array) => void>();
  /** The transport that the subscription has been asked of. */
  askedOf: Transport | undefined;
  /** Whether that has the broker's word for it. */
  stands = false;
  readonly #waiting = new Set<{ resolve: () => void; reject: (error: Error) => void }>();

  get ready(): Promise<void> {
    if (this.stands) return Promise.resolve();
    const ready = new Promise<void>((resolve, reject) => {
      this.#waiting.add({ resolve, reject });
    });
    // Not everybody who listens waits for it.
    ready.catch(() => {});
    return ready;
  }

  acknowledged(): void {
    this.stands = true;
    for (const { resolve } of this.#waiting) resolve();
    this.#waiting.clear();
  }

  lost(error: Error): void {
    this.stands = false;
    this.askedOf = undefined;
    for (const { reject } of this.#waiting) reject(error);
    this.#waiting.clear();
  }
}

/**
 * Who listens to which channel of the broker: what each new connection has to subscribe to. It
 * outlives the connections.
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
    if (this.#transport !== undefined) void this.#ask(name, channel, this.#transport);
    const { ready } = channel;
    return { ready, close: () => this.#close(name, channel, listener) };
  }

  /** A payload has come. */
  deliver(name: string, payload: Uint8Array): void {
    const channel = this.#channels.get(name);
    if (channel !== undefined) for (const listener of channel.listeners) listener(payload);
  }

  /**
   * A connection is there: everything is subscribed to with it. Settles when all of that stands.
   */
  async attach(transport: Transport, refusals: RefusedSubscriptions): Promise<void> {
    this.#transport = transport;
    this.#refusals = refusals;
    await this.retry();
  }

  /** Asks again for what the broker has refused. */
  async retry(): Promise<void> {
    const transport = this.#transport;
    if (transport === undefined) return;
    await Promise.all(
      [...this.#channels].map(([name, channel]) => this.#ask(name, channel, transport)),
    );
  }

  detach(transport: Transport): void {
    if (this.#transport !== transport) return;
    this.#transport = undefined;
    for (const channel of this.#channels.values()) channel.lost(this.#closed());
  }

  async #ask(name: string, channel: WireChannel, transport: Transport): Promise<void> {
    if (channel.askedOf === transport) return;
    try {
      await this.#request(name, channel, transport);
    } catch (error) {
      if (this.#channels.get(name) !== channel || this.#transport !== transport) return;
      this.#refusals?.refused(name, error, () => this.#request(name, channel, transport));
    }
  }

  async #request(name: string, channel: WireChannel, transport: Transport): Promise<void> {
    channel.askedOf = transport;
    try {
      await transport.subscribe(name);
      if (channel.askedOf === transport) channel.acknowledged();
    } catch (error) {
      if (channel.askedOf === transport) channel.askedOf = undefined;
      throw error;
    }
  }

  #close(name: string, channel: WireChannel, listener: Listener): void {
    if (!channel.listeners.delete(listener) || channel.listeners.size > 0) return;
    this.#channels.delete(name);
    this.#refusals?.ended(name);
    const transport = channel.askedOf;
    channel.lost(this.#closed());
    if (transport !== undefined) transport.unsubscribe(name).catch(() => {});
  }

  #closed(): PubSubError {
    return new PubSubError("closed", this.#nodeName, `pubsub ${this.#nodeName} is closed`);
  }
}
