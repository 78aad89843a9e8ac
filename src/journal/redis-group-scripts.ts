import { openPartition, readLog } from "./redis-partition-scripts.js";
import { script } from "./redis-script.js";

/**
 * Hash `group`, one in each partition: `owner`, `until` (when its lease expires, by TIME), `fence`,
 * `position`, `generation`, `seeks`, `paused`, `letters` (how many dead letters there have been).
 * Sorted sets `resting` and `retrying`: ids of dead letters in their order. Hash `letters`: by id:
 * `<position> <record>`.
 */
const group = `
local names = {'owner', 'until', 'fence', 'position', 'generation', 'seeks', 'paused'}
local function load(key)
  local values = redis.call('HMGET', key, unpack(names))
  if not values[4] then return nil end
  local g = {}
  for i, name in ipairs(names) do g[name] = values[i] or '' end
  for _, name in ipairs({'until', 'fence', 'position', 'seeks'}) do g[name] = tonumber(g[name]) or 0 end
  return g
end
local function stateOf(g, time, resting, retrying)
  local left = math.max(0, g['until'] - time)
  return {left > 0 and g.owner or '', int(left), int(g.fence), int(g.position), g.generation, int(g.seeks), g.paused,
    redis.call('ZCARD', resting), redis.call('ZCARD', retrying)}
end
-- Whether the journal has begun a new generation since.
local function enter(g, generation)
  if g.generation == generation then return false end
  g.generation, g.position = generation, 0
  return true
end
local function place(key, positions, name, g, ...)
  redis.call('HSET', key, 'position', int(g.position), 'generation', g.generation, ...)
  redis.call('ZADD', positions, int(g.position), name)
end
`;

const creating = `
local function create(key, positions, name, generation, position, time)
  local g = {owner = '', ['until'] = 0, fence = time, position = position, generation = generation, seeks = 0, paused = ''}
  place(key, positions, name, g, 'fence', int(time), 'seeks', 0)
  return g
end
`;

/**
 * KEYS: meta, log, positions, group. ARGV: fresh generation, name, "earliest" or "latest".
 */
export const createGroupScript = script(
  "createGroup",
  openPartition,
  readLog,
  group,
  creating,
  `
local generation, next = open(KEYS[1], KEYS[2], ARGV[1])
if not load(KEYS[4]) then
  local position = ARGV[3] == 'earliest' and firstOf(KEYS[2], next) or next
  create(KEYS[4], KEYS[3], ARGV[2], generation, position, now())
end
return 1
`,
);

/**
 * KEYS: meta, log, positions, group, resting, retrying. ARGV: fresh generation, name, "earliest" or
 * "latest", owner, leaseTime. The fence is the time in milliseconds, or one more than it was if that
 * is greater: it grows also where the server has forgotten the last changes. Returns whether the group
 * was created, the state, and the first position that is kept; nothing if there is an owner.
 */
export const acquireScript = script(
  "acquire",
  openPartition,
  readLog,
  group,
  creating,
  `
local key, positions, name = KEYS[4], KEYS[3], ARGV[2]
local time = now()
local generation, next = open(KEYS[1], KEYS[2], ARGV[1])
local g = load(key)
local created = 0
if not g then
  created = 1
  local position = ARGV[3] == 'earliest' and firstOf(KEYS[2], next) or next
  g = create(key, positions, name, generation, position, time)
elseif g.owner ~= '' and g['until'] > time then return false end
if enter(g, generation) then place(key, positions, name, g) end
g.owner, g['until'], g.fence = ARGV[4], time + ARGV[5], math.max(g.fence + 1, time)
redis.call('HSET', key, 'owner', g.owner, 'until', int(g['until']), 'fence', int(g.fence))
return {created, stateOf(g, time, KEYS[5], KEYS[6]), int(firstOf(KEYS[2], next))}
`,
);

/**
 * KEYS: meta, log, positions, group, resting, retrying, letters. ARGV: fresh generation, name,
 * fence, seeks, generation, position, leaseTime (0: given back), channel, number of dead letters; for
 * each id, position, record; then ids of letters that were handled. Returns the status and the
 * state.
 */
