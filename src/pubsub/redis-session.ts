import type { Milliseconds } from "../options.js";
import type { BrokerSession, Dial } from "./broker-session.js";
import { asFailure, bufferOf, type RedisConnection, wireName } from "./redis-client.js";
import { dialWith, type Make, RedisClients } from "./redis-clients.js";

type Listener = (message: Buffer) => void;

/** A server, and what has to end with a session at it. @internal */
export interface RedisTarget {
  readonly make: Make<RedisConnection>;
  readonly end: () => void;
}

/** Finds the server, as a {@link Dial}, also in how it ends. @internal */
export type FindTarget = (
  lost: (error: Error) => void,
  signal: AbortSignal,
) => Promise<RedisTarget>;

/** A server that is known. @internal */
export const atServer =
  (make: Make<RedisConnection>): FindTarget =>
  () =>
    Promise.resolve({ make, end: () => {} });

/**
 * Dials a server with several clients.
 *
 * @param open makes a session of them, which is not connected yet
 * @internal
 */
export function redisDialTo<S extends { connect(): Promise<void>; destroy(error: Error): void }>(
  find: FindTarget,
  count: number,
  timeout: Milliseconds,
  open: (clients: RedisClients, ...all: RedisConnection[]) => S,
): Dial<S> {
  return dialWith(async (lost, signal) => {
    const { make, end } = await find(lost, signal);
    try {
      const all = await Promise.all(Array.from({ length: count }, async () => make()));
      return open(new RedisClients(all, timeout, lost, end), ...all);
    } catch (error) {
      end();
      throw error;
    }
  });
}

/** Dials a publishing and a subscribing client: one that subscribes can do nothing else. @internal */
export function redisDial(find: FindTarget, timeout: Milliseconds): Dial {
  return redisDialTo(
    find,
    2,
    timeout,
    (clients, publisher, subscriber) =>
      new RedisSession(clients, publisher as RedisConnection, subscriber as RedisConnection),
  );
}

class RedisSession implements BrokerSession {
  readonly #clients: RedisClients;
  readonly #publisher: RedisConnection;
  readonly #subscriber: RedisConnection;
  readonly #listeners = new Map<string, Listener>();

  constructor(clients: RedisClients, publisher: RedisConnection, subscriber: RedisConnection) {
    this.#clients = clients;
    this.#publisher = publisher;
    this.#subscriber = subscriber;
  }

  connect(): Promise<void> {
    return this.#clients.connect();
  }

  async subscribe(channel: string, onMessage: (payload: Uint8Array) => void): Promise<void> {
    const listener = (message: Buffer): void => {
      this.#clients.heard(1);
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
    this.#clients.heard(0);
  }

  async flush(): Promise<void> {
    await this.#publisher.ping();
  }

  destroy(): void {
    this.#clients.destroy();
  }
}
