import { OptionError } from "../errors.js";
import { boolean, type Milliseconds, positiveMilliseconds } from "../options.js";
import {
  type RedisAddress,
  redisAddress,
  type Refuse,
  refuseOption,
  shownKind,
} from "./broker-address.js";
import type { Dial } from "./broker-session.js";
import { BrokerTransport, type BrokerTransportOptions } from "./broker-transport.js";
import { createPubSub } from "./create-pubsub.js";
import { commonPubSubOptions } from "./pubsub-options.js";
import {
  copyOf,
  copyOfCluster,
  loadRedis,
  newClient,
  newCluster,
  optionsOf,
  type RedisClientLike,
  type RedisOptions,
  type RedisRootNode,
  type RedisSentinel,
} from "./redis-client.js";
import { reconnectDelay } from "./reconnector.js";
import { redisClusterDial } from "./redis-cluster-session.js";
import { redisSentinelDial } from "./redis-sentinel.js";
import { checkSentinel, isOfSentinel, sentinelOf } from "./redis-sentinel-options.js";
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
  const delay = delayOf(options.sentinel?.nodeClientOptions ?? options.options);
  return { ordered: !sharded, timeout, dial, load: loadRedis, delay };
}

function plainDial(options: RedisPubSubOptions, timeout: Milliseconds): Dial {
  onlyOneOf(options, ["url", "client", "sentinel"]);
  if (options.sentinel !== undefined) {
    refuseOptionsWith(options, "sentinel");
    return redisSentinelDial(checkSentinel(options.sentinel), timeout);
  }
  if (isOfSentinel(options.client)) {
    refuseOptionsWith(options, "client");
    return redisSentinelDial(sentinelOf(options.client), timeout);
  }
  if (options.client !== undefined) {
    const client = checkClient(options);
    return redisDial(() => copyOf(client), timeout);
  }
  const address = checkUrl(options.url, refuseOption("url"));
  const clientOptions = checkOptions(options.options, address);
  return redisDial(() => newClient(address, clientOptions), timeout);
}

function shardedDial(options: RedisPubSubOptions, timeout: Milliseconds): Dial {
  onlyOneOf(options, ["url", "client", "rootNodes"]);
  if (options.client !== undefined) {
    const client = checkClient(options);
    if (!("masters" in client))
      throw refuseOption("client")("a client of a cluster (createCluster)", shownKind(client));
    return redisClusterDial(() => copyOfCluster(client, timeout), timeout);
  }
  const [nodes, addresses] =
    options.rootNodes === undefined
      ? rootNodesIn([{ url: options.url }], "url")
      : rootNodesIn(options.rootNodes, "rootNodes");
  const [first] = addresses;
  const given = checkOptions(options.options, first);
  if (first === undefined)
    return redisClusterDial(() => newCluster(nodes, given, timeout), timeout);
  const { socket: _, ...shared } = optionsOf(first);
  const socket = { ...given.socket, ...(first.tls ? { tls: true } : {}) };
  const all = { ...given, ...shared, socket } as RedisOptions;
  return redisClusterDial(() => newCluster(nodes, all, timeout), timeout);
}

/** The nodes, with what their URLs say as options; and the addresses of those that have a URL. */
function rootNodesIn(value: unknown, option: string): [RedisRootNode[], RedisAddress[]] {
  const refuse = refuseOption(option);
  if (!Array.isArray(value) || value.length === 0)
    throw refuse("a non-empty array of nodes", shownKind(value));
  const addresses: RedisAddress[] = [];
  const nodes = value.map((node: unknown): RedisRootNode => {
    if (typeof node !== "object" || node === null)
      throw refuse("nodes that are objects with a url or a socket", shownKind(node));
    const { url, ...rest } = node as RedisRootNode;
    if (url === undefined && option !== "url") return rest;
    const address = checkUrl(url, refuse);
    if (address.database !== undefined)
      throw refuse("no database number (a cluster has one database)", String(address.database));
    addresses.push(address);
    const own = optionsOf(address);
    return { ...rest, ...own, socket: { ...rest.socket, ...own.socket } } as RedisRootNode;
  });
  const [first] = addresses;
  const differs = addresses.some(
    ({ user, password, tls }) =>
      user !== first?.user || password !== first?.password || tls !== first?.tls,
  );
  if (differs)
    throw refuse(
      "the same scheme, user and password in all URLs",
      addresses.map(({ shown }) => shown).join(", "),
    );
  return [nodes, addresses];
}

