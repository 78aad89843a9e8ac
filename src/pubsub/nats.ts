import { OptionError } from "../errors.js";
import { type Milliseconds, positiveMilliseconds } from "../options.js";
import { type NatsAddress, natsAddress, refuseOption, shownKind } from "./broker-address.js";
import type { Dial } from "./broker-session.js";
import { BrokerTransport, type BrokerTransportOptions } from "./broker-transport.js";
import { createPubSub } from "./create-pubsub.js";
import {
  loadNats,
  type NatsConnection,
  type NatsOptions,
  newConnection,
  ownOptions,
} from "./nats-client.js";
import { natsDial, natsDialOver, type NatsSession } from "./nats-session.js";
import { commonPubSubOptions } from "./pubsub-options.js";
import type { PubSub, PubSubOptions } from "./types.js";

/** How to reach NATS: exactly one of `servers` and `connection` is given. */
export interface NatsServersOptions {
  /**
   * One server, or several of a cluster in an array or separated by commas: `host[:port]`,
   * `nats://[user:password@]host[:port]` or `nats://token@host[:port]`, with `tls:` for TLS. User,
   * password and token are percent-encoded. TLS and credentials in one URL apply to all servers.
   */
  servers?: string | readonly string[];
  /**
   * A connection of nats.js. It is never closed; it reconnects by its own options, and detects a
   * silent server by its own `pingInterval`, whose default is two minutes.
   */
  connection?: NatsConnection;
  /** Further options of the connection, e.g. TLS and credentials; not with `connection`. */
  options?: NatsOptions;
  /**
   * Milliseconds after which an attempt to connect to a server fails, and a silent server counts as
   * lost. Default 3000.
   */
  connectionTimeout?: Milliseconds;
}

/** Options of {@link natsPubSub}: exactly one of `servers` and `connection` is given. */
export interface NatsPubSubOptions extends PubSubOptions, NatsServersOptions {}

/** The names of {@link NatsServersOptions}. @internal */
export const natsServersNames = ["servers", "connection", "options", "connectionTimeout"] as const;

/**
 * A {@link PubSub} over NATS, by the package `@nats-io/transport-node`. It is loaded when the
 * pubsub first connects; where it is not installed, the start fails and says so.
 *
 * When the connection is lost, another is made, after 25 to 50 ms at first and 1 to 2 s at most,
 * for as long as it takes. NATS stores nothing for nodes that are disconnected.
 *
 * @throws {@link OptionError}
 */
export function natsPubSub(options: NatsPubSubOptions): PubSub {
  const common = commonPubSubOptions("natsPubSub", options, natsServersNames);
  const settings = resolveNats(options);
  return createPubSub(({ random }) => new BrokerTransport({ ...settings(), random }), common);
}

/** How to dial NATS. @internal */
export interface NatsDialing extends Omit<BrokerTransportOptions, "dial"> {
  readonly dial: Dial<NatsSession>;
  /** How long one server may take to answer. */
  readonly connectionTimeout: Milliseconds;
}

/**
 * How to reach the servers, the options checked.
 *
 * @param what the function that takes the options, for messages
 * @internal
 */
export function resolveNats(options: NatsServersOptions, what = "natsPubSub"): () => NatsDialing {
  const { servers, connection } = options;
  const timeout = positiveMilliseconds("connectionTimeout", options.connectionTimeout ?? 3000);
  if ((servers === undefined) === (connection === undefined))
    throw new OptionError(
      "servers",
      `${what} takes exactly one of servers and connection, got: ${servers === undefined ? "none" : "both"}`,
    );
  if (connection !== undefined) {
    const dial = natsDialOver(checkConnection(connection));
    if (options.options !== undefined)
      throw new OptionError("options", `"options" go with "servers", not with "connection"`);
    return () => ({ ordered: true, timeout, connectionTimeout: timeout, dial });
  }
  const address = checkServers(servers);
  const given = address.servers;
  const connectionOptions: NatsOptions = {
    noEcho: true,
    timeout,
    // When the third ping is due and two are unanswered, the server counts as lost.
    pingInterval: timeout / 3,
    maxPingOut: 2,
    ...optionsOf(address),
    ...checkOptions(what, options.options, address),
  };
  return () => {
    const known = new Set(given);
    const dial = natsDial(
      () => newConnection([...known], connectionOptions),
      (added, deleted) => {
        for (const server of added) known.add(server);
        for (const server of deleted) if (!given.includes(server)) known.delete(server);
      },
    );
    // They are tried one after the other.
    const attempts = given.length + 1;
    const limits = { timeout: timeout * attempts, connectionTimeout: timeout };
    return { ordered: true, ...limits, dial, load: loadNats };
  };
}

function checkServers(value: unknown): NatsAddress {
  const refuse = refuseOption("servers");
  const servers: unknown[] = Array.isArray(value) ? value : [value];
  if (servers.length === 0) throw refuse("a server, or a non-empty array of servers", "[]");
  for (const server of servers)
    if (typeof server !== "string") throw refuse("servers as strings", shownKind(server));
  return natsAddress(servers as string[], refuse);
}

/** An address as options of nats.js, which reads only host and port of a URL. */
function optionsOf({ user, password, tls }: NatsAddress): NatsOptions {
  return {
    ...(user === undefined
      ? {}
      : password === undefined
        ? { token: user }
        : { user, pass: password }),
    // An empty object is enough to require TLS.
    ...(tls ? { tls: {} } : {}),
  };
}

function checkConnection(connection: unknown): NatsConnection {
  const isConnection =
    typeof connection === "object" &&
    connection !== null &&
    ["status", "flush", "subscribe", "publish"].every(
      (name) => typeof Reflect.get(connection, name) === "function",
    );
  if (!isConnection)
    throw refuseOption("connection")("a connection of nats.js", shownKind(connection));
  return connection as NatsConnection;
}

const credentials = ["user", "pass", "token", "authenticator"] as const;

/** @throws OptionError also for what the address has, too */
function checkOptions(what: string, value: unknown, address: NatsAddress): NatsOptions {
  if (value === undefined) return {};
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw refuseOption("options")("an object (the options of connect)", shownKind(value));
  const options: NatsOptions = value;
  for (const name of ownOptions)
    if (name in value) throw new OptionError(name, `"options" of ${what} can't have "${name}"`);
  for (const name of credentials)
    if (address.user !== undefined && options[name] !== undefined)
      throw new OptionError("options", `"options" can't have "${name}": the URL has credentials`);
  const { tls, ...rest } = options;
  if (address.tls && tls === null)
    throw new OptionError("options", `"options" can't have "tls: null": the URL is one of TLS`);
  return tls === undefined ? rest : options;
}
