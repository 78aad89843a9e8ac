import type { Milliseconds } from "../options.js";
import type { Dial } from "../pubsub/broker-session.js";
import {
  asBuffers,
  type RedisArguments,
  type RedisClusterConnection,
  type RedisNodeConnection,
  wireName,
} from "../pubsub/redis-client.js";
import { dialWith, type Make, RedisClusterClient } from "../pubsub/redis-clients.js";
import type { RedisKeys } from "./redis-keys.js";
import { asCommandFailure, type RedisLink } from "./redis-link.js";
import { checkPermissions, checkServer } from "./redis-server-checks.js";

/** Dials a cluster. @internal */
export function clusterDial(
  make: Make<RedisClusterConnection>,
  timeout: Milliseconds,
  keys: RedisKeys,
): Dial<RedisLink> {
  return dialWith(async (lost) => {
    const cluster = await make();
    return new ClusterLink(cluster, timeout, lost, keys);
  });
}

/** A client of each node of a cluster, and one that subscribes at one of them. */
class ClusterLink implements RedisLink {
  readonly reading = undefined;
  readonly #cluster: RedisClusterConnection;
  readonly #client: RedisClusterClient;
  readonly #listeners = new Map<string, () => void>();
  readonly #keys: RedisKeys;
  #pings = 0;

  constructor(
    cluster: RedisClusterConnection,
    timeout: Milliseconds,
    lost: (error: Error) => void,
    keys: RedisKeys,
  ) {
    this.#cluster = cluster;
    this.#client = new RedisClusterClient(cluster, timeout, lost, () => this.#pingSubscriber());
    this.#keys = keys;
  }

  async connect(): Promise<void> {
    await this.#client.connect();
    await Promise.all(this.servers().map((server) => checkServer(server, "cluster")));
    await checkPermissions(this, this.#keys);
  }

  send(key: string, args: RedisArguments, buffers = false): Promise<unknown> {
    return this.#cluster.sendCommand(key, false, args, buffers ? asBuffers : undefined);
  }

  async subscribe(channel: string, onMessage: () => void): Promise<void> {
    const listener = (): void => onMessage();
    this.#listeners.set(channel, listener);
    await this.#cluster.subscribe(wireName(channel), listener, true);
  }

  async unsubscribe(channel: string): Promise<void> {
    const listener = this.#listeners.get(channel);
    if (listener === undefined) return;
    this.#listeners.delete(channel);
    await this.#cluster.unsubscribe(wireName(channel), listener, true);
  }

  /** The client that subscribes is none of those of the masters, and takes no pings. */
  async #pingSubscriber(): Promise<void> {
    const channel = `${this.#keys.probe}:${++this.#pings}`;
    const listener = (): void => {};
    try {
      await this.#cluster.subscribe(channel, listener, true);
      await this.#cluster.unsubscribe(channel, listener, true);
    } catch (error) {
      throw asCommandFailure(error, "SUBSCRIBE");
    }
  }

  servers(): readonly RedisNodeConnection[] {
    return this.#cluster.masters.flatMap(({ client }) => client ?? []);
  }

  destroy(): void {
    this.#client.destroy();
  }
}
