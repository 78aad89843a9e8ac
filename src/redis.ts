export { redisPubSub, type RedisPubSubOptions } from "./pubsub/redis.js";
export type { RedisClientLike, RedisOptions, RedisRootNode } from "./pubsub/redis-client.js";
