import type { Milliseconds } from "../options.js";
import type { BrokerSession, Dial } from "./broker-session.js";
import { asFailure, bufferOf, type RedisClusterConnection, wireName } from "./redis-client.js";
import { destroyQuietly, type Make } from "./redis-session.js";
import { Watchdog } from "./redis-watchdog.js";

type Listener = (message: Buffer) => void;

/** Dials a cluster client that `make` makes, for sharded pub/sub. @internal */
export function redisClusterDial(make: Make<RedisClusterConnection>, timeout: Milliseconds): Dial {
  return async (lost, signal) => {
    let session: RedisClusterSession | undefined;
    const stop = (): void => session?.destroy();
    signal.addEventListener("abort", stop, { once: true });
    try {
      const cluster = await make();
      signal.throwIfAborted();
      session = new RedisClusterSession(cluster, timeout, lost);
      await session.connect();
      return session;
    } catch (error) {
      const failure = session?.trouble ?? error;
      session?.destroy();
      throw asFailure(failure);
    } finally {
      signal.removeEventListener("abort", stop);
    }
  };
}

const losses = ["error", "node-error", "sharded-channel-moved-error"] as const;

/**
 * One connection to each node of a cluster, and one more to those where it subscribes; when one is
 * lost, so are the others.
 */
class RedisClusterSession implements BrokerSession {
  readonly #cluster: RedisClusterConnection;
  readonly #lost: (error: Error) => void;
  readonly #timeout: Milliseconds;
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
  #watchdog: Watchdog | undefined;
  #connecting: Promise<unknown> | undefined;
  #connected = false;
  #ended = false;
  /** A node's error, of which the cluster client says only that no node could be reached. */
  trouble: unknown;

  constructor(
    cluster: RedisClusterConnection,
    timeout: Milliseconds,
    lost: (error: Error) => void,
  ) {
    this.#cluster = cluster;
    this.#timeout = timeout;
    this.#lost = lost;
    for (const event of losses)
      cluster.on(event, (error) => {
        this.trouble ??= error;
        // While it connects, it tries one node after the other.
        if (this.#connected) this.#break(asFailure(error));
      });
  }

  async connect(): Promise<void> {
    this.#connecting = this.#cluster.connect();
    await this.#connecting;
    await this.#ping();
    if (this.#ended) throw new Error("the connection was lost while it was made");
    this.trouble = undefined;
    this.#connected = true;
    this.#watchdog = new Watchdog(
      this.#timeout,
      () => this.#ping(),
      (error) => this.#break(error),
    );
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
    if (this.#ended) return;
    this.#ended = true;
    this.#watchdog?.stop();
    // A connection that is being made would stay; each has a timeout.
    const end = (): void => destroyQuietly(this.#cluster);
    if (this.#connected || this.#connecting === undefined) end();
    else this.#connecting.then(end, end);
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

  async #ping(): Promise<void> {
    const clients = this.#cluster.masters.flatMap(({ client, pubSub }) => [client, pubSub?.client]);
    const connected = clients.filter((client) => client !== undefined);
    await Promise.all(connected.map((client) => client.ping()));
  }

  #break(error: Error): void {
    if (!this.#ended) this.#lost(error);
  }
}
