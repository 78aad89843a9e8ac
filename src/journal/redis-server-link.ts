import type { Milliseconds } from "../options.js";
import { type Dial, toError } from "../pubsub/broker-session.js";
import {
  asBuffers,
  type RedisArguments,
  type RedisConnection,
  type RedisNodeConnection,
  wireName,
} from "../pubsub/redis-client.js";
import type { RedisClients } from "../pubsub/redis-clients.js";
import { type FindTarget, redisDialTo } from "../pubsub/redis-session.js";
import type { RedisKeys } from "./redis-keys.js";
import type { BlockingReads, RedisLink } from "./redis-link.js";
import { checkPermissions, checkServer } from "./redis-server-checks.js";

/** Dials one server. @internal */
export function serverDial(
  find: FindTarget,
  timeout: Milliseconds,
  keys: RedisKeys,
): Dial<RedisLink> {
  return redisDialTo(
    find,
    3,
    timeout,
    (clients, commands, reader, subscriber) =>
      new ServerLink(
        clients,
        commands as RedisConnection,
        reader as RedisConnection,
        subscriber as RedisConnection,
        timeout,
        keys,
      ),
  );
}

/**
 * Three clients of one server: for commands, for reads that wait, for subscriptions. No command has
 * a timeout of its own: a ping behind it is answered in time or the connection is lost.
 */
class ServerLink implements RedisLink, BlockingReads {
  readonly block: Milliseconds;
  canInterrupt = true;
  readonly #clients: RedisClients;
  readonly #commands: RedisConnection;
  readonly #reader: RedisConnection;
  readonly #subscriber: RedisConnection;
  readonly #listeners = new Map<string, () => void>();
  readonly #keys: RedisKeys;
  #readerId = "";
  /** The read that waits. */
  #pending: Promise<unknown> | undefined;

  constructor(
    clients: RedisClients,
    commands: RedisConnection,
    reader: RedisConnection,
    subscriber: RedisConnection,
    timeout: Milliseconds,
    keys: RedisKeys,
  ) {
    this.#clients = clients;
    this.#commands = commands;
    this.#reader = reader;
    this.#subscriber = subscriber;
    this.#keys = keys;
    // A read that waits is answered three times within the timeout, or its connection is lost.
    this.block = Math.max(1, Math.floor(timeout / 3));
  }

  get reading(): BlockingReads {
    return this;
  }

  async connect(): Promise<void> {
    const answered = (): Promise<unknown> => {
      const reading = this.#pending ?? this.#reader.ping();
      // An error is an answer; a lost connection reports itself.
      return reading.then(
        () => {},
        () => {},
      );
    };
    await this.#clients.connect(new Map([[this.#reader, answered]]));
    await checkServer(this.#commands, "standalone");
    await checkPermissions(this, this.#keys);
    this.#readerId = String(await this.#reader.sendCommand(["CLIENT", "ID"]).catch(() => ""));
    await this.interrupt();
  }

  async send(_key: string, args: RedisArguments, buffers = false): Promise<unknown> {
    try {
      const reply = await this.#commands.sendCommand(args, buffers ? asBuffers : undefined);
      this.#clients.heard(0);
      return reply;
    } catch (error) {
      // It has been demoted: the address may lead to the new master by now.
      if (toError(error).message.includes("READONLY You can't write"))
        this.#clients.break(toError(error));
      throw error;
    }
  }

  read(args: RedisArguments): Promise<unknown> {
    const read = this.#reader.sendCommand(args, asBuffers).finally(() => {
      if (this.#pending === read) this.#pending = undefined;
    });
    this.#pending = read;
    return read;
  }

  async interrupt(): Promise<void> {
    try {
      await this.#commands.sendCommand(["CLIENT", "UNBLOCK", this.#readerId]);
    } catch {
      this.canInterrupt = false;
    }
  }

  async subscribe(channel: string, onMessage: () => void): Promise<void> {
    const listener = (): void => {
      this.#clients.heard(2);
      onMessage();
    };
    this.#listeners.set(channel, listener);
    await this.#subscriber.subscribe(wireName(channel), listener, true);
  }

  async unsubscribe(channel: string): Promise<void> {
    const listener = this.#listeners.get(channel);
    if (listener === undefined) return;
    this.#listeners.delete(channel);
    await this.#subscriber.unsubscribe(wireName(channel), listener, true);
  }

  servers(): readonly RedisNodeConnection[] {
    return [this.#commands];
  }

  destroy(): void {
    this.#clients.destroy();
  }
}
