import { openPartition } from "../journal/redis-partition-scripts.js";
import { script } from "../journal/redis-script.js";
import { finding, opening, outcomes } from "./redis-store-scripts.js";

/** Entries that a query's deletion removes in one step, at most. @internal */
export const maxRemoved = 2000;
/** Entries of a partition in which a script looks for a prefix, at most. @internal */
export const maxSearched = 10_000;

/** Events about several keys, divided so that none is larger than ARGV[4] by much. */
const many = `
local most = tonumber(ARGV[4])
-- 'items': lists of member, value, what was there; 'before' is called for each before its event.
local function emitMany(kind, bits, items, before)
  local parts, count, size = {}, 0, 0
  local function cut()
    if count == 0 then return end
    keep(struct.pack('>BBBBI2I4', 1, 17, kind, bits, #command, count) .. command .. table.concat(parts))
    parts, count, size = {}, 0, 0
  end
  for _, item in ipairs(items) do
    local member, value, was = item[1], item[2], item[3]
    local part = struct.pack('>I4I4I4', #member, value and #value or 4294967295, was and #was or 4294967295)
      .. member .. (value or '') .. (was or '')
    if size + #part > most then cut() end
    if before then before(item) end
    count, size = count + 1, size + #part
    parts[count] = part
  end
  cut()
end
local function emitQuery(kind, bits, prefix)
  keep(struct.pack('>BBBBI2I4', 1, 18, kind, bits, #command, prefix and #prefix or 4294967295)
    .. command .. (prefix or ''))
end
`;

/**
 * Calls `each` for each partition, whose entries are KEYS[first] to KEYS[last]. ARGV[6]: the number
 * of partitions; then, for each, how many entries it has. `offset`: of the last of these.
 */
const partitions = `
local offset = 6 + tonumber(ARGV[6])
local function everyPartition(each)
  local at = 1
  for part = 1, tonumber(ARGV[6]) do
    local count = tonumber(ARGV[6 + part])
    each(at, at + 3, at + 2 + count)
    at = at + 3 + count
  end
end
local trims = {}
local function leave()
  close()
  trims[#trims + 1] = made > 0 and next >= trimAt and 1 or 0
end
`;

/**
 * ARGV: and bytes of an event, "1": the reply has what was there, the number of partitions, the
 * number of entries of each; TTL or 0, "1": only if none of them is there; the values. The reply:
 * time, outcome, counts of inserted, updated, expired and evicted entries, by partition whether to
 * trim; and for each entry what it was, what was missing, and what was there.
 */
export const putAllScript = script(
  "putAll",
  openPartition,
  opening,
  finding,
  many,
  partitions,
  `
local ttl, isNew, wants = tonumber(ARGV[offset + 1]), ARGV[offset + 2] == '1', ARGV[5] == '1'
local deadline = ttl > 0 and time + ttl or 0
local refused = false
if isNew then
  everyPartition(function(_, first, last)
    for at = first, last do
      local head = redis.call('GETRANGE', KEYS[at], 0, 32)
      if #head > 32 then
        local due = struct.unpack('>d', head)
        if due == 0 or due > time then refused = true end
      end
    end
  end)
end
if refused then return {int(time), ${outcomes.nothing}} end
local counts, rows = {0, 0, 0, 0}, {}
local number = 0
everyPartition(function(base, first, last)
  enter(base)
  local new, present = {}, {}
  for at = first, last do
    number = number + 1
    local key, value = KEYS[at], ARGV[offset + 2 + number]
    local old, due, _, how, wasGone = find(key)
    local was = old and valueOf(old)
    local item = {memberOf(key), value, was, key, due}
    if old then present[#present + 1] = item else new[#new + 1] = item end
    if how > 0 then counts[how] = counts[how] + 1 end
    if wants then
      rows[#rows + 1] = old and 1 or 0
      rows[#rows + 1] = how
      rows[#rows + 1] = was or wasGone
    end
  end
  local function store(item)
    save(item[4], deadline, ttl, 0, item[2])
    if not item[3] or item[5] ~= deadline then redis.call('ZADD', index, score(deadline), item[1]) end
  end
  emitMany(0, flags, new, store)
  emitMany(1, flags, present, store)
  counts[1], counts[2] = counts[1] + #new, counts[2] + #present
  leave()
end)
return {int(time), 1, counts[1], counts[2], counts[3], counts[4], trims, rows}
`,
);

