import { script } from "../journal/redis-script.js";

/**
 * KEYS: hash of the processes: by node: `<expires> <info>`; and a field without a name, which stays:
 * there is a shared store. ARGV: node, info, ttl, after how many milliseconds more a process that
 * has gone is forgotten.
 */
export const announceScript = script(
  "announce",
  `
local time = now()
redis.call('HSETNX', KEYS[1], '', 'store')
redis.call('HSET', KEYS[1], ARGV[1], int(time + ARGV[3]) .. ' ' .. ARGV[2])
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local expires = tonumber(string.match(all[i + 1], '^(%d+) ') or nil)
  if expires and expires + ARGV[4] < time then redis.call('HDEL', KEYS[1], all[i]) end
end
return 1
`,
);

/** KEYS: that hash. Returns the time, and the hash. */
export const processesScript = script(
  "processes",
  `
return {int(now()), redis.call('HGETALL', KEYS[1])}
`,
);

/**
 * KEYS: log, index of a partition. Returns the time, the number of entries, of those that are due,
 * the deadline that comes first or "", the number of entries of the log, its bytes or "".
 */
export const statsScript = script(
  "stats",
  `
local time = now()
local first = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')[2]
local due = redis.call('ZCOUNT', KEYS[2], '-inf', int(time))
-- Not every user may ask for it.
local bytes = redis.pcall('MEMORY', 'USAGE', KEYS[1])
return {int(time), redis.call('ZCARD', KEYS[2]), due, due > 0 and first or '',
  redis.call('XLEN', KEYS[1]), type(bytes) == 'number' and bytes or ''}
`,
);
