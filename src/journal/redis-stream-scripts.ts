import { script } from "./redis-script.js";

/** KEYS: streams (hash: `<cache>:<name>` -> shape). ARGV: stream, shape. Returns what is stored. */
export const shapeScript = script(
  "shape",
  `
redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2])
return redis.call('HGET', KEYS[1], ARGV[1])
`,
);

/**
 * KEYS: nodes (hash: by node: `<expires> <startedAt> <epoch> <info>`). ARGV: node, epoch,
 * startedAt, info, ttl; or none. Returns the time, and the hash.
 */
export const nodesScript = script(
  "nodes",
  `
local time = now()
if ARGV[1] then
  local known = redis.call('HGET', KEYS[1], ARGV[1]) or ''
  local started, epoch = string.match(known, '^%S+ (%S+) (%S+) ')
  local theirs, ours = tonumber(started or '') or 0, tonumber(ARGV[3])
  local younger = epoch and epoch ~= ARGV[2] and (theirs > ours or (theirs == ours and epoch > ARGV[2]))
  if not younger then
    redis.call('HSET', KEYS[1], ARGV[1], int(time + ARGV[5]) .. ' ' .. ARGV[3] .. ' ' .. ARGV[2] .. ' ' .. ARGV[4])
  end
end
return {int(time), redis.call('HGETALL', KEYS[1])}
`,
);

/** KEYS: nodes. ARGV: node, epoch. */
export const leaveScript = script(
  "leave",
  `
local known = redis.call('HGET', KEYS[1], ARGV[1]) or ''
local _, epoch = string.match(known, '^%S+ (%S+) (%S+) ')
if epoch == ARGV[2] then redis.call('HDEL', KEYS[1], ARGV[1]) end
return 1
`,
);

/**
 * KEYS: groups (hash: by name: the number of partitions), members (sorted set of a group: by name:
 * when its time is over). ARGV: group, channel, member, ttl; or no member. Returns the number of
 * partitions, and the members.
 */
export const membersScript = script(
  "members",
  `
local time = now()
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', int(time))
if ARGV[3] and redis.call('ZADD', KEYS[2], int(time + ARGV[4]), ARGV[3]) == 1 then tell(ARGV[2]) end
return {redis.call('HGET', KEYS[1], ARGV[1]) or '0', redis.call('ZRANGE', KEYS[2], 0, -1)}
`,
);

/** KEYS: members. ARGV: member, channel. */
export const leaveGroupScript = script(
  "leaveGroup",
  `
if redis.call('ZREM', KEYS[1], ARGV[1]) == 1 then tell(ARGV[2]) end
return 1
`,
);

/** KEYS: groups. ARGV: group, number of partitions. */
export const addGroupScript = script(
  "addGroup",
  `
local known = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or 0) or 0
if known < tonumber(ARGV[2]) then redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) end
return 1
`,
);
