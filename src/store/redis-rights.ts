import type { StreamName } from "../journal/engine.js";
import type { RedisKeys } from "../journal/redis-keys.js";
import type { RedisLink } from "../journal/redis-link.js";
import { checkRights, probeScript, runProbe } from "../journal/redis-server-checks.js";

/** Partitions whose keys are tried, at most: enough to meet each server of a cluster. */
const maxPartitions = 1024;

/**
 * Each command that the scripts of a shared store use, but for those that a look from outside may do
 * without.
 *
 * @internal
 */
export const storeProbe = probeScript("probeStore", [
  "'SET', key, 'a', 'PX', '1000', 'GET'",
  "'GET', key",
  "'GETRANGE', key, 0, 0",
  "'EXISTS', key",
  "'PEXPIRE', key, 1000",
  "'UNLINK', key",
  "'HSET', key, 'a', '1'",
  "'HSETNX', key, 'a', '1'",
  "'HINCRBY', key, 'a', 1",
  "'HGET', key, 'a'",
  "'HMGET', key, 'a'",
  "'HGETALL', key",
  "'HDEL', key, 'a'",
  "'ZADD', key, 1, 'a'",
  "'ZSCORE', key, 'a'",
  "'ZCARD', key",
  "'ZCOUNT', key, 0, 1",
  "'ZRANGE', key, 0, -1",
  "'ZRANGEBYSCORE', key, 0, 1",
  "'ZSCAN', key, 0",
  "'ZREM', key, 'a'",
  "'XADD', key, '0-1', 'a', '1'",
  "'XREVRANGE', key, '+', '-'",
  "'PUBLISH', key, ''",
]);

/**
 * Tries each command on keys of the store, so that a permission that is missing shows at the start.
 *
 * @throws (as a rejection) RefusedError that names the command, and the pattern
 * @internal
 */
export async function checkStoreRights(
  link: RedisLink,
  keys: RedisKeys,
  stream: StreamName,
  partitions: number,
): Promise<void> {
  const probes = keys.probesOf(stream, Math.min(partitions, maxPartitions));
  // On one server all keys go with one script. In a cluster each may be on another server.
  const steps = link.reading === undefined ? probes.map((key) => [key]) : [probes];
  await checkRights("a shared store needs all its commands on keys", keys.pattern, async () => {
    await Promise.all(steps.map((step) => runProbe(link, storeProbe, step)));
  });
}
