import { BrokerTransport, type BrokerTransportOptions } from "../../src/pubsub/broker-transport.js";
import type { TransportEvents } from "../../src/pubsub/transport.js";
import type { Listening } from "../../src/pubsub/types.js";
import { WireChannels } from "../../src/pubsub/wire-channels.js";
import { waitFor } from "../../src/testing/wait-for.js";

/**
 * A transport, its subscriptions, and all that it reports; `connected` once it has all
 * subscriptions. To be disposed.
 */
export class Tapped implements AsyncDisposable, TransportEvents {
  readonly transport: BrokerTransport;
  readonly #channels = new WireChannels("tapped");
  readonly #listenings = new Map<string, Listening>();
  /** The received messages, as `channel=text`. */
  readonly heard: string[] = [];
  readonly payloads: Uint8Array[] = [];
  readonly statuses: ("connected" | "reconnecting")[] = [];
  readonly errors: unknown[] = [];

  constructor(options: BrokerTransportOptions) {
    this.transport = new BrokerTransport(options);
  }

  /** Opened, and connected. */
  static async connected(options: BrokerTransportOptions, ...channels: string[]): Promise<Tapped> {
    const tapped = new Tapped(options);
    await tapped.transport.open(tapped);
    await tapped.until("connected");
    await Promise.all(channels.map((channel) => tapped.subscribe(channel)));
    return tapped;
  }

  async subscribe(channel: string): Promise<void> {
    let listening = this.#listenings.get(channel);
    if (listening === undefined) {
      listening = this.#channels.listen(channel, (payload) => {
        this.payloads.push(payload);
        this.heard.push(`${channel}=${Buffer.from(payload).toString()}`);
      });
      this.#listenings.set(channel, listening);
    }
    await listening.ready;
  }

  unsubscribe(channel: string): void {
    this.#listenings.get(channel)?.close();
    this.#listenings.delete(channel);
  }

  message(channel: string, payload: Uint8Array): void {
    this.#channels.deliver(channel, payload);
  }

  status(status: "connected" | "reconnecting", error?: unknown): void {
    if (status === "connected") void this.#attach();
    else {
      this.#channels.detach();
      this.report(status, error);
    }
  }

  async #attach(): Promise<void> {
    const isDone = await this.#channels.attach({
      transport: this.transport,
      refused: (_channel, error) => void this.errors.push(error),
      ended: () => {},
    });
    if (isDone) this.report("connected");
  }

  report(status: "connected" | "reconnecting", error?: unknown): void {
    this.statuses.push(status);
    if (error !== undefined) this.errors.push(error);
  }

  get now(): "connected" | "reconnecting" | undefined {
    return this.statuses.at(-1);
  }

  async until(status: "connected" | "reconnecting"): Promise<void> {
    await waitFor(() => this.now === status, { timeout: 20_000 });
  }

  /** Breaks the connection, and waits until the loss is reported. */
  async losing(action: () => unknown): Promise<void> {
    const before = this.statuses.length;
    await action();
    await waitFor(() => this.statuses.slice(before).includes("reconnecting"), { timeout: 20_000 });
  }

  publish(channel: string, text: string): Promise<void> {
    return this.transport.publish(channel, Buffer.from(text));
  }

  /** Waits until these have been received. */
  async hears(...lines: string[]): Promise<void> {
    await waitFor(() => lines.every((line) => this.heard.includes(line)), { timeout: 20_000 });
  }

  close(): Promise<void> {
    this.#channels.close();
    return this.transport.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** What a function throws. */
export function thrown(fn: () => unknown): unknown {
  try {
    fn();
  } catch (error) {
    return error;
  }
  throw new Error("expected an error");
}