/**
 * ARGV: and bytes of an event, "1": the reply has what was there, the number of partitions, the
 * number of entries of each; "1": an event names also what was not there; for each entry the
 * position that it must have, or "". The reply: as that of `putAll`, with the number of those
 * removed first.
 */
export const removeAllScript = script(
  "removeAll",
  openPartition,
  opening,
  finding,
  many,
  partitions,
  `
local isAlways, wants = ARGV[offset + 1] == '1', ARGV[5] == '1'
local counts, rows = {0, 0, 0, 0}, {}
local number = 0
everyPartition(function(base, first, last)
  enter(base)
  local items = {}
  for at = first, last do
    number = number + 1
    local key, expected = KEYS[at], ARGV[offset + 1 + number]
    local old, _, _, how, wasGone = find(key)
    local member = memberOf(key)
    if old and expected ~= '' then
      local _, position = struct.unpack('>dd', old)
      if int(position) ~= expected then old = false end
    end
    local was = old and valueOf(old)
    if old or expected == '' then redis.call('UNLINK', key, flightOf(member)) end
    if old then
      redis.call('ZREM', index, member)
      counts[1] = counts[1] + 1
    end
    if old or isAlways then items[#items + 1] = {member, false, was} end
    if how > 0 then counts[how] = counts[how] + 1 end
    if wants then
      rows[#rows + 1] = old and 2 or ${outcomes.nothing}
      rows[#rows + 1] = how
      rows[#rows + 1] = was or wasGone
    end
  end
  emitMany(2, flags, items)
  leave()
end)
return {int(time), 2, counts[1], 0, counts[3], counts[4], trims, rows}
`,
);

/**
 * Removes what a query matches, of one partition, in steps. ARGV: and bytes of an event, "1": the
 * reply has what has expired; "1": an event is made also where nothing is there; the prefix of keys,
 * or "" for all. The reply's outcome: whether there is more to do (1), not (0), or that the
 * partition is too large for a search (${outcomes.conflict}); then how many were deleted, have
 * expired, were evicted; then the keys and values of those that have expired. Its last step makes
 * one event, of the query; where there are more than ${maxRemoved} entries, the steps before name
 * their keys.
 */
export const clearScript = script(
  "clear",
  openPartition,
  opening,
  finding,
  many,
  `
enter(1)
local wants, isAlways, prefix = ARGV[5] == '1', ARGV[6] == '1', ARGV[7]
local limit = ${maxRemoved}
local entryOf = string.sub(index, 1, #index - 6) .. ':e:'
local counts, rows = {0, 0, 0}, {}
local function answer(more) return reply(more, 0, counts[1], counts[2], counts[3], rows) end
local due = redis.call('ZRANGEBYSCORE', index, '-inf', int(time), 'LIMIT', 0, limit)
for _, member in ipairs(due) do
  local _, _, _, how, wasGone = find(entryOf .. member)
  if how > 0 then counts[how - 1] = counts[how - 1] + 1 end
  if how == 3 and wants then
    rows[#rows + 1] = member
    rows[#rows + 1] = wasGone
  end
end
if #due == limit then return answer(1) end
-- What is loaded now, or stale, is from before.
redis.call('HINCRBY', meta, 'clears', 1)
redis.call('HSET', meta, 'clearedAt', int(next))
local total = redis.call('ZCARD', index)
if prefix ~= '' and total > ${maxSearched} and not isAlways then return answer(${outcomes.conflict}) end
local found = {}
if prefix == '' then found = redis.call('ZRANGE', index, 0, limit)
else
  for _, member in ipairs(redis.call('ZRANGE', index, 0, -1)) do
    if string.sub(member, 1, #prefix) == prefix then found[#found + 1] = member end
    if #found > limit then break end
  end
end
local isLast = #found <= limit
local items = {}
for at = 1, math.min(#found, limit) do
  local member = found[at]
  local was = false
  if not isLast then was = redis.call('GET', entryOf .. member) end
  if redis.call('UNLINK', entryOf .. member) == 1 then
    counts[1] = counts[1] + 1
    items[#items + 1] = {member, false, was and valueOf(was)}
  else
    counts[3] = counts[3] + 1
    emit(4, 0, member, false, false)
  end
  redis.call('ZREM', index, member)
end
if not isLast then emitMany(2, flags, items)
elseif counts[1] > 0 or isAlways then emitQuery(2, flags, prefix ~= '' and string.sub(prefix, 2)) end
return answer(isLast and 0 or 1)
`,
);

