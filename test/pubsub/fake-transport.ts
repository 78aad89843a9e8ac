import type { Transport, TransportEvents } from "../../src/pubsub/transport.js";

/** A transport that a test controls, and that records the calls. */
export class FakeTransport implements Transport {
  readonly ordered = false;
  maxPayload: number | undefined;
  readonly calls: string[] = [];
  readonly published: [channel: string, payload: Uint8Array][] = [];
  events!: TransportEvents;
  /** What `open` does after it has noted the events; it is connected by default. */
  opening: () => void | Promise<void> = () => this.events.status("connected");
  subscribing: (channel: string) => void | Promise<void> = () => {};
  publishing: () => void | Promise<void> = () => {};

  async open(events: TransportEvents): Promise<void> {
    this.calls.push("open");
    this.events = events;
    await this.opening();
  }

  async subscribe(channel: string): Promise<void> {
    this.calls.push(`subscribe ${channel}`);
    await this.subscribing(channel);
  }

  unsubscribe(channel: string): Promise<void> {
    this.calls.push(`unsubscribe ${channel}`);
    return Promise.resolve();
  }

  async publish(channel: string, payload: Uint8Array): Promise<void> {
    this.published.push([channel, payload]);
    await this.publishing();
  }

  close(): Promise<void> {
    this.calls.push("close");
    return Promise.resolve();
  }
}

/** A promise that a test settles. */
export function deferred(): {
  promise: Promise<void>;
  resolve(): void;
  reject(error: Error): void;
} {
  let resolve!: () => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<void>((settle, fail) => {
    resolve = settle;
    reject = fail;
  });
  return { promise, resolve, reject };
}
