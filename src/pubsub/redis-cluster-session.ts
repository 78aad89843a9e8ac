import type { Milliseconds } from "../options.js";
import type { BrokerSession, Dial } from "./broker-session.js";
import { asFailure, bufferOf, type RedisClusterConnection, wireName } from "./redis-client.js";
import { dialWith, type Make, RedisClusterClient } from "./redis-clients.js";

type Listener = (message: Buffer) => void;

/** Dials a cluster client that `make` makes, for sharded pub/sub. @internal */
export function redisClusterDial(make: Make<RedisClusterConnection>, timeout: Milliseconds): Dial {
  return dialWith(async (lost) => {
    const cluster = await make();
    return new RedisClusterSession(cluster, new RedisClusterClient(cluster, timeout, lost));
  });
}

const resolved: Promise<unknown> = Promise.resolve();

/**
 * The newest requests of one kind in a row, which run together; those of the other kind before and
 * behind them do not. A cluster client does not keep the order of requests, and it closes its
 * subscribing connection to a node with the last subscription there, where a subscribe of the same
 * moment would never settle.
 */
interface Requests {
  readonly kind: "subscribe" | "unsubscribe";
  /** Settles when those before them have settled. */
  readonly before: Promise<unknown>;
  /** Settles when they have settled. */
  readonly settled: Promise<unknown>;
}

/** One connection to each node of a cluster, and one more to those where it subscribes. */
class RedisClusterSession implements BrokerSession {
  readonly #cluster: RedisClusterConnection;
  readonly #client: RedisClusterClient;
  readonly #listeners = new Map<string, Listener>();
  #requests: Requests = { kind: "subscribe", before: resolved, settled: resolved };
  /**
   * They are not sent in the order of the calls, so that an answered ping does not show that they
   * have been sent.
   */
  readonly #publishing = new Set<Promise<unknown>>();

  constructor(cluster: RedisClusterConnection, client: RedisClusterClient) {
    this.#cluster = cluster;
    this.#client = client;
  }

  connect(): Promise<void> {
    return this.#client.connect();
  }

  subscribe(channel: string, onMessage: (payload: Uint8Array) => void): Promise<void> {
    const listener = (message: Buffer): void => {
      // What arrives for a subscription that is ending must not be taken for a message of a later
      // one of the same channel, which does not stand yet.
      if (this.#listeners.get(channel) === listener) onMessage(message);
    };
    this.#listeners.set(channel, listener);
    return this.#request("subscribe", async () => {
      try {
        await this.#cluster.sSubscribe(wireName(channel), listener, true);
      } catch (error) {
        if (this.#listeners.get(channel) === listener) this.#listeners.delete(channel);
        throw asFailure(error);
      }
    });
  }

  unsubscribe(channel: string): Promise<void> {
    const listener = this.#listeners.get(channel);
    if (listener === undefined) return Promise.resolve();
    this.#listeners.delete(channel);
    return this.#request("unsubscribe", () =>
      this.#cluster.sUnsubscribe(wireName(channel), listener, true),
    );
  }

  async publish(channel: string, payload: Uint8Array): Promise<void> {
    const published = this.#cluster.sPublish(wireName(channel), bufferOf(payload));
    this.#publishing.add(published);
    try {
      await published;
    } catch (error) {
      throw asFailure(error);
    } finally {
      this.#publishing.delete(published);
    }
  }

  async flush(): Promise<void> {
    await Promise.allSettled(this.#publishing);
  }

  destroy(): void {
    this.#client.destroy();
  }

  #request(kind: Requests["kind"], work: () => Promise<void>): Promise<void> {
    const { kind: last, before, settled } = this.#requests;
    const start = last === kind ? before : settled;
    const now = start.then(work);
    const all = last === kind ? [settled, now] : [now];
    this.#requests = { kind, before: start, settled: Promise.allSettled(all) };
    return now;
  }
}