/**
 * Removes what is due in some partitions. ARGV: and "1": the reply has what has expired; how many at
 * most. The reply: the time, whether there is more to do, how many have expired and were evicted, by
 * partition whether to trim; then the keys and values of those that have expired.
 */
export const sweepScript = script(
  "sweep",
  openPartition,
  opening,
  finding,
  `
local wants, left = ARGV[4] == '1', tonumber(ARGV[5])
local counts, rows, trims = {0, 0}, {}, {}
for at = 1, #KEYS, 3 do
  if left == 0 then break end
  local due = redis.call('ZRANGEBYSCORE', KEYS[at + 2], '-inf', int(time), 'LIMIT', 0, left)
  local trim = 0
  if #due > 0 then
    enter(at)
    local entryOf = string.sub(index, 1, #index - 6) .. ':e:'
    for _, member in ipairs(due) do
      local _, _, _, how, wasGone = find(entryOf .. member)
      if how > 0 then counts[how - 2] = counts[how - 2] + 1 end
      if how == 3 and wants then
        rows[#rows + 1] = member
        rows[#rows + 1] = wasGone
      end
    end
    close()
    if made > 0 and next >= trimAt then trim = 1 end
    left = left - #due
  end
  trims[#trims + 1] = trim
end
return {int(time), left == 0 and 1 or 0, counts[1], counts[2], trims, rows}
`,
);

/**
 * Looks whether entries are still there. ARGV: and bytes of an event, "1": the reply has the keys; a
 * cursor, how many. The reply's outcome: how many were evicted; then the next cursor, and the keys.
 */
export const walkScript = script(
  "walk",
  openPartition,
  opening,
  finding,
  `
enter(1)
local entryOf = string.sub(index, 1, #index - 6) .. ':e:'
local found = redis.call('ZSCAN', index, ARGV[6], 'COUNT', ARGV[7])
local rows, count = {}, 0
for at = 1, #found[2], 2 do
  local member = found[2][at]
  if redis.call('EXISTS', entryOf .. member) == 0 then
    local _, _, _, how = find(entryOf .. member)
    if how == 4 then
      count = count + 1
      if ARGV[5] == '1' then rows[count] = member end
    end
  end
end
return reply(count, 0, found[1], rows)
`,
);

/** KEYS: entries of one partition. The time, and the entries: what is due is left out. */
export const readAllScript = script(
  "readAll",
  `
local time = now()
local found = {int(time)}
for at, key in ipairs(KEYS) do
  local old = redis.call('GET', key)
  if old and #old > 32 then
    local due = struct.unpack('>d', old)
    if due > 0 and due <= time then old = false end
  end
  found[at + 1] = old
end
return found
`,
);

/** KEYS: index. The time, and how many entries there are that are not due. */
export const countScript = script(
  "count",
  `
local time = now()
return {int(time), redis.call('ZCARD', KEYS[1]) - redis.call('ZCOUNT', KEYS[1], '-inf', int(time))}
`,
);

/**
 * KEYS: which process sweeps, until its time is over. ARGV: process, how long it sweeps. Returns the
 * time, and whether it is this process.
 */
export const sweeperScript = script(
  "sweeper",
  `
local owner = redis.call('GET', KEYS[1])
local isOwn = not owner or owner == ARGV[1]
if isOwn then redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
return {int(now()), isOwn and 1 or 0}
`,
);
