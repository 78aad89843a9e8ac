import {
  type BrokerAddress,
  natsAddress,
  redisAddress,
  type Refuse,
  sentinelAddress,
} from "../pubsub/broker-address.js";
import type { RedisOptions, RedisSentinel } from "../pubsub/redis-client.js";
import { UsageError } from "./usage.js";

/** Which broker. @internal */
export interface BrokerOptions {
  readonly broker: BrokerAddress;
  /** Where to ask for the Redis. */
  readonly sentinel?: RedisSentinel;
}

/** The options that say it. @internal */
export const brokerSchema = {
  redis: { type: "string" },
  sentinel: { type: "string" },
  nats: { type: "string" },
} as const;

/** @internal */
export interface BrokerValues {
  readonly redis?: string;
  readonly sentinel?: string;
  readonly nats?: string;
}

/** @throws UsageError @internal */
export function brokerIn({ redis, sentinel, nats }: BrokerValues): BrokerOptions {
  if (redis !== undefined && nats !== undefined)
    throw new UsageError("options --redis and --nats: expected one of them, got both");
  if (sentinel !== undefined && redis === undefined)
    throw new UsageError("option --sentinel: expected --redis with the master's name, got none");
  if (redis !== undefined && sentinel !== undefined) return masterIn(redis, sentinel);
  if (redis !== undefined) return { broker: redisAddress(redis, refuseFor("redis")) };
  if (nats !== undefined) return { broker: natsAddress(nats, refuseFor("nats")) };
  throw new UsageError("options --redis and --nats: expected one of them, got none");
}

function refuseFor(option: string): Refuse {
  return (expected, got) => new UsageError(`option --${option}: expected ${expected}, got ${got}`);
}

/** The Redis that Sentinels name: its URL has the master's name as the host. */
function masterIn(redis: string, sentinel: string): BrokerOptions {
  const refuse = refuseFor("redis");
  const master = redisAddress(redis, refuse);
  const sentinels = sentinelAddress(sentinel, refuseFor("sentinel"));
  const { socket, database } = master;
  if (!("host" in socket) || socket.port !== undefined)
    throw refuse("the master's name as the host, without a port, with --sentinel", master.shown);
  return {
    broker: {
      ...master,
      shown: `${master.shown} at ${sentinels.shown}`,
      secrets: [...master.secrets, ...sentinels.secrets],
    },
    sentinel: {
      // Unlike a host's name, it has upper and lower case.
      name: new URL(redis).hostname,
      sentinelRootNodes: [...sentinels.nodes],
      nodeClientOptions: {
        ...clientOptions(master),
        ...(database === undefined ? {} : { database }),
      },
      sentinelClientOptions: clientOptions(sentinels),
    },
  };
}

function clientOptions({ user, password, tls }: BrokerAddress): RedisOptions {
  return {
    ...(user === undefined ? {} : { username: user }),
    ...(password === undefined ? {} : { password }),
    ...(tls ? { socket: { tls } } : {}),
  };
}
