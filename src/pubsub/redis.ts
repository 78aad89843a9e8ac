import { boolean, type Milliseconds, positiveMilliseconds } from "../options.js";
import type { Dial } from "./broker-session.js";
import { BrokerTransport, type BrokerTransportOptions } from "./broker-transport.js";
import { createPubSub } from "./create-pubsub.js";
import { commonPubSubOptions } from "./pubsub-options.js";
import {
  loadRedis,
  type RedisClientLike,
  type RedisOptions,
  type RedisRootNode,
  type RedisSentinel,
} from "./redis-client.js";
import { redisClusterDial } from "./redis-cluster-session.js";
import { clusterAt, delayOf, onlyOneOf, serverAt } from "./redis-place.js";
import { redisDial } from "./redis-session.js";
import type { PubSub, PubSubOptions } from "./types.js";

/**
 * Options of {@link redisPubSub}: exactly one of `url`, `client`, `sentinel` and `rootNodes` is
 * given.
 */
export interface RedisPubSubOptions extends PubSubOptions {
  /**
   * Where the server is: `redis://[user:password@]host[:port][/database]`, `rediss:` for TLS, or
   * `unix:///path[?db=database]`. User and password are percent-encoded.
   */
  url?: string;
  /**
   * A client of node-redis: of `createClient`, from its version 6 on of `createSentinel`, or with
   * `sharded` of `createCluster`. It is copied: neither put in subscriber mode nor closed, nor need
   * it be connected.
   */
  client?: RedisClientLike;
  /**
   * The master that Sentinels watch. After a fail-over the pubsub connects to the new one; gaps
   * report what was lost meanwhile.
   */
  sentinel?: RedisSentinel;
  /**
   * With `sharded`: some nodes of the cluster, from which the others are discovered. TLS and
   * credentials in their URLs apply to all nodes.
   */
  rootNodes?: readonly RedisRootNode[];
  /**
   * Further options of the clients, e.g. TLS and credentials; not with `client` and `sentinel`,
   * which have their own. Of a `socket.reconnectStrategy` only the delays are used: when it gives
   * up, the pubsub reconnects all the same.
   */
  options?: RedisOptions;
  /**
   * Sharded pub/sub of a Redis Cluster (Redis 7): messages go through the nodes that own their
   * channels, not through all. Default false.
   */
  sharded?: boolean;
  /**
   * Milliseconds after which an attempt to connect fails, and a silent server counts as lost.
   * Default 3000.
   */
  connectionTimeout?: Milliseconds;
}

const names = [
  "url",
  "client",
  "sentinel",
  "rootNodes",
  "options",
  "sharded",
  "connectionTimeout",
] as const;

/**
 * A {@link PubSub} over Redis, by the package `redis` (node-redis). It is loaded when the pubsub
 * first connects; where it is not installed, the start fails and says so.
 *
 * Each pubsub has two connections, one to publish and one to subscribe; with `sharded`, up to two
 * to each node. When one is lost, new ones are made, after 25 to 50 ms at first and 1 to 2 s at
 * most, for as long as it takes. Redis stores nothing for nodes that are disconnected.
 *
 * @throws {@link OptionError}
 */
export function redisPubSub(options: RedisPubSubOptions): PubSub {
  const common = commonPubSubOptions("redisPubSub", options, names);
  const settings = resolveRedis(options);
  return createPubSub(({ random }) => new BrokerTransport({ ...settings, random }), common);
}

/** How to reach the server, the options checked. @internal */
export function resolveRedis(options: RedisPubSubOptions): BrokerTransportOptions {
  const timeout = positiveMilliseconds("connectionTimeout", options.connectionTimeout ?? 3000);
  const sharded = boolean("sharded", options.sharded ?? false);
  const dial = sharded ? shardedDial(options, timeout) : plainDial(options, timeout);
  return { ordered: !sharded, timeout, dial, load: loadRedis, delay: delayOf(options) };
}

const what = "redisPubSub";

function plainDial(options: RedisPubSubOptions, timeout: Milliseconds): Dial {
  onlyOneOf(what, options, ["url", "client", "sentinel"]);
  return redisDial(serverAt(options, { what, timeout }), timeout);
}

function shardedDial(options: RedisPubSubOptions, timeout: Milliseconds): Dial {
  onlyOneOf(what, options, ["url", "client", "rootNodes"]);
  return redisClusterDial(clusterAt(options, { what, timeout }), timeout);
}