const places = ["url", "client", "sentinel", "rootNodes"] as const;

function onlyOneOf(options: RedisPubSubOptions, among: readonly (typeof places)[number][]): void {
  const given = places.filter((name) => options[name] !== undefined);
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
  const expected =
    "a client of node-redis (the package redis: createClient, createCluster or createSentinel)";
  // Those of ioredis have a `duplicate` too, which makes something else.
  if (isOfIoredis(client)) throw refuseOption("client")(expected, "a client of ioredis");
  if (
    typeof client !== "object" ||
    client === null ||
    typeof Reflect.get(client, "duplicate") !== "function"
  )
    throw refuseOption("client")(expected, shownKind(client));
  refuseOptionsWith(options, "client");
  return client as RedisClientLike;
}

function refuseOptionsWith(options: RedisPubSubOptions, place: "client" | "sentinel"): void {
  if (options.options !== undefined)
    throw new OptionError(
      "options",
      `"options" go with "url", not with "${place}", which has its own`,
    );
}

/** Clients of ioredis, and its clusters, say in `status` how their connection is. */
function isOfIoredis(client: unknown): boolean {
  if (typeof client !== "object" || client === null) return false;
  const { status, sendCommand } = client as { status?: unknown; sendCommand?: unknown };
  return typeof status === "string" && typeof sendCommand === "function" && !("isOpen" in client);
}

function checkUrl(value: unknown, refuse: Refuse): RedisAddress {
  if (typeof value !== "string") throw refuse("a URL as a string", shownKind(value));
  return redisAddress(value, refuse);
}

/** @throws OptionError also for what the address says, too */
function checkOptions(value: unknown, address: RedisAddress | undefined): RedisOptions {
  if (value === undefined) return {};
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw refuseOption("options")("an object (the options of createClient)", shownKind(value));
  for (const name of ["url", "disableOfflineQueue"])
    if (name in value) throw new OptionError(name, `"options" can't have "${name}"`);
  if (address !== undefined) checkAgainst(value, address);
  return value;
}

function checkAgainst(options: RedisOptions, address: RedisAddress): void {
  const { credentialsProvider, username, password, database } = options;
  const socket = (options.socket ?? {}) as Record<string, unknown>;
  const hasCredentials = address.password !== undefined;
  const twice = [
    hasCredentials && [credentialsProvider, username, password].some((it) => it !== undefined)
      ? "user and password"
      : undefined,
    address.database !== undefined && database !== undefined ? "a database" : undefined,
    ["host", "port", "path"].some((name) => socket[name] !== undefined) ? "a host" : undefined,
  ].find((what) => what !== undefined);
  if (twice !== undefined)
    throw new OptionError("options", `"options" can't have ${twice}: it is in the URL`);
  if (socket["tls"] !== undefined && socket["tls"] !== address.tls)
    throw new OptionError(
      "options",
      `"options" can't have a socket.tls that differs from the URL: rediss: is TLS, the others are not`,
    );
}

function delayOf(options: RedisOptions | undefined): NonNullable<BrokerTransportOptions["delay"]> {
  const strategy = options?.socket?.reconnectStrategy;
  return (failures, error, random) => {
    const wish = typeof strategy === "function" ? strategy(failures, error) : strategy;
    return typeof wish === "number" ? wish : reconnectDelay(failures, random);
  };
}
