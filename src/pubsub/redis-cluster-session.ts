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

/** One connection to each node of a cluster, and one more to those where it subscribes. */
class RedisClusterSession implements BrokerSession {
  readonly #cluster: RedisClusterConnection;
  readonly #client: RedisClusterClient;
  readonly #listeners = new Map<string, Listener>();
  /**
   * The last pending request for each channel: a cluster client does not keep the order of requests
   * itself.
   */
  readonly #pending = new Map<string, Promise<unknown>>();
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
    const listener = (message: Buffer): void => onMessage(message);
    this.#listeners.set(channel, listener);
    return this.#next(channel, async () => {
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
    return this.#next(channel, () => this.#cluster.sUnsubscribe(wireName(channel), listener, true));
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

  async #next(channel: string, work: () => Promise<void>): Promise<void> {
    const before = this.#pending.get(channel);
    const now = before === undefined ? work() : before.then(work, work);
    this.#pending.set(channel, now);
    try {
      await now;
    } finally {
      if (this.#pending.get(channel) === now) this.#pending.delete(channel);
    }
  }
}
