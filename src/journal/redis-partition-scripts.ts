import { script } from "./redis-script.js";

/**
 * The present generation and the next position. A partition that nothing is known of begins a
 * generation; if there are entries all the same (the server has evicted the rest), it goes on behind
 * them.
 *
 * Hash `meta`: `generation`; `next`: the position of the next event; `trimAt`: the value of `next`
 * at which `append` trims again; `last`: `writer` of the last entry; `writers`: how many fields
 * `writers` had when it was last swept.
 */
export const openPartition = `
local function open(meta, log, fresh)
  local known = redis.call('HMGET', meta, 'generation', 'next', 'trimAt', 'last')
  local next = tonumber(known[2] or nil)
  if known[1] and next then return known[1], next, tonumber(known[3] or 0) or 0, known[4] or '' end
  local entry = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)[1]
  local last = ''
  next = 0
  if entry then
    next = tonumber(string.match(entry[1], '^%d+')) + 1
    for i = 1, #entry[2], 2 do if entry[2][i] == 'writer' then last = entry[2][i + 1] end end
  end
  redis.call('HSET', meta, 'generation', fresh, 'next', int(next), 'trimAt', 0, 'last', last)
  return fresh, next, 0, last
end
`;

/**
 * Stream \`log\`: an entry's id is `<position of its last event>-1`, so that XRANGE from a position
 * begins with the entry that holds it.
 */
export const readLog = `
-- The first entry that ends at a position or behind it: its first position, its last one, its fields.
local function entryAt(log, position)
  local entry = redis.call('XRANGE', log, int(position), '+', 'COUNT', 1)[1]
  if not entry then return nil end
  local fields = {}
  for i = 1, #entry[2], 2 do fields[entry[2][i]] = entry[2][i + 1] end
  local last = tonumber(string.match(entry[1], '^%d+'))
  return last - (tonumber(fields.count) or 1) + 1, last, fields
end
local function firstOf(log, next) return entryAt(log, 0) or next end
`;

const trimming = `
-- The position up to which all entries were stored at that time or before.
local function oldUntil(log, next, time)
  local function isOld(fields) return (tonumber(fields.time) or 0) <= time end
  local first, last, fields = entryAt(log, 0)
  if not first or not isOld(fields) then return 0 end
  local low, high = last + 1, next
  while low < high do
    local middle = math.floor((low + high) / 2)
    first, last, fields = entryAt(log, middle)
    if first and isOld(fields) then low = last + 1
    else high = math.max(low, first and math.min(first, middle) or middle) end
  end
  return low
end
-- Sorted set 'positions': the first position that each group needs.
local function trim(meta, log, writers, positions, next, time, retain, retainFor, capacity)
  local limit = next - retain
  if retainFor then limit = math.max(limit, oldUntil(log, next, time - retainFor)) end
  local needed = redis.call('ZRANGE', positions, 0, 0, 'WITHSCORES')[2]
  if needed then limit = math.min(limit, tonumber(needed)) end
  limit = math.max(limit, next - capacity)
  if limit <= 0 then return end
  redis.call('XTRIM', log, 'MINID', '=', int(limit))
  -- Writers of which nothing is kept any more are forgotten, once there are twice as many as after
  -- the last time.
  local count = redis.call('HLEN', writers)
  local before = tonumber(redis.call('HGET', meta, 'writers') or 0) or 0
  if count < 128 or count < 2 * before then return end
  local all = redis.call('HGETALL', writers)
  for i = 1, #all, 2 do
    local at = tonumber(string.match(all[i + 1], ' (%d+)$') or 0)
    if at < limit then redis.call('HDEL', writers, all[i]) end
  end
  redis.call('HSET', meta, 'writers', redis.call('HLEN', writers))
end
`;

const writing = `
-- Hash 'writers': by node: <epoch> <startedAt> <last sequence stored, or -> <1: lost> <position>
local function writerOf(writers, node, epoch, startedAt)
  local known = redis.call('HGET', writers, node)
  if not known then return '-', '0' end
  local e, started, last, lost = string.match(known, '^(%S+) (%S+) (%S+) (%S+) %S+$')
  if e == epoch then return last, lost end
  if e then
    local theirs, ours = tonumber(started) or 0, tonumber(startedAt)
    -- Younger: of a node of that name that was started later.
    if theirs > ours or (theirs == ours and e > epoch) then return nil end
  end
  return '-', '0'
end
-- An entry names the one before it, so that a reader sees when that is not the one it has read.
local function store(meta, log, next, count, payload, writer, previous)
  local last = next + count - 1
  local time = now()
  redis.call('XADD', log, int(last) .. '-1', 'payload', payload, 'count', count, 'time', int(time),
    'writer', writer, 'previous', previous)
  redis.call('HSET', meta, 'next', int(last + 1), 'last', writer)
  return last, time
end
`;

