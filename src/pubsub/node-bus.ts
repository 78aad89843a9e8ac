import type { PubSubError } from "../errors.js";
import type { Milliseconds } from "../options.js";
import { channels } from "../telemetry/channels.js";
import type { Codec } from "./encodable.js";
import { codecOf } from "./frame.js";
import type { ResolvedPubSubOptions } from "./pubsub-options.js";
import type { PubSubStatus } from "./transport.js";
import type { Bus, Listening } from "./types.js";
import type { WireChannels } from "./wire-channels.js";

/** What a bus uses of its pubsub. @internal */
export interface BusPort {
  readonly status: PubSubStatus;
  readonly ordered: boolean;
  readonly localOnly: boolean;
  readonly noPeersNow: boolean;
  readonly maxMessageSize: number;
  readonly trouble: unknown;
  refusalOf(prefix: string): PubSubError | undefined;
  abandon(prefix: string): void;
  publish(channel: string, payload: Uint8Array): Promise<void>;
  onStatus(fn: (status: PubSubStatus) => void): () => void;
}

/** The prefix of the streams' channels. @internal */
export const busPrefix = (namespace: string): string => `${namespace}:bus:`;

/** Connects streams to a pubsub's broker, on channels apart from those of the topics. @internal */
export class NodeBus implements Bus {
  readonly nodeName: string;
  readonly namespace: string;
  readonly heartbeat: Milliseconds;
  readonly codec: Codec;
  readonly #sizeLimit: number;
  readonly #wire: WireChannels;
  readonly #port: BusPort;
  #rejected = 0;

  constructor(options: ResolvedPubSubOptions, wire: WireChannels, port: BusPort) {
    this.nodeName = options.nodeName;
    this.namespace = options.namespace;
    this.heartbeat = options.heartbeat;
    this.codec = codecOf(options.codec);
    this.#sizeLimit = options.maxMessageSize;
    this.#wire = wire;
    this.#port = port;
  }

  get ordered(): boolean {
    return this.#port.ordered;
  }

  get localOnly(): boolean {
    return this.#port.localOnly;
  }

  get noPeersNow(): boolean {
    return this.#port.noPeersNow;
  }

  get status(): PubSubStatus {
    return this.#port.status;
  }

  get maxMessageSize(): number {
    return this.#port.maxMessageSize;
  }

  get trouble(): unknown {
    return this.#port.trouble;
  }

  refusalOf(prefix: string): PubSubError | undefined {
    return this.#port.refusalOf(prefix);
  }

  abandon(prefix: string): void {
    this.#port.abandon(prefix);
  }

  get rejected(): number {
    return this.#rejected;
  }

  listen(channel: string, onMessage: (payload: Uint8Array) => void): Listening {
    const name = this.#nameOf(channel);
    return this.#wire.listen(name, (payload) => {
      // A node has tested whether it may publish again.
      if (payload.length === 0) return;
      if (payload.length <= this.#sizeLimit) onMessage(payload);
      else this.reject(name, "oversized", payload.length);
    });
  }

  publish(channel: string, payload: Uint8Array): Promise<void> {
    return this.#port.publish(this.#nameOf(channel), payload);
  }

  reject(channel: string, reason: string, size: number): void {
    this.#rejected++;
    if (channels.messageRejected.hasSubscribers)
      channels.messageRejected.publish({ pubsub: this.nodeName, channel, reason, size });
  }

  onStatus(fn: (status: PubSubStatus) => void): () => void {
    return this.#port.onStatus(fn);
  }

  #nameOf(channel: string): string {
    return busPrefix(this.namespace) + channel;
  }
}
