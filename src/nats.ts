export { natsPubSub, type NatsPubSubOptions, type NatsServersOptions } from "./pubsub/nats.js";
export type { NatsConnection, NatsOptions } from "./pubsub/nats-client.js";
export { natsJournal, type NatsJournalOptions } from "./journal/nats-journal.js";
