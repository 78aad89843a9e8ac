import { OptionError } from "../errors.js";
import { callable, plainName } from "../options.js";
import type { Transport } from "./transport.js";
import { HubTransport, type Network, type Packet } from "./hub-transport.js";

/** A message from one node of a hub to another. */
export interface HubMessage {
  /** The sender's node name. */
  readonly from: string;
  /** The receiver's. */
  readonly to: string;
  /** The channel that it was published on. */
  readonly channel: string;
  /** The encoded message. */
  readonly payload: Uint8Array;
}

/** What happens to a message: it arrives, it is lost, or others arrive in its place. */
export type HubVerdict = "deliver" | "drop" | Uint8Array | readonly Uint8Array[];

/**
 * A broker within the process, for the nodes of a test, or of a program that runs several systems:
 * each `localPubSub` that is given the same hub is a node. It carries encoded bytes, asynchronously
 * and in order. Its methods inject network faults; the nodes they name need not be connected yet.
 */
export interface Hub {
  /**
   * Cuts a node off: its status is `reconnecting`, what it publishes is refused, and it never
   * receives what is sent meanwhile.
   */
  disconnect(nodeName: string): void;
  /** Ends `disconnect`: when the node has its subscriptions again, its status is `connected`. */
  connect(nodeName: string): void;
  /**
   * Freezes a node's connection, as a broker that hangs: what it publishes and what is sent to it
   * waits.
   */
  pause(nodeName: string): void;
  /** Ends `pause`: what waits is delivered, in order. */
  resume(nodeName: string): void;
  /**
   * Has `fn` decide about each message to each other node that is subscribed; several decide in
   * turn, each about what the one before has left. If it throws, the publish is refused. Returns a
   * function that ends this.
   */
  intercept(fn: (message: HubMessage) => HubVerdict): () => void;
}

/** Makes a hub. */
export function createHub(): Hub {
  return new LocalHub();
}

/** @internal */
export class LocalHub implements Hub, Network {
  readonly #transports = new Set<HubTransport>();
  readonly #cut = new Set<string>();
  readonly #paused = new Set<string>();
  readonly #interceptors = new Set<{ readonly decide: (message: HubMessage) => HubVerdict }>();

  /** @throws OptionError */
  static check(hub: unknown): LocalHub {
    if (hub instanceof LocalHub) return hub;
    throw OptionError.invalid("hub", "a hub, as createHub makes it", hub);
  }

  disconnect(nodeName: string): void {
    this.#cut.add(plainName("nodeName", nodeName));
    for (const transport of this.#of(nodeName)) transport.cut();
  }

  connect(nodeName: string): void {
    this.#cut.delete(plainName("nodeName", nodeName));
    for (const transport of this.#of(nodeName)) transport.mend();
  }

  pause(nodeName: string): void {
    this.#paused.add(plainName("nodeName", nodeName));
    for (const transport of this.#of(nodeName)) transport.freeze();
  }

  resume(nodeName: string): void {
    this.#paused.delete(plainName("nodeName", nodeName));
    for (const transport of this.#of(nodeName)) transport.thaw();
  }

  intercept(fn: (message: HubMessage) => HubVerdict): () => void {
    const interceptor = { decide: callable("fn", fn) };
    this.#interceptors.add(interceptor);
    return () => void this.#interceptors.delete(interceptor);
  }

  get size(): number {
    return this.#transports.size;
  }

  transport(nodeName: string): Transport {
    return new HubTransport(this, nodeName);
  }

  join(transport: HubTransport): void {
    this.#transports.add(transport);
    if (this.#paused.has(transport.nodeName)) transport.freeze();
    if (!this.#cut.has(transport.nodeName)) transport.mend();
  }

  leave(transport: HubTransport): void {
    this.#transports.delete(transport);
  }

  route(from: HubTransport, { channel, payload }: Packet): void {
    for (const to of this.#transports) {
      if (!to.listensTo(channel)) continue;
      const payloads =
        to === from ? [payload] : this.#decide(from.nodeName, to.nodeName, channel, payload);
      for (const bytes of payloads) to.arrive({ channel, payload: bytes.slice() });
    }
  }

  #decide(from: string, to: string, channel: string, payload: Uint8Array): readonly Uint8Array[] {
    if (this.#interceptors.size === 0) return [payload];
    // A copy, since an interceptor may write to it.
    let payloads: readonly Uint8Array[] = [payload.slice()];
    for (const { decide } of this.#interceptors) {
      payloads = payloads.flatMap((bytes) => {
        const verdict = decide({ from, to, channel, payload: bytes });
        if (verdict === "deliver") return [bytes];
        if (verdict === "drop") return [];
        if (verdict instanceof Uint8Array) return [verdict];
        if (Array.isArray(verdict)) return verdict as readonly Uint8Array[];
        throw OptionError.invalid("verdict", '"deliver", "drop", a Uint8Array or several', verdict);
      });
    }
    return payloads;
  }

  #of(nodeName: string): HubTransport[] {
    return [...this.#transports].filter((transport) => transport.nodeName === nodeName);
  }
}
