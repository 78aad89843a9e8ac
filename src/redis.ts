export { redisJournal, type RedisJournalOptions } from "./journal/redis-journal.js";
export { redisPubSub, type RedisPubSubOptions } from "./pubsub/redis.js";
export type {
  RedisClientLike,
  RedisNode,
  RedisOptions,
  RedisRootNode,
  RedisSentinel,
} from "./pubsub/redis-client.js";
export {
  type NearCacheOptions,
  redisAdapter,
  type RedisAdapterOptions,
} from "./store/redis-adapter.js";