export const commitScript = script(
  "commit",
  openPartition,
  group,
  `
local positions, key, resting, retrying, letters = KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7]
local time = now()
local generation = open(KEYS[1], KEYS[2], ARGV[1])
local g = load(key)
if not g then
  return {'fenced', {'', '0', '0', '0', generation, '0', '', 0, 0}}
end
if g.owner == '' or g['until'] <= time or int(g.fence) ~= ARGV[3] then
  return {'fenced', stateOf(g, time, resting, retrying)}
end
local lease = tonumber(ARGV[7])
g['until'] = lease > 0 and time + lease or 0
local moved = enter(g, generation) or ARGV[5] ~= generation or int(g.seeks) ~= ARGV[4]
if not moved then g.position = tonumber(ARGV[6]) end
place(key, positions, ARGV[2], g, 'until', int(g['until']))
if lease == 0 then tell(ARGV[8]) end
if moved then return {'moved', stateOf(g, time, resting, retrying)} end
local dead = tonumber(ARGV[9])
for i = 10 + 3 * dead, #ARGV do
  redis.call('ZREM', retrying, ARGV[i])
  redis.call('ZREM', resting, ARGV[i])
  redis.call('HDEL', letters, ARGV[i])
end
for i = 10, 9 + 3 * dead, 3 do
  local id = ARGV[i]
  redis.call('HSET', letters, id, ARGV[i + 1] .. ' ' .. ARGV[i + 2])
  redis.call('ZREM', retrying, id)
  redis.call('ZADD', resting, redis.call('HINCRBY', key, 'letters', 1), id)
end
return {'committed', stateOf(g, time, resting, retrying)}
`,
);

/** KEYS: group, resting, retrying. Returns the state; nothing if the group is not there. */
export const viewScript = script(
  "view",
  group,
  `
local g = load(KEYS[1])
return g and stateOf(g, now(), KEYS[2], KEYS[3]) or false
`,
);

/** KEYS: meta, log, positions, group. ARGV: fresh generation, name, target, channel. */
export const seekScript = script(
  "seek",
  openPartition,
  readLog,
  group,
  `
local generation, next = open(KEYS[1], KEYS[2], ARGV[1])
local target = next
if ARGV[3] ~= 'latest' then
  local first = firstOf(KEYS[2], next)
  target = ARGV[3] == 'earliest' and first or math.min(math.max(tonumber(ARGV[3]), first), next)
end
local g = load(KEYS[4])
if g then
  g.position, g.generation = target, generation
  place(KEYS[4], KEYS[3], ARGV[2], g)
  redis.call('HINCRBY', KEYS[4], 'seeks', 1)
  tell(ARGV[4])
end
return int(target)
`,
);

/** KEYS: group. ARGV: "1" or "", channel. */
export const pauseScript = script(
  "setPaused",
  `
if redis.call('HEXISTS', KEYS[1], 'position') == 1 then
  redis.call('HSET', KEYS[1], 'paused', ARGV[1])
  tell(ARGV[2])
end
return 1
`,
);

/** KEYS: resting or retrying, letters. ARGV: how many. Returns id, letter, id, letter ... */
export const lettersScript = script(
  "deadLetters",
  `
local found = {}
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, ARGV[1] - 1)) do
  local letter = redis.call('HGET', KEYS[2], id)
  if letter then found[#found + 1] = id; found[#found + 1] = letter end
end
return found
`,
);

/**
 * KEYS: resting, retrying, letters. ARGV: "retry" or "drop", channel, "all" or "of", ids. Returns
 * how many.
 */
export const moveLettersScript = script(
  "moveLetters",
  `
local ids = {}
if ARGV[3] == 'all' then ids = redis.call('ZRANGE', KEYS[1], 0, -1)
else for i = 4, #ARGV do ids[#ids + 1] = ARGV[i] end end
local count = 0
for _, id in ipairs(ids) do
  local order = redis.call('ZSCORE', KEYS[1], id)
  if order then
    count = count + 1
    redis.call('ZREM', KEYS[1], id)
    if ARGV[1] == 'retry' then redis.call('ZADD', KEYS[2], order, id)
    else redis.call('HDEL', KEYS[3], id) end
  end
end
if count > 0 and ARGV[1] == 'retry' then tell(ARGV[2]) end
return count
`,
);

/**
 * KEYS: positions, group, resting, retrying, letters. ARGV: name, channel. Returns the owner, or "".
 */
export const deleteGroupScript = script(
  "deleteGroup",
  group,
  `
local g = load(KEYS[2])
if g and g.owner ~= '' and g['until'] > now() then return g.owner end
redis.call('DEL', KEYS[2], KEYS[3], KEYS[4], KEYS[5])
redis.call('ZREM', KEYS[1], ARGV[1])
if g then tell(ARGV[2]) end
return ''
`,
);
