import type { Transport, TransportEvents } from "../../src/pubsub/transport.js";
import type { SeededRandom } from "../../src/testing/random.js";

/**
 * A transport that holds messages on request and then releases them in order; or one without an
 * order across channels, which shuffles the messages of different ones.
 */
export class LaggingTransport implements Transport {
  readonly ordered: boolean;
  readonly #inner: Transport;
  readonly #random: SeededRandom;
  #queue: { channel: string; payload: Uint8Array }[] = [];
  #held = false;
  #events: TransportEvents | undefined;
  #pumping = false;

  constructor(inner: Transport, ordered: boolean, random: SeededRandom) {
    this.#inner = inner;
    this.ordered = ordered;
    this.#random = random;
  }

  open(events: TransportEvents): Promise<void> {
    this.#events = events;
    return this.#inner.open({
      message: (channel, payload) => {
        this.#queue.push({ channel, payload });
        if (this.ordered && !this.#held) this.#release();
        else this.#pump();
      },
      status: (status, error) => {
        // Messages in flight are lost with the connection.
        if (status === "reconnecting" && this.ordered) this.#queue = [];
        events.status(status, error);
      },
    });
  }

  hold(): void {
    this.#held = true;
  }

  release(): void {
    this.#held = false;
    if (this.ordered) this.#release();
    else this.#pump();
  }

  subscribe(channel: string): Promise<void> {
    return this.#inner.subscribe(channel);
  }

  unsubscribe(channel: string): Promise<void> {
    return this.#inner.unsubscribe(channel);
  }

  publish(channel: string, payload: Uint8Array): Promise<void> {
    return this.#inner.publish(channel, payload);
  }

  close(): Promise<void> {
    this.#queue = [];
    this.#events = undefined;
    return this.#inner.close();
  }

  #release(): void {
    for (const { channel, payload } of this.#queue.splice(0))
      this.#events?.message(channel, payload);
  }

  /** Delivers some messages in a turn of the event loop, each the first of its channel. */
  #pump(): void {
    if (this.#pumping || this.#held || this.ordered) return;
    this.#pumping = true;
    setImmediate(() => {
      this.#pumping = false;
      if (this.#held) return;
      for (let count = this.#random.below(4); count > 0 && this.#queue.length > 0; count--) {
        const { channel } = this.#queue[this.#random.below(this.#queue.length)] as {
          channel: string;
        };
        const first = this.#queue.findIndex((message) => message.channel === channel);
        const [message] = this.#queue.splice(first, 1) as [
          { channel: string; payload: Uint8Array },
        ];
        this.#events?.message(message.channel, message.payload);
      }
      if (this.#queue.length > 0) this.#pump();
    });
  }
}
