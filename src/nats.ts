export { natsPubSub, type NatsPubSubOptions } from "./pubsub/nats.js";
export type { NatsConnection, NatsOptions } from "./pubsub/nats-client.js";
