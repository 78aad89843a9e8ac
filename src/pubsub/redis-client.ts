import type { RedisClientOptions, RedisClusterOptions } from "redis";
import type { Milliseconds } from "../options.js";
import type { RedisAddress } from "./broker-address.js";
import { loadPeer, RefusedError, toError } from "./broker-session.js";

/**
 * Options of node-redis' clients: TLS, user and password or a credentials provider, name, RESP
 * version and so on. `url` is an option of `redisPubSub`, and commands are never queued while there
 * is no connection.
 */
export type RedisOptions = Omit<RedisClientOptions, "url" | "disableOfflineQueue" | "RESP"> & {
  /** The protocol's version. Default: node-redis' own. */
  RESP?: 2 | 3;
};

/** A node of a Redis Cluster to learn the others from. */
export type RedisRootNode = RedisClusterOptions["rootNodes"][number];

/** Where a server is. */
export interface RedisNode {
  /** A name or an address. */
  host: string;
  /** Its TCP port. */
  port: number;
}

/** How to reach the master that Sentinels watch: what `createSentinel` of node-redis takes. */
export interface RedisSentinel {
  /** The master's name in the configuration of the Sentinels. */
  name: string;
  /** The Sentinels. Others are not looked for: name all that there are. */
  sentinelRootNodes: readonly RedisNode[];
  /** What the clients of the master are made with, e.g. TLS and credentials. */
  nodeClientOptions?: RedisOptions;
  /** What the clients of the Sentinels are made with. */
  sentinelClientOptions?: RedisOptions;
  /** Where to connect to instead of what the Sentinels say: by `host:port`; undefined: there. */
  nodeAddressMap?:
    Readonly<Record<string, RedisNode>> | ((address: string) => RedisNode | undefined);
  /** The protocol's version, for all clients. Default: node-redis' own. */
  RESP?: 2 | 3;
}

/** A version of the protocol. @internal */
export type Resp = 2 | 3;

type Listener = (message: Buffer) => void;

/** What is used of a client of node-redis, the same in its versions 5.10 and 6. @internal */
export interface RedisConnection {
  on(event: string, listener: (error: unknown) => void): unknown;
  connect(): Promise<unknown>;
  publish(channel: string, message: Buffer): Promise<unknown>;
  subscribe(channel: string, listener: Listener, bufferMode: true): Promise<void>;
  unsubscribe(channel: string, listener: Listener, bufferMode: true): Promise<void>;
  ping(): Promise<unknown>;
  sendCommand(args: RedisArguments, options?: object): Promise<unknown>;
  destroy(): void;
}

/** A command with its arguments. @internal */
export type RedisArguments = readonly (string | Buffer)[];

/** Options of a command whose bulk strings are returned as Buffers. @internal */
export const asBuffers = { typeMapping: { 36: Buffer } };

/** The same of a client of a Sentinel. @internal */
export interface RedisSentinelConnection {
  on(event: string, listener: (error: unknown) => void): unknown;
  connect(): Promise<unknown>;
  sendCommand(args: readonly string[]): Promise<unknown>;
  destroy(): void;
}

/** A client of a node. @internal */
export type RedisNodeConnection = Pick<RedisConnection, "ping" | "sendCommand">;

/** A client of a node that subscribes. @internal */
export type RedisSubscriberConnection = Pick<RedisConnection, "ping"> & {
  /** Whether it is connected. */
  readonly isReady: boolean;
};

/** The same of a cluster client. @internal */
export interface RedisClusterConnection {
  readonly masters: readonly {
    readonly client?: RedisNodeConnection | undefined;
    readonly pubSub?: { readonly client: RedisSubscriberConnection } | undefined;
  }[];
  on(event: string, listener: (error: unknown) => void): unknown;
  connect(): Promise<unknown>;
  sPublish(channel: string, message: Buffer): Promise<unknown>;
  sSubscribe(channel: string, listener: Listener, bufferMode: true): Promise<void>;
  sUnsubscribe(channel: string, listener: Listener, bufferMode: true): Promise<void>;
  subscribe(channel: string, listener: Listener, bufferMode: true): Promise<void>;
  unsubscribe(channel: string, listener: Listener, bufferMode: true): Promise<void>;
  /** @param firstKey the key whose slot is asked */
  sendCommand(
    firstKey: string,
    isReadonly: boolean,
    args: RedisArguments,
    options?: object,
  ): Promise<unknown>;
  destroy(): void;
}

/**
 * A client of node-redis (`createClient`), or one of `createCluster` or `createSentinel`; only
 * copies of it are connected.
 */
export interface RedisClientLike {
  /** Makes a copy that is not connected. */
  duplicate(overrides?: object): unknown;
  /** What the client was made with. */
  readonly options?: object | undefined;
}

// Sessions are replaced, not repaired. Commands have no timeout: its timer would cost more than the
// command.
const ours = { disableOfflineQueue: true, clientSideCache: undefined, emitInvalidate: false };

/**
 * An address as options of node-redis, which are used in place of its `url`.
 *
 * @internal
 */
export function optionsOf({ socket, tls, user, password, database }: RedisAddress): RedisOptions {
  return {
    ...(user === undefined ? {} : { username: user }),
    ...(password === undefined ? {} : { password }),
    ...(database === undefined ? {} : { database }),
    socket: { ...socket, ...(tls ? { tls: true } : {}) },
  } as RedisOptions;
}

/** @throws (as a rejection) MissingPackageError @internal */
export function loadRedis() {
  return loadPeer("redis", () => import("redis"));
}

