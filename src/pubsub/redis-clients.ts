import type { Milliseconds } from "../options.js";
import { type Dial, type Session, toError } from "./broker-session.js";
import {
  asFailure,
  type RedisClusterConnection,
  type RedisConnection,
  type RedisSubscriberConnection,
} from "./redis-client.js";
import { Watchdog } from "./redis-watchdog.js";

/** Makes a client, asynchronously since node-redis may have to be loaded. @internal */
export type Make<Client> = () => Client | Promise<Client>;

/** Makes a session that is not connected yet. @internal */
export type MakeSession<S> = (lost: (error: Error) => void, signal: AbortSignal) => Promise<S>;

/** Connects what `make` makes, as a {@link Dial}. @internal */
export function dialWith<S extends Session & { connect(): Promise<void> }>(
  make: MakeSession<S>,
): Dial<S> {
  return async (lost, signal) => {
    let session: S | undefined;
    const stop = (): void => session?.destroy(toError(signal.reason));
    signal.addEventListener("abort", stop, { once: true });
    try {
      session = await make(lost, signal);
      signal.throwIfAborted();
      await session.connect();
      return session;
    } catch (error) {
      session?.destroy(toError(error));
      throw asFailure(error);
    } finally {
      signal.removeEventListener("abort", stop);
    }
  };
}

/** Some clients of one server: when one is lost, so are the others. @internal */
export class RedisClients {
  readonly #clients: readonly RedisConnection[];
  readonly #timeout: Milliseconds;
  readonly #lost: (error: Error) => void;
  readonly #onEnd: () => void;
  /** The clients that have a socket. */
  readonly #dialled = new Set<RedisConnection>();
  #watchdogs: Watchdog[] = [];
  #ended = false;

  /** @param onEnd called once, when they are destroyed */
  constructor(
    clients: readonly RedisConnection[],
    timeout: Milliseconds,
    lost: (error: Error) => void,
    onEnd: () => void,
  ) {
    this.#clients = clients;
    this.#timeout = timeout;
    this.#lost = lost;
    this.#onEnd = onEnd;
    for (const client of clients) {
      client.on("error", (error) => this.break(asFailure(error)));
      client.on("connect", () => {
        this.#dialled.add(client);
        if (this.#ended) destroyQuietly(client);
      });
    }
  }

  get ended(): boolean {
    return this.#ended;
  }

  /**
   * @param pings how to find out whether the server still answers a client; default: by a ping
   */
  async connect(pings: ReadonlyMap<RedisConnection, () => Promise<unknown>> = new Map()) {
    await Promise.all(this.#clients.map((client) => client.connect()));
    // A server that requires a password lets clients of the older protocol connect without one, and
    // then refuses every command.
    await Promise.all(this.#clients.map((client) => client.ping()));
    if (this.#ended) throw new Error("the connection was lost while it was made");
    this.#watchdogs = this.#clients.map(
      (client) =>
        new Watchdog(this.#timeout, pings.get(client) ?? (() => client.ping()), (error) =>
          this.break(error),
        ),
    );
  }

  /** Something was received by the client of that index. */
  heard(index: number): void {
    this.#watchdogs[index]?.heard();
  }

  break(error: Error): void {
    if (!this.#ended) this.#lost(error);
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
}

const losses = ["error", "node-error", "sharded-channel-moved-error"] as const;

/** A cluster client: when a connection to one of its nodes is lost, so are the others. @internal */
export class RedisClusterClient {
  readonly #cluster: RedisClusterConnection;
  readonly #lost: (error: Error) => void;
  readonly #timeout: Milliseconds;
  #watchdog: Watchdog | undefined;
  #connecting: Promise<unknown> | undefined;
  #connected = false;
  #ended = false;
  /** A node's error, of which the cluster client says only that no node could be reached. */
  #trouble: unknown;
  readonly #alsoPing: (() => Promise<unknown>) | undefined;

  /** @param alsoPing asks what is no client of a master */
  constructor(
    cluster: RedisClusterConnection,
    timeout: Milliseconds,
    lost: (error: Error) => void,
    alsoPing?: () => Promise<unknown>,
  ) {
    this.#alsoPing = alsoPing;
    this.#cluster = cluster;
    this.#timeout = timeout;
    this.#lost = lost;
    for (const event of losses)
      cluster.on(event, (error) => {
        this.#trouble ??= error;
        // While it connects, it tries one node after the other.
        if (this.#connected && !this.#ended) this.#lost(asFailure(error));
      });
  }

  async connect(): Promise<void> {
    try {
      this.#connecting = this.#cluster.connect();
      await this.#connecting;
      await this.#ping();
    } catch (error) {
      throw asFailure(this.#trouble ?? error);
    }
    if (this.#ended) throw new Error("the connection was lost while it was made");
    this.#connected = true;
    this.#watchdog = new Watchdog(
      this.#timeout,
      () => this.#ping(),
      (error) => {
        if (!this.#ended) this.#lost(error);
      },
    );
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

  async #ping(): Promise<void> {
    const pings = this.#cluster.masters.map(async ({ client, pubSub }) => {
      await Promise.all([client?.ping(), this.#pingSubscriber(pubSub?.client)]);
    });
    await Promise.all([...pings, this.#alsoPing?.()]);
  }

  /** The cluster client opens and closes the connections that subscribe as they are needed. */
  async #pingSubscriber(subscriber: RedisSubscriberConnection | undefined): Promise<void> {
    if (subscriber?.isReady !== true) return;
    try {
      await subscriber.ping();
    } catch (error) {
      if (this.#cluster.masters.some(({ pubSub }) => pubSub?.client === subscriber)) throw error;
    }
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
