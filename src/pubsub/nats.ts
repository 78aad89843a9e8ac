import { OptionError } from "../errors.js";
import { type Milliseconds, nonEmptyString, positiveMilliseconds } from "../options.js";
import { BrokerTransport, type BrokerTransportOptions } from "./broker-transport.js";
import { createPubSub } from "./create-pubsub.js";
import { type NatsConnection, type NatsOptions, newConnection, ownOptions } from "./nats-client.js";
import { natsDial, natsDialOver } from "./nats-session.js";
import { commonPubSubOptions } from "./pubsub-options.js";
import type { PubSub, PubSubOptions } from "./types.js";

/** What {@link natsPubSub} is made with: exactly one of `servers` and `connection`. */
export interface NatsPubSubOptions extends PubSubOptions {
  /** One server or several of a cluster, as `host:port` or `nats://host:port`. */
  servers?: string | readonly string[];
  /**
   * A connection of nats.js. It is never closed; it connects again by its own options, and notices a server that has gone silent by its own
   * `pingInterval`, whose default is two minutes.
   */
  connection?: NatsConnection;
  /** What else the connection is made with, e.g. TLS and credentials; not with `connection`. */
  options?: NatsOptions;
  /** Milliseconds that an attempt to connect to a server may take, and after which a server that says nothing is given up. Default 3000. */
  connectionTimeout?: Milliseconds;
}

const names = ["servers", "connection", "options", "connectionTimeout"] as const;

/**
 * A {@link PubSub} over NATS, by the package `@nats-io/transport-node`.
 *
 * When the connection is lost, another is made, after 25 to 50 ms at first and 1 to 2 s at most, for as long as it takes. NATS keeps nothing
 * for those who are away.
 *
 * @throws {@link OptionError}
 */
export function natsPubSub(options: NatsPubSubOptions): PubSub {
  const common = commonPubSubOptions("natsPubSub", options, names);
  const settings = resolveNats(options);
  return createPubSub(() => new BrokerTransport(settings()), common);
}

/** How to reach the servers, the options checked. @internal */
export function resolveNats(options: NatsPubSubOptions): () => BrokerTransportOptions {
  const { servers, connection } = options;
  const timeout = positiveMilliseconds("connectionTimeout", options.connectionTimeout ?? 3000);
  if ((servers === undefined) === (connection === undefined))
    throw new OptionError(
      "servers",
      `natsPubSub takes exactly one of servers and connection, got: ${servers === undefined ? "none" : "both"}`,
    );
  if (connection !== undefined) {
    const dial = natsDialOver(checkConnection(connection));
    if (options.options !== undefined)
      throw new OptionError("options", `"options" go with "servers", not with "connection"`);
    return () => ({ ordered: true, timeout, dial });
  }
  const given = checkServers(servers);
  const connectionOptions: NatsOptions = {
    noEcho: true,
    timeout,
    // A server that leaves two pings unanswered is given up with the third.
    pingInterval: timeout / 3,
    maxPingOut: 2,
    ...checkOptions(options.options),
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
    return { ordered: true, timeout: timeout * (given.length + 1), dial };
  };
}

function checkServers(value: unknown): readonly string[] {
  const servers: unknown[] = Array.isArray(value) ? value : [value];
  if (servers.length === 0)
    throw OptionError.invalid("servers", "a server, or a non-empty array of servers", value);
  return servers.map((server) => nonEmptyString("servers", server));
}

function checkConnection(connection: unknown): NatsConnection {
  const isConnection =
    typeof connection === "object" &&
    connection !== null &&
    ["status", "flush", "subscribe", "publish"].every(
      (name) => typeof Reflect.get(connection, name) === "function",
    );
  if (!isConnection) throw OptionError.invalid("connection", "a connection of nats.js", connection);
  return connection as NatsConnection;
}

function checkOptions(value: unknown): NatsOptions {
  if (value === undefined) return {};
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw OptionError.invalid("options", "an object (the options of connect)", value);
  for (const name of ownOptions)
    if (name in value) throw new OptionError(name, `"options" of natsPubSub can't have "${name}"`);
  return value;
}
