import { openPartition } from "../journal/redis-partition-scripts.js";
import { script } from "../journal/redis-script.js";
import { finding, opening, outcomes } from "./redis-store-scripts.js";

/** What is under `<tag>:f:<key>`: a load is over when everything has been cleared since. */
const flights = `
local function flightBy(token) return (redis.call('HGET', meta, 'clears') or '0') .. ':' .. token end
`;

/** What a process that misses a key has to do. @internal */
export const claims = { load: 0, wait: 1 } as const;

/**
 * KEYS: and one entry. ARGV: and "1": the reply has what has expired; a token, how long the load may
 * take. Begins the load of a value that is not there, unless one is under way. The reply's outcome:
 * nothing, where there is an entry, which it has; to load; or to wait.
 */
export const claimScript = script(
  "claim",
  openPartition,
  opening,
  finding,
  flights,
  `
enter(1)
local old, _, _, how, wasGone = find(KEYS[4])
if old then return reply(${outcomes.nothing}, how, old, false) end
local flight = flightOf(memberOf(KEYS[4]))
wasGone = ARGV[4] == '1' and wasGone
if redis.call('SET', flight, flightBy(ARGV[5]), 'PX', ARGV[6], 'NX') then return reply(${claims.load}, how, false, wasGone) end
return reply(${claims.wait}, how, false, wasGone)
`,
);

/**
 * KEYS: and one entry. ARGV: and value, TTL or 0, for how long a stale value is kept, the token, "1".
 * Stores a value that has been loaded, if the load still counts and there is no entry.
 */
export const landScript = script(
  "land",
  openPartition,
  opening,
  finding,
  flights,
  `
enter(1)
local key, value, ttl = KEYS[4], ARGV[4], tonumber(ARGV[5])
local member = memberOf(key)
local flight = flightOf(member)
local isOwn = redis.call('GET', flight) == flightBy(ARGV[7])
local old, _, _, how, wasGone = find(key)
wasGone = ARGV[8] == '1' and wasGone
if isOwn then redis.call('UNLINK', flight) end
if old or how > 0 or not isOwn then return reply(${outcomes.conflict}, how, false, wasGone) end
local deadline = ttl > 0 and time + ttl or 0
save(key, deadline, ttl, tonumber(ARGV[6]), value)
redis.call('ZADD', index, score(deadline), member)
emit(0, flags, member, value, false)
return reply(0, how, false, wasGone)
`,
);

/** KEYS: and one entry. ARGV: and the token. Ends a load that has failed. */
export const giveUpScript = script(
  "giveUp",
  openPartition,
  opening,
  finding,
  flights,
  `
enter(1)
local flight = flightOf(memberOf(KEYS[4]))
if redis.call('GET', flight) == flightBy(ARGV[4]) then redis.call('UNLINK', flight) end
return reply(${outcomes.nothing}, 0)
`,
);

/**
 * KEYS: and one entry. ARGV: and "1": the reply has what has expired; for how long a stale value may
 * be used. The reply's outcome: nothing, or 1: what it has is stale.
 */
export const readStaleScript = script(
  "readStale",
  openPartition,
  opening,
  finding,
  `
enter(1)
local key = KEYS[4]
local old, _, _, how, wasGone = find(key)
wasGone = ARGV[4] == '1' and wasGone
if old then return reply(${outcomes.nothing}, how, old, wasGone) end
old = redis.call('GET', key)
if not old or #old <= 32 then return reply(${outcomes.nothing}, how, false, wasGone) end
local deadline, position, _, stale = struct.unpack('>dddd', old)
local cleared = tonumber(redis.call('HGET', meta, 'clearedAt') or 0) or 0
if position < cleared or deadline + math.min(stale, tonumber(ARGV[5])) <= time then
  return reply(${outcomes.nothing}, how, false, wasGone)
end
return reply(1, how, old, wasGone)
`,
);
