import { PubSubError } from "../errors.js";
import { NoConnectionError } from "./reconnector.js";
import type { Transport } from "./transport.js";
import type { Listening } from "./types.js";

type Listener = (payload: Uint8Array) => void;

/** A connection from its making to its loss. @internal */
export interface WireLink {
  readonly transport: Transport;
  /** The broker has refused a subscription. */
  refused(channel: string, error: unknown, retry: () => Promise<void>): void;
  /** The channel has no listener any more. */
  ended(channel: string): void;
}

/** A channel with at least one listener. */
class WireChannel {
  readonly listeners = new Set<Listener>();
  /** Its subscription over the present connection. */
  state: "wanted" | "requested" | "refused" | "confirmed" = "wanted";
  /** Settles when the first request over the present connection is answered. */
  answered: Promise<void> | undefined;
  readonly #waiting = new Set<{ resolve: () => void; reject: (error: Error) => void }>();

  get ready(): Promise<void> {
    if (this.state === "confirmed") return Promise.resolve();
    const ready = new Promise<void>((resolve, reject) => {
      this.#waiting.add({ resolve, reject });
    });
    // Not every listener waits for it.
    ready.catch(() => {});
    return ready;
  }

  confirmed(): void {
    this.state = "confirmed";
    for (const { resolve } of this.#waiting) resolve();
    this.#waiting.clear();
  }

  rejected(error: Error): void {
    for (const { reject } of this.#waiting) reject(error);
    this.#waiting.clear();
  }
}

/**
 * The listeners by channel: what has to be subscribed to over each new connection. It outlives the
 * connections and the transports.
 *
 * @internal
 */
export class WireChannels {
  readonly #nodeName: string;
  readonly #channels = new Map<string, WireChannel>();
  #link: WireLink | undefined;

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
    if (this.#link !== undefined) this.#subscribe(name, channel, this.#link);
    const { ready } = channel;
    return { ready, close: () => this.#close(name, channel, listener) };
  }

  /** Calls a channel's listeners with a received payload. */
  deliver(name: string, payload: Uint8Array): void {
    const channel = this.#channels.get(name);
    if (channel !== undefined) for (const listener of channel.listeners) listener(payload);
  }

  /**
   * Makes all subscriptions over a new connection, those that are added meanwhile included.
   *
   * @returns true: the broker has them, or refuses them; false: the connection was lost before
   */
  async attach(link: WireLink): Promise<boolean> {
    this.detach();
    this.#link = link;
    for (const [name, channel] of this.#channels) this.#subscribe(name, channel, link);
    // The iteration includes channels that are added while it waits.
    for (const channel of this.#channels.values()) {
      await channel.answered;
      if (this.#link !== link) return false;
    }
    return true;
  }

  /** The connection is lost; what waits for a subscription waits for the next one. */
  detach(): void {
    this.#link = undefined;
    for (const channel of this.#channels.values()) {
      channel.state = "wanted";
      channel.answered = undefined;
    }
  }

  /** Ends the connection, and rejects what waits for a subscription. */
  close(): void {
    this.detach();
    for (const channel of this.#channels.values()) channel.rejected(this.#closed());
  }

  #subscribe(name: string, channel: WireChannel, link: WireLink): void {
    if (channel.state !== "wanted") return;
    channel.answered = this.#request(name, channel, link).catch((error: unknown) => {
      if (this.#isCurrent(name, channel, link))
        link.refused(name, error, () => this.#retry(name, channel));
    });
  }

  async #retry(name: string, channel: WireChannel): Promise<void> {
    if (channel.state === "confirmed") return;
    if (this.#link === undefined || channel.state !== "refused") throw new NoConnectionError();
    await this.#request(name, channel, this.#link);
  }

  async #request(name: string, channel: WireChannel, link: WireLink): Promise<void> {
    channel.state = "requested";
    try {
      await link.transport.subscribe(name);
    } catch (error) {
      if (this.#isCurrent(name, channel, link)) channel.state = "refused";
      throw error;
    }
    if (this.#isCurrent(name, channel, link)) channel.confirmed();
  }

  #isCurrent(name: string, channel: WireChannel, link: WireLink): boolean {
    return this.#link === link && this.#channels.get(name) === channel;
  }

  #close(name: string, channel: WireChannel, listener: Listener): void {
    if (!channel.listeners.delete(listener) || channel.listeners.size > 0) return;
    this.#channels.delete(name);
    channel.rejected(this.#closed());
    this.#link?.ended(name);
    if (channel.state === "requested" || channel.state === "confirmed")
      this.#link?.transport.unsubscribe(name).catch(() => {});
  }

  #closed(): PubSubError {
    return new PubSubError("closed", this.#nodeName, `pubsub ${this.#nodeName} is closed`);
  }
}
