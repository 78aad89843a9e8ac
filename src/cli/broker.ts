import { randomBytes } from "node:crypto";
import { systemClock, withTimeout } from "../clock.js";
import { PubSubError, SupervisorError } from "../errors.js";
import type { Milliseconds } from "../options.js";
import { type BrokerAddress, withoutSecrets } from "../pubsub/broker-address.js";
import { MissingPackageError } from "../pubsub/broker-session.js";
import type { RedisSentinel } from "../pubsub/redis-client.js";
import { type Bus, busOf, type PubSub, type PubSubWithBus } from "../pubsub/types.js";
import { startSupervisor } from "../supervisor/start-supervisor.js";
import type { StreamOptions } from "./arguments.js";

/**
 * The broker cannot be used, and waiting does not help; its message is one line for the user.
 *
 * @internal
 */
export class BrokerFailure extends Error {
  override readonly name = "BrokerFailure";
}

/** More than any node sends: an observer rejects nothing that the nodes accept. @internal */
export const maxMessageSize = 64 * 1_048_576;

/** @throws (as a rejection) BrokerFailure when the broker's package is not installed @internal */
export async function makePubSub(options: Omit<StreamOptions, "json">): Promise<PubSubWithBus> {
  const { broker, sentinel, namespace, heartbeat } = options;
  const nodeName = `observer-${randomBytes(6).toString("hex")}`;
  const common = { nodeName, namespace, heartbeat, maxMessageSize };
  const pubsub: PubSub =
    broker.kind === "redis" ? await redis(broker, sentinel, common) : await nats(broker, common);
  return pubsub as PubSubWithBus;
}

type Common = Record<"nodeName" | "namespace", string> &
  Record<"heartbeat" | "maxMessageSize", number>;

async function redis(
  { urls }: BrokerAddress,
  sentinel: RedisSentinel | undefined,
  common: Common,
): Promise<PubSub> {
  const { loadRedis } = await import("../pubsub/redis-client.js");
  await needing("--redis", "redis", loadRedis);
  const { redisPubSub } = await import("../redis.js");
  const place = sentinel === undefined ? { url: urls[0] as string } : { sentinel };
  return redisPubSub({ ...place, ...common });
}

async function nats({ urls }: BrokerAddress, common: Common): Promise<PubSub> {
  const { loadNats } = await import("../pubsub/nats-client.js");
  await needing("--nats", "@nats-io/transport-node", loadNats);
  const { natsPubSub } = await import("../nats.js");
  return natsPubSub({ servers: urls, ...common });
}

async function needing(option: string, name: string, load: () => Promise<unknown>): Promise<void> {
  try {
    await load();
  } catch (error) {
    if (!(error instanceof MissingPackageError)) throw error;
    throw new BrokerFailure(
      `option ${option} needs the package ${name}, which is not installed: npm install ${name}`,
      { cause: error },
    );
  }
}

/** Whether an error comes from this program, not from a broker. @internal */
export function isDefect(error: unknown): boolean {
  return [TypeError, RangeError, ReferenceError].some((type) => error instanceof type);
}

/** A connection to a broker. @internal */
export interface Session extends AsyncDisposable {
  /** Rejects with BrokerFailure when the connection has ended and is not made again. */
  readonly failed: Promise<never>;
}

/**
 * Connects, and reconnects whenever the connection is lost.
 *
 * @throws (as a rejection) BrokerFailure when the broker refuses, e.g. the password
 * @internal
 */
export async function connect(pubsub: PubSub, broker: BrokerAddress): Promise<Session> {
  try {
    const tree = await startSupervisor({
      strategy: "one_for_one",
      children: [pubsub],
      maxRestarts: 0,
    });
    let isOpen = true;
    const failed = tree.exited.then((reason) => {
      // After an orderly stop, nothing waits for it.
      if (!isOpen) return new Promise<never>(() => {});
      throw failure(broker, reason);
    });
    failed.catch(() => {});
    return {
      failed,
      [Symbol.asyncDispose]: () => {
        isOpen = false;
        return tree.stop();
      },
    };
  } catch (error) {
    throw failure(broker, error);
  }
}

/** What the user reads of it. @internal */
export function failure(broker: BrokerAddress, reason: unknown): BrokerFailure {
  let cause = reason;
  while (cause instanceof SupervisorError || cause instanceof PubSubError) {
    if (cause.cause === undefined) break;
    ({ cause } = cause);
  }
  const why = cause instanceof Error ? cause.message : String(cause);
  return new BrokerFailure(withoutSecrets(`can't use ${broker.shown}: ${why}`, broker), {
    cause: reason,
  });
}

/**
 * Waits for a connection, at most `timeout`, and returns whether there is one.
 *
 * @internal
 */
export async function connected(
  bus: Bus,
  timeout: Milliseconds,
  signal: AbortSignal,
): Promise<boolean> {
  const isConnected = (): boolean => bus.status === "connected";
  if (isConnected()) return true;
  let unwatch = (): void => {};
  const connection = new Promise<void>((resolve) => {
    unwatch = bus.onStatus(() => isConnected() && resolve());
  });
  await withTimeout(systemClock, timeout, connection, () => {}, signal).catch(() => {});
  unwatch();
  return isConnected();
}

/** @internal */
export function busIn(pubsub: PubSubWithBus): Bus {
  return pubsub[busOf];
}
