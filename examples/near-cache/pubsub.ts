import type { PubSub, PubSubOptions } from "nebulex-streams";
import { natsPubSub } from "nebulex-streams/nats";
import { redisPubSub } from "nebulex-streams/redis";
import type { Engine } from "../shared/broker.js";

/** The one line that differs from broker to broker; all else in this example is the same for both. */
export const pubsubs = {
  redis: (url: string, options: PubSubOptions): PubSub => redisPubSub({ url, ...options }),
  nats: (url: string, options: PubSubOptions): PubSub => natsPubSub({ servers: url, ...options }),
} satisfies Record<Engine, unknown>;
