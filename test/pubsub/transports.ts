import { BrokerTransport, type BrokerTransportOptions } from "../../src/pubsub/broker-transport.js";
import type { TransportEvents } from "../../src/pubsub/transport.js";
import { waitFor } from "../../src/testing/wait-for.js";

/** A transport and all that it reports. To be disposed. */
export class Tapped implements AsyncDisposable, TransportEvents {
  readonly transport: BrokerTransport;
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
    await Promise.all(channels.map((channel) => tapped.transport.subscribe(channel)));
    return tapped;
  }

  message(channel: string, payload: Uint8Array): void {
    this.payloads.push(payload);
    this.heard.push(`${channel}=${Buffer.from(payload).toString()}`);
  }

  status(status: "connected" | "reconnecting", error?: unknown): void {
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

  [Symbol.asyncDispose](): Promise<void> {
    return this.transport.close();
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
