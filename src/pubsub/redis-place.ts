import { OptionError } from "../errors.js";
import type { Milliseconds } from "../options.js";
import {
  type RedisAddress,
  redisAddress,
  type Refuse,
  refuseOption,
  shownKind,
} from "./broker-address.js";
import {
  copyOf,
  copyOfCluster,
  newClient,
  newCluster,
  optionsOf,
  type RedisClientLike,
  type RedisClusterConnection,
  type RedisOptions,
  type RedisRootNode,
  type RedisSentinel,
  type Resp,
} from "./redis-client.js";
import type { Make } from "./redis-clients.js";
import { reconnectDelay, type ReconnectorOptions } from "./reconnector.js";
import { atSentinel } from "./redis-sentinel.js";
import { checkSentinel, isOfSentinel, sentinelOf } from "./redis-sentinel-options.js";
import { atServer, type FindTarget } from "./redis-session.js";

/** The options that say where Redis is. @internal */
export interface RedisPlace {
  url?: string;
  client?: RedisClientLike;
  sentinel?: RedisSentinel;
  rootNodes?: readonly RedisRootNode[];
  options?: RedisOptions;
}

/** What needs the place. @internal */
export interface PlaceUser {
  /** The function that takes the options. */
  readonly what: string;
  readonly timeout: Milliseconds;
  /** The version of the protocol; undefined: as the options say. */
  readonly RESP?: Resp;
}

/**
 * One server, or the master that Sentinels name.
 *
 * @throws OptionError
 * @internal
 */
export function serverAt(options: RedisPlace, { what, timeout, RESP }: PlaceUser): FindTarget {
  const fixed = RESP === undefined ? {} : { RESP };
  const sentinel = (settings: RedisSentinel): FindTarget =>
    atSentinel(
      { ...settings, nodeClientOptions: { ...settings.nodeClientOptions, ...fixed } },
      timeout,
    );
  if (options.sentinel !== undefined) {
    refuseOptionsWith(options, "sentinel");
    return sentinel(checkSentinel(what, options.sentinel));
  }
  if (isOfSentinel(options.client)) {
    refuseOptionsWith(options, "client");
    return sentinel(sentinelOf(what, options.client));
  }
  if (options.client !== undefined) {
    const client = checkClient(options);
    return atServer(() => copyOf(client, fixed));
  }
  const address = checkUrl(options.url, refuseOption("url"));
  const clientOptions = { ...checkOptions(options.options, address), ...fixed };
  return atServer(() => newClient(address, clientOptions));
}

/**
 * A Redis Cluster.
 *
 * @throws OptionError
 * @internal
 */
export function clusterAt(
  options: RedisPlace,
  { timeout, RESP }: PlaceUser,
): Make<RedisClusterConnection> {
  const fixed = RESP === undefined ? {} : { RESP };
  if (options.client !== undefined) {
    const client = checkClient(options);
    if (!isOfCluster(client))
      throw refuseOption("client")("a client of a cluster (createCluster)", shownKind(client));
    return () => copyOfCluster(client, timeout, fixed);
  }
  const [nodes, addresses] =
    options.rootNodes === undefined
      ? rootNodesIn([{ url: options.url }], "url")
      : rootNodesIn(options.rootNodes, "rootNodes");
  const [first] = addresses;
  const given = { ...checkOptions(options.options, first), ...fixed };
  if (first === undefined) return () => newCluster(nodes, given, timeout);
  const { socket: _, ...shared } = optionsOf(first);
  const socket = { ...given.socket, ...(first.tls ? { tls: true } : {}) };
  const all = { ...given, ...shared, socket } as RedisOptions;
  return () => newCluster(nodes, all, timeout);
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

/**
 * Fails unless exactly one of the places is given.
 *
 * @throws OptionError
 * @internal
 */
export function onlyOneOf(
  what: string,
  options: RedisPlace,
  among: readonly (typeof places)[number][],
): void {
  const given = places.filter((name) => options[name] !== undefined);
  const [first] = given;
  if (given.length === 1 && first !== undefined && among.includes(first)) return;
  throw new OptionError(
    given.find((name) => !among.includes(name)) ?? given[1] ?? "url",
    `${what} takes exactly one of ${among.join(", ")}, got: ${given.join(", ") || "none"}${
      among.includes("rootNodes") ? "" : " (rootNodes: with sharded only)"
    }`,
  );
}

function checkClient(options: RedisPlace): RedisClientLike {
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

function refuseOptionsWith(options: RedisPlace, place: "client" | "sentinel"): void {
  if (options.options !== undefined)
    throw new OptionError(
      "options",
      `"options" go with "url", not with "${place}", which has its own`,
    );
}

/** Whether it is what `createCluster` makes. @internal */
export function isOfCluster(client: unknown): client is RedisClientLike {
  return typeof client === "object" && client !== null && "masters" in client;
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

/** How long to wait before the next attempt to connect, as the options say. @internal */
export function delayOf({
  sentinel,
  options,
}: RedisPlace): NonNullable<ReconnectorOptions<never>["delay"]> {
  const strategy = (sentinel?.nodeClientOptions ?? options)?.socket?.reconnectStrategy;
  return (failures, error, random) => {
    const wish = typeof strategy === "function" ? strategy(failures, error) : strategy;
    return typeof wish === "number" ? wish : reconnectDelay(failures, random);
  };
}
