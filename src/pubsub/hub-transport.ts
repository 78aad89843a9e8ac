import type { Transport, TransportEvents } from "./transport.js";
import { setImmediate } from "../timers.js";

/** @internal */
export interface Packet {
  readonly channel: string;
  readonly payload: Uint8Array;
}

/** What a transport uses of its hub. @internal */
export interface Network {
  /** How many nodes are connected, those that are cut off included. */
  readonly size: number;
  /** Calls `mend` unless the node is cut off. */
  join(transport: HubTransport): void;
  leave(transport: HubTransport): void;
  route(from: HubTransport, packet: Packet): void;
}

/** Done in its turn, or refused if the connection is cut first. */
interface Step {
  run(): void;
  refuse(error: Error): void;
}

/** One node's connection to a hub. @internal */
export class HubTransport implements Transport {
  readonly ordered = true;
  readonly nodeName: string;
  readonly #network: Network;
  readonly #subscribed = new Set<string>();
  #events: TransportEvents | undefined;
  #up = false;
  #frozen = false;
  #outgoing: Step[] = [];
  #incoming: Packet[] = [];
  #turn: Promise<void> | undefined;

  constructor(network: Network, nodeName: string) {
    this.#network = network;
    this.nodeName = nodeName;
  }

  get alone(): boolean {
    return this.#network.size === 1;
  }

  async open(events: TransportEvents): Promise<void> {
    await Promise.resolve();
    this.#events = events;
    this.#network.join(this);
    if (!this.#up) events.status("reconnecting");
  }

  subscribe(channel: string): Promise<void> {
    return this.#send(() => this.#subscribed.add(channel));
  }

  async unsubscribe(channel: string): Promise<void> {
    if (this.#up) await this.#send(() => this.#subscribed.delete(channel)).catch(() => {});
  }

  publish(channel: string, payload: Uint8Array): Promise<void> {
    // It rejects if an interceptor throws.
    return this.#send(() => this.#network.route(this, { channel, payload }));
  }

  async close(): Promise<void> {
    await this.#turn;
    this.#network.leave(this);
    this.#events = undefined;
    this.#drop();
  }

  listensTo(channel: string): boolean {
    return this.#subscribed.has(channel);
  }

  arrive(packet: Packet): void {
    this.#incoming.push(packet);
    this.#wake();
  }

  cut(): void {
    if (!this.#up) return;
    this.#drop();
    this.#events?.status("reconnecting", new Error("cut off from the hub"));
  }

  mend(): void {
    if (this.#up || this.#events === undefined) return;
    this.#up = true;
    this.#events.status("connected");
  }

  freeze(): void {
    this.#frozen = true;
  }

  thaw(): void {
    this.#frozen = false;
    this.#wake();
  }

  #drop(): void {
    this.#up = false;
    this.#subscribed.clear();
    this.#incoming = [];
    const outgoing = this.#outgoing;
    this.#outgoing = [];
    for (const step of outgoing) step.refuse(new Error("the connection to the hub is cut"));
  }

  #send(request: () => unknown): Promise<void> {
    if (!this.#up) return Promise.reject(new Error("no connection to the hub"));
    return new Promise((resolve, reject) => {
      const run = (): void => {
        try {
          request();
          resolve();
        } catch (error) {
          reject(error as Error);
        }
      };
      this.#outgoing.push({ run, refuse: reject });
      this.#wake();
    });
  }

  #wake(): void {
    if (this.#frozen || (this.#outgoing.length === 0 && this.#incoming.length === 0)) return;
    this.#turn ??= new Promise((resolve) => {
      setImmediate(() => {
        this.#turn = undefined;
        this.#move();
        resolve();
      });
    });
  }

  #move(): void {
    if (this.#frozen) return;
    const outgoing = this.#outgoing;
    this.#outgoing = [];
    for (const step of outgoing) step.run();
    const incoming = this.#incoming;
    this.#incoming = [];
    for (const { channel, payload } of incoming)
      if (this.listensTo(channel)) this.#events?.message(channel, payload);
  }
}