/** @internal */
export async function newClient(
  address: RedisAddress,
  options: RedisOptions,
): Promise<RedisConnection> {
  const { createClient } = await loadRedis();
  const { commandOptions } = options;
  const given = optionsOf(address);
  return createClient({
    ...options,
    ...given,
    disableOfflineQueue: true,
    socket: { ...options.socket, ...given.socket, reconnectStrategy: false },
    commandOptions: { ...commandOptions, timeout: 0 },
  } as RedisClientOptions) as unknown as RedisConnection;
}

/** A client of the master that Sentinels have named. @internal */
export function newNodeClient(
  { nodeClientOptions, nodeAddressMap, RESP }: RedisSentinel,
  { host, port }: RedisNode,
): Promise<RedisConnection> {
  const address = `${host}:${port}`;
  const mapped =
    typeof nodeAddressMap === "function" ? nodeAddressMap(address) : nodeAddressMap?.[address];
  return clientAt(mapped ?? { host, port }, { RESP, ...nodeClientOptions });
}

/** @internal */
export function newSentinelClient(
  { sentinelClientOptions, RESP }: RedisSentinel,
  { host, port }: RedisNode,
  timeout: Milliseconds,
): Promise<RedisSentinelConnection> {
  const socketTimeout = Math.ceil(timeout);
  return clientAt({ host, port, socketTimeout }, { RESP, ...sentinelClientOptions });
}

async function clientAt(
  place: RedisNode & { socketTimeout?: number },
  { RESP, ...options }: Omit<RedisOptions, "RESP"> & { RESP: 2 | 3 | undefined },
): Promise<RedisConnection & RedisSentinelConnection> {
  const { createClient } = await loadRedis();
  const { socket, commandOptions } = options;
  return createClient({
    ...options,
    ...(RESP === undefined ? {} : { RESP }),
    disableOfflineQueue: true,
    socket: { ...socket, ...place, reconnectStrategy: false },
    commandOptions: { ...commandOptions, timeout: 0 },
  } as RedisClientOptions) as unknown as RedisConnection & RedisSentinelConnection;
}

/** @internal */
export function copyOf(client: RedisClientLike, fixed: { RESP?: Resp } = {}): RedisConnection {
  const { socket, commandOptions } = (client.options ?? {}) as RedisClientOptions;
  return client.duplicate({
    ...ours,
    ...fixed,
    socket: { ...socket, reconnectStrategy: false },
    commandOptions: { ...commandOptions, typeMapping: undefined, timeout: 0 },
  }) as RedisConnection;
}

/** @internal */
export async function newCluster(
  rootNodes: readonly RedisRootNode[],
  options: RedisOptions,
  timeout: Milliseconds,
): Promise<RedisClusterConnection> {
  const { createCluster } = await loadRedis();
  const { commandOptions, RESP } = options;
  return createCluster({
    rootNodes: rootNodes.map((node) => ({ ...node })),
    ...(RESP === undefined ? {} : { RESP }),
    commandOptions: { ...commandOptions, timeout: 0 },
    defaults: ofNodes(options, timeout),
  } as RedisClusterOptions) as unknown as RedisClusterConnection;
}

/** @internal */
export function copyOfCluster(
  client: RedisClientLike,
  timeout: Milliseconds,
  fixed: { RESP?: Resp } = {},
): RedisClusterConnection {
  const given = Reflect.get(client, "_options") as RedisClusterOptions | undefined;
  const defaults = (given?.defaults ?? {}) as RedisOptions;
  // Options that cannot be read are kept, which is right but for the timeout.
  const overrides =
    given === undefined ? {} : { defaults: ofNodes({ ...defaults, ...fixed }, timeout) };
  return client.duplicate({ ...overrides, ...fixed }) as RedisClusterConnection;
}

/**
 * A node that is asked for the others has no other timeout than its socket's; all other sockets are
 * kept busy by pings.
 */
function ofNodes(options: RedisOptions, timeout: Milliseconds): RedisClientOptions {
  const { socket } = options;
  return {
    ...options,
    disableOfflineQueue: true,
    socket: { socketTimeout: Math.ceil(timeout), ...socket, reconnectStrategy: false },
  } as RedisClientOptions;
}

const refusal =
  /^(?:WRONGPASS|NOAUTH|NOPERM|DENIED)\b|^ERR (?:AUTH|invalid password|Client sent AUTH|unknown command|This instance has cluster support disabled|DB index is out of range|invalid DB index|SELECT is not allowed)/i;
// A server repeats the arguments of a command it does not know, a password included.
const repeated = /,? with args beginning with:.*/s;

/** An error as a {@link RefusedError} where the server would answer the same again. @internal */
export function asFailure(error: unknown): Error {
  const { message } = toError(error);
  const failure = repeated.test(message)
    ? new Error(message.replace(repeated, ""))
    : toError(error);
  const refused = refusal.test(failure.message) || failure.name === "TypeError";
  return refused ? new RefusedError(failure) : failure;
}

/** A view of the bytes, without a copy. @internal */
export function bufferOf(payload: Uint8Array): Buffer {
  return Buffer.isBuffer(payload)
    ? payload
    : Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
}

const replacement = "\uFFFD";
// A lone surrogate, which UTF-8 cannot represent.
const lone = /\p{Surrogate}/u;

/**
 * The channel's name if UTF-8 can represent it, otherwise one that it can and that no other channel
 * has.
 *
 * @internal
 */
export function wireName(channel: string): string {
  if (!channel.startsWith(replacement) && !lone.test(channel)) return channel;
  return replacement + Buffer.from(channel, "utf16le").toString("hex");
}
