import type { Milliseconds } from "../options.js";
import type { BrokerSession, Dial } from "./broker-session.js";
import { asFailure, bufferOf, type RedisConnection, wireName } from "./redis-client.js";
import { Watchdog } from "./redis-watchdog.js";

type Listener = (message: Buffer) => void;

/** Makes a client, asynchronously since node-redis may have to be loaded. @internal */
export type Make<Client> = () => Client | Promise<Client>;

/** A server, and what has to end with a session at it. */
interface Target {
  readonly make: Make<RedisConnection>;
  readonly end: () => void;
}

/** Dials two clients that `make` makes: a client that subscribes can do nothing else. @internal */
export function redisDial(make: Make<RedisConnection>, timeout: Milliseconds): Dial {
  return redisDialTo(() => Promise.resolve({ make, end: () => {} }), timeout);
}

/**
 * The same for a server that has to be found first.
 *
 * @param find as a {@link Dial}, also in how it ends
 * @internal
 */
export function redisDialTo(
  find: (lost: (error: Error) => void, signal: AbortSignal) => Promise<Target>,
  timeout: Milliseconds,
): Dial {
  return async (lost, signal) => {
    const { make, end } = await find(lost, signal);
    let session: RedisSession | undefined;
    const stop = (): void => session?.destroy();
    signal.addEventListener("abort", stop, { once: true });
    try {
      const [publisher, subscriber] = await Promise.all([make(), make()]);
      session = new RedisSession(publisher, subscriber, timeout, lost, end);
      signal.throwIfAborted();
      await session.connect();
      return session;
    } catch (error) {
      if (session === undefined) end();
      else session.destroy();
      throw asFailure(error);
    } finally {
      signal.removeEventListener("abort", stop);
    }
  };
}

/** A publishing and a subscribing client; when one is lost, so is the other. */
class RedisSession implements BrokerSession {
  readonly #publisher: RedisConnection;
  readonly #subscriber: RedisConnection;
  readonly #lost: (error: Error) => void;
  readonly #timeout: Milliseconds;
  readonly #onEnd: () => void;
  readonly #listeners = new Map<string, Listener>();
  /** The clients that have a socket. */
  readonly #dialled = new Set<RedisConnection>();
  #watchdogs: Watchdog[] = [];
  #ended = false;

  constructor(
    publisher: RedisConnection,
    subscriber: RedisConnection,
    timeout: Milliseconds,
    lost: (error: Error) => void,
    onEnd: () => void,
  ) {
    this.#publisher = publisher;
    this.#subscriber = subscriber;
    this.#timeout = timeout;
    this.#lost = lost;
    this.#onEnd = onEnd;
    for (const client of [publisher, subscriber]) {
      client.on("error", (error) => this.#break(asFailure(error)));
      client.on("connect", () => {
        this.#dialled.add(client);
        if (this.#ended) destroyQuietly(client);
      });
    }
  }

  async connect(): Promise<void> {
    const clients = [this.#publisher, this.#subscriber];
    await Promise.all(clients.map((client) => client.connect()));
    // A server that requires a password lets clients of the older protocol connect without one, and
    // then refuses every command.
    await Promise.all(clients.map((client) => client.ping()));
    if (this.#ended) throw new Error("the connection was lost while it was made");
    this.#watchdogs = clients.map(
      (client) =>
        new Watchdog(
          this.#timeout,
          () => client.ping(),
          (error) => this.#break(error),
        ),
    );
  }

  async subscribe(channel: string, onMessage: (payload: Uint8Array) => void): Promise<void> {
    const watchdog = this.#watchdogs[1];
    const listener = (message: Buffer): void => {
      watchdog?.heard();
      // node-redis keeps a listener that is removed before its subscription is confirmed.
      if (this.#listeners.get(channel) === listener) onMessage(message);
    };
    this.#listeners.set(channel, listener);
    try {
      await this.#subscriber.subscribe(wireName(channel), listener, true);
    } catch (error) {
      if (this.#listeners.get(channel) === listener) this.#listeners.delete(channel);
      throw asFailure(error);
    }
  }

  async unsubscribe(channel: string): Promise<void> {
    const listener = this.#listeners.get(channel);
    if (listener === undefined) return;
    this.#listeners.delete(channel);
    await this.#subscriber.unsubscribe(wireName(channel), listener, true);
  }

  async publish(channel: string, payload: Uint8Array): Promise<void> {
    try {
      await this.#publisher.publish(wireName(channel), bufferOf(payload));
    } catch (error) {
      throw asFailure(error);
    }
    this.#watchdogs[0]?.heard();
  }

  async flush(): Promise<void> {
    await this.#publisher.ping();
  }

  destroy(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#onEnd();
    for (const watchdog of this.#watchdogs) watchdog.stop();
    // A client that is destroyed without a socket would still connect: it is destroyed once it has
    // one.
    for (const client of this.#dialled) destroyQuietly(client);
  }

  #break(error: Error): void {
    if (!this.#ended) this.#lost(error);
  }
}

/**
 * Destroys a client. In some versions, one that has never been connected, or has given up, throws.
 *
 * @internal
 */
export function destroyQuietly(client: { destroy(): void }): void {
  try {
    client.destroy();
  } catch {
    // It holds nothing.
  }
}