/**
 * KEYS: meta, log, writers, positions. ARGV: fresh generation, node, epoch, startedAt, after, to,
 * count, payload, channel, retain, retainFor or "", capacity, step. Returns status, position or last
 * sequence, generation.
 */
export const appendScript = script(
  "append",
  openPartition,
  readLog,
  trimming,
  writing,
  `
local meta, log, writers, positions = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local node, epoch, startedAt, after, to, count = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local stored = writerOf(writers, node, epoch, startedAt)
if not stored then return {'superseded'} end
local generation, next, trimAt, previous = open(meta, log, ARGV[1])
if stored ~= '-' and stored ~= after then return {'conflict', stored, generation} end
local last, time = store(meta, log, next, count, ARGV[8], node .. ':' .. epoch .. ':' .. to, previous)
redis.call('HSET', writers, node, epoch .. ' ' .. startedAt .. ' ' .. to .. ' 0 ' .. int(last))
tell(ARGV[9])
if last + 1 >= trimAt then
  trim(meta, log, writers, positions, last + 1, time, tonumber(ARGV[10]), tonumber(ARGV[11]), tonumber(ARGV[12]))
  redis.call('HSET', meta, 'trimAt', int(last + 1 + ARGV[13]))
end
return {'appended', int(next), generation}
`,
);

/** KEYS: meta, log, writers. ARGV: fresh generation, node, epoch, startedAt, payload, channel. */
export const markLostScript = script(
  "markLost",
  openPartition,
  writing,
  `
local meta, log, writers = KEYS[1], KEYS[2], KEYS[3]
local node, epoch, startedAt = ARGV[2], ARGV[3], ARGV[4]
local stored, lost = writerOf(writers, node, epoch, startedAt)
if not stored or lost == '1' then return 0 end
local _, next, _, previous = open(meta, log, ARGV[1])
local writer = node .. ':' .. epoch .. ':' .. (stored == '-' and '-1' or stored)
local last = store(meta, log, next, 1, ARGV[5], writer, previous)
redis.call('HSET', writers, node, epoch .. ' ' .. startedAt .. ' ' .. stored .. ' 1 ' .. int(last))
tell(ARGV[6])
return 1
`,
);

/** KEYS: meta, log. ARGV: fresh generation, probe or "". Returns generation, first, next, writer. */
export const boundsScript = script(
  "bounds",
  openPartition,
  readLog,
  `
local generation, next = open(KEYS[1], KEYS[2], ARGV[1])
local probed = false
if ARGV[2] ~= '' then
  local first, _, fields = entryAt(KEYS[2], ARGV[2])
  if first and first <= tonumber(ARGV[2]) then probed = fields.writer or false end
end
return {generation, int(firstOf(KEYS[2], next)), int(next), probed}
`,
);

/**
 * KEYS: meta, log, positions. ARGV: fresh generation, expected generation. Groups need all that is
 * kept: in a new generation they begin at 0.
 */
export const renewScript = script(
  "renew",
  openPartition,
  `
local generation = open(KEYS[1], KEYS[2], ARGV[1])
if generation ~= ARGV[2] then return generation end
redis.call('HSET', KEYS[1], 'generation', ARGV[1])
for _, group in ipairs(redis.call('ZRANGE', KEYS[3], 0, -1)) do redis.call('ZADD', KEYS[3], 0, group) end
return ARGV[1]
`,
);

/**
 * KEYS: meta, log, writers, positions. ARGV: retain, retainFor or "", capacity, and how many events
 * later to trim again.
 */
export const trimScript = script(
  "trim",
  readLog,
  trimming,
  `
local next = tonumber(redis.call('HGET', KEYS[1], 'next') or nil)
if next then
  trim(KEYS[1], KEYS[2], KEYS[3], KEYS[4], next, now(), tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]))
  redis.call('HSET', KEYS[1], 'trimAt', int(next + ARGV[4]))
end
return 1
`,
);
