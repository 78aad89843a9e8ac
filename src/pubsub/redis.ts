import { OptionError } from "../errors.js";
import { boolean, type Milliseconds, nonEmptyString, positiveMilliseconds } from "../options.js";
import type { Dial } from "./broker-session.js";
import { BrokerTransport, type BrokerTransportOptions, backoff } from "./broker-transport.js";
import { createPubSub } from "./create-pubsub.js";
import { commonPubSubOptions } from "./pubsub-options.js";
import {
  copyOf,
  copyOfCluster,
  newClient,
  newCluster,
  type RedisClientLike,
  type RedisOptions,
  type RedisRootNode,
} from "./redis-client.js";
import { redisClusterDial } from "./redis-cluster-session.js";
import { redisDial } from "./redis-session.js";
import type { PubSub, PubSubOptions } from "./types.js";

/** What {@link redisPubSub} is made with: exactly one of `url`, `client` and `rootNodes`. */
export interface RedisPubSubOptions extends PubSubOptions {
  /** Where the server is, as `redis://user:password@host:port`; `rediss:` for TLS. */
  url?: string;
  /** A client of node-redis, or with `sharded` one of `createCluster`. It is copied: neither put in subscriber mode nor closed, nor need it be connected. */
  client?: RedisClientLike;
  /** With `sharded`: some nodes of the cluster, to learn the others from. */
  rootNodes?: readonly RedisRootNode[];
  /**
   * What else the clients are made with, e.g. TLS and credentials; not with `client`, which has its own. Of a `socket.reconnectStrategy` the delays
   * count; when it gives up, it is tried on all the same.
   */
  options?: RedisOptions;
  /** Sharded pub/sub of a Redis Cluster (Redis 7): messages go through the nodes that own their channels, not through all. Default false. */
  sharded?: boolean;
  /** Milliseconds that an attempt to connect may take, and after which a server that says nothing is given up. Default 3000. */
  connectionTimeout?: Milliseconds;
}

const names = ["url", "client", "rootNodes", "options", "sharded", "connectionTimeout"] as const;

/**
 * A {@link PubSub} over Redis, by the package `redis` (node-redis).
 *
 * Each pubsub has two connections, one to publish and one to subscribe; with `sharded`, up to two to each node. When one is lost, new ones are made,
 * after 25 to 50 ms at first and 1 to 2 s at most, for as long as it takes. Redis keeps nothing for those who are away.
 *
 * @throws {@link OptionError}
 */
export function redisPubSub(options: RedisPubSubOptions): PubSub {
  const common = commonPubSubOptions("redisPubSub", options, names);
  const settings = resolveRedis(options);
  return createPubSub(() => new BrokerTransport(settings), common);
}

/** How to reach the server, the options checked. @internal */
export function resolveRedis(options: RedisPubSubOptions): BrokerTransportOptions {
  const timeout = positiveMilliseconds("connectionTimeout", options.connectionTimeout ?? 3000);
  const sharded = boolean("sharded", options.sharded ?? false);
  const dial = sharded ? shardedDial(options, timeout) : plainDial(options, timeout);
  return { ordered: !sharded, timeout, dial, delay: delayOf(options.options) };
}

function plainDial(options: RedisPubSubOptions, timeout: Milliseconds): Dial {
  onlyOneOf(options, ["url", "client"]);
  if (options.client !== undefined) {
    const client = checkClient(options);
    return redisDial(() => copyOf(client), timeout);
  }
  const url = checkUrl(options.url);
  const clientOptions = checkOptions(options.options);
  return redisDial(() => newClient(url, clientOptions), timeout);
}

function shardedDial(options: RedisPubSubOptions, timeout: Milliseconds): Dial {
  onlyOneOf(options, ["url", "client", "rootNodes"]);
  if (options.client !== undefined) {
    const client = checkClient(options);
    if (!("masters" in client))
      throw OptionError.invalid("client", "a client of a cluster (createCluster)", client);
    return redisClusterDial(() => copyOfCluster(client, timeout), timeout);
  }
  const clientOptions = checkOptions(options.options);
  if (options.rootNodes !== undefined) {
    const { rootNodes } = options;
    if (!Array.isArray(rootNodes) || rootNodes.length === 0)
      throw OptionError.invalid("rootNodes", "a non-empty array of nodes", rootNodes);
    return redisClusterDial(() => newCluster(rootNodes, clientOptions, timeout), timeout);
  }
  const url = checkUrl(options.url);
  return redisClusterDial(
    () => newCluster([{ url }], { ...inUrl(url), ...clientOptions }, timeout),
    timeout,
  );
}

function onlyOneOf(
  options: RedisPubSubOptions,
  among: readonly ("url" | "client" | "rootNodes")[],
): void {
  const possible = ["url", "client", "rootNodes"] as const;
  const given = possible.filter((name) => options[name] !== undefined);
  const [first] = given;
  if (given.length === 1 && first !== undefined && among.includes(first)) return;
  throw new OptionError(
    given.find((name) => !among.includes(name)) ?? given[1] ?? "url",
    `redisPubSub takes exactly one of ${among.join(", ")}, got: ${given.join(", ") || "none"}${
      among.includes("rootNodes") ? "" : " (rootNodes: with sharded only)"
    }`,
  );
}

function checkClient(options: RedisPubSubOptions): RedisClientLike {
  const client: unknown = options.client;
  if (
    typeof client !== "object" ||
    client === null ||
    typeof Reflect.get(client, "duplicate") !== "function"
  )
    throw OptionError.invalid("client", "a client of node-redis", client);
  if (options.options !== undefined)
    throw new OptionError(
      "options",
      `"options" go with "url", not with "client", which has its own`,
    );
  return client as RedisClientLike;
}

function checkUrl(value: unknown): string {
  const url = nonEmptyString("url", value);
  if (!/^(?:rediss?|unix):/.test(url) || (!url.startsWith("unix:") && !URL.canParse(url)))
    throw new OptionError(
      "url",
      `invalid value for option "url": expected redis:, rediss: or unix:`,
    );
  return url;
}

function checkOptions(value: unknown): RedisOptions {
  if (value === undefined) return {};
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw OptionError.invalid("options", "an object (the options of createClient)", value);
  for (const name of ["url", "disableOfflineQueue"])
    if (name in value) throw new OptionError(name, `"options" can't have "${name}"`);
  return value;
}

/** What of a URL counts for all nodes of its cluster. */
function inUrl(text: string): RedisOptions {
  const { protocol, username, password } = new URL(text);
  return {
    ...(username === "" ? {} : { username: decodeURIComponent(username) }),
    ...(password === "" ? {} : { password: decodeURIComponent(password) }),
    ...(protocol === "rediss:" ? { socket: { tls: true } } : {}),
  };
}

function delayOf(
  options: RedisOptions | undefined,
): (failures: number, error: Error) => Milliseconds {
  const strategy = options?.socket?.reconnectStrategy;
  return (failures, error) => {
    const wish = typeof strategy === "function" ? strategy(failures, error) : strategy;
    return typeof wish === "number" ? wish : backoff(failures);
  };
}
