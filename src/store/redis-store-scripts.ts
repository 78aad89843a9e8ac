import { openPartition } from "../journal/redis-partition-scripts.js";
import { script } from "../journal/redis-script.js";

/**
 * The scripts of a shared store. Each changes entries of one partition and appends the events of
 * these changes to the partition's journal.
 *
 * An entry is a string under `<tag>:e:<key>`: deadline (0: none), position of its last event, TTL
 * (0: none), for how long a stale value is kept, each a big-endian double; then the value. The
 * server's own TTL lies behind the deadline, so that the sweep still finds the value. The sorted set
 * `<tag>:index` has the keys, with the deadline as score: what is under `:e:` and not in it is a
 * stale value. `<tag>:f:<key>` is the load of a value that is under way. The scripts make the names
 * of the last two from that of the index; they have the same hash tag.
 */

/** Bytes before the value. @internal */
export const headerSize = 32;

/** How long the server keeps an entry behind its deadline, for the sweep. */
const slack = 3_600_000;
/** The server's TTL of an entry without one: it makes the entry one that may be evicted. */
const longest = 315_360_000_000;

/** Added to the flags: the new entries are announced, as in a Redis Cluster. @internal */
export const announce = 64;

/** What a script has done to the entry that it found. @internal */
export const outcomes = { nothing: -1, conflict: -2, notNumber: -3, notFinite: -4 } as const;

/** What was missing when a key was met. @internal */
export const gone = { nothing: 0, expired: 3, evicted: 4 } as const;

/**
 * KEYS: meta, log, index, then entries; for several partitions one after the other. ARGV[1]: who
 * writes, as the journal's `writer`; ARGV[2]: the command; ARGV[3]: flags, see `changeFlags`.
 *
 * @internal
 */
export const opening = `
local writer, command, flags = ARGV[1], ARGV[2], tonumber(ARGV[3])
local announces = flags >= ${announce}
if announces then flags = flags - ${announce} end
local time = now()
local meta, log, index, generation, next, trimAt, last
local made = 0
-- Makes the partition whose keys begin at KEYS[at] the one that is worked on.
local function enter(at)
  meta, log, index, made = KEYS[at], KEYS[at + 1], KEYS[at + 2], 0
  local known = redis.call('HMGET', meta, 'generation', 'next', 'trimAt', 'last')
  generation, next, trimAt, last = known[1], tonumber(known[2] or nil), tonumber(known[3] or 0) or 0, known[4] or ''
  if generation and next then return end
  local clock = redis.call('TIME')
  local fresh = string.sub(redis.sha1hex(clock[1] .. ':' .. clock[2] .. meta .. writer), 1, 16)
  generation, next, trimAt, last = open(meta, log, fresh)
end
local function memberOf(key) return string.sub(key, #index - 2) end
local function keep(change)
  local id = made == 0 and writer or writer .. '.' .. made
  redis.call('XADD', log, int(next) .. '-1', 'change', change, 'time', int(time), 'writer', id,
    'previous', last)
  last, next, made = id, next + 1, made + 1
end
-- One event about one key. 'value' and 'was' are false where there is none.
local function emit(kind, bits, member, value, was)
  keep(struct.pack('>BBBBI2I4I4', 1, 16, kind, bits + (was and 2 or 0), #command, #member, value and #value or 4294967295)
    .. command .. member .. (value or '') .. (was or ''))
end
local function close()
  if made == 0 then return end
  redis.call('HSET', meta, 'next', int(next), 'last', last)
  if announces then tell(string.sub(index, 1, #index - 6) .. ':news') end
end
local function header(deadline, ttl, stale) return struct.pack('>dddd', deadline, next, ttl, stale) end
local function valueOf(old) return string.sub(old, 33) end
-- 'left': until the deadline; default: the TTL.
local function save(key, deadline, ttl, stale, value, left)
  local life = ttl > 0 and (left or ttl) + stale + ${slack} or ${longest}
  redis.call('SET', key, header(deadline, ttl, stale) .. value, 'PX', int(math.max(life, 1)))
end
local function flightOf(member) return string.sub(index, 1, #index - 6) .. ':f:' .. member end
local function score(deadline) return deadline > 0 and int(deadline) or '+inf' end
-- What is left of an entry that the index has and the server has not: 3 expired, 4 evicted, 0: none.
local function lost(member)
  local due = redis.call('ZSCORE', index, member)
  if not due then return 0 end
  due = tonumber(due)
  return due and due <= time and 3 or 4
end
`;

/**
 * `find`: the entry under a key, if it is not due: the whole of it, its deadline, its TTL. One that is due,
 * or that the server has dropped, is removed, with its event. `reply`: what all scripts return.
 *
 * @internal
 */
export const finding = `
-- What is due goes: how it went, and what it held. 0: it had gone before, but for its stale value.
local function retire(key, member, old, deadline, stale)
  local isFirst = redis.call('ZREM', index, member) == 1
  local left = deadline + stale - time
  if left <= 0 then redis.call('UNLINK', key)
  elseif isFirst then redis.call('PEXPIRE', key, int(left)) end
  if not isFirst then return 0, false end
  redis.call('UNLINK', flightOf(member))
  emit(3, 0, member, false, valueOf(old))
  return 3, valueOf(old)
end
local function find(key)
  local old = redis.call('GET', key)
  local member = memberOf(key)
  if old and #old > 32 then
    local deadline, _, ttl, stale = struct.unpack('>dddd', old)
    if deadline == 0 or deadline > time then return old, deadline, ttl, 0, false, stale end
    return false, 0, 0, retire(key, member, old, deadline, stale)
  end
  local how = lost(member)
  if how > 0 then
    redis.call('ZREM', index, member)
    redis.call('UNLINK', flightOf(member))
    emit(how, 0, member, false, false)
  end
  return false, 0, 0, how, false
end
local function reply(outcome, how, ...)
  close()
  return {int(time), int(next - 1), outcome, how, next >= trimAt and made > 0 and 1 or 0, ...}
end
`;

/**
 * What most puts come to: an entry that is not due is replaced, or there is none. It does without the
 * functions of `opening`, whose making takes longer than the rest, and leaves it to the server to
 * print numbers. `old` is what was there, nil: nothing has been stored yet.
 */
const usualPut = `
local call, pack = redis.call, struct.pack
local key, value, ttl, stale = KEYS[4], ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[7])
local deadline, life, old = 0, ${longest}, nil
do
  local meta, index, writer, command, flags = KEYS[1], KEYS[3], ARGV[1], ARGV[2], tonumber(ARGV[3])
  local known = call('HMGET', meta, 'generation', 'next', 'trimAt', 'last')
  local id = known[2]
  local position = known[1] and id and tonumber(id)
  if position and flags < ${announce} then
    local clock = call('TIME')
    local time = clock[1] * 1000 + math.floor(clock[2] / 1000)
    if ttl > 0 then deadline, life = time + ttl, ttl + stale + ${slack} end
    local member = string.sub(key, #index - 2)
    old = call('SET', key, pack('>dddd', deadline, position, ttl, stale) .. value, 'PX', life, 'GET')
    local kind, was, size = nil, false, #value
    if old and #old > 32 then
      local due = struct.unpack('>d', old)
      if due == 0 or due > time then
        kind, was = 1, string.sub(old, 33)
        if due ~= deadline then call('ZADD', index, deadline > 0 and deadline or '+inf', member) end
      end
    elseif call('ZADD', index, 'NX', deadline > 0 and deadline or '+inf', member) == 1 then kind = 0 end
    if kind then
      call('XADD', KEYS[2], id .. '-1', 'change',
        pack('>BBBBI2I4I4', 1, 16, kind, flags + 2 * kind, #command, #member, size) .. command .. member .. value .. (was or ''),
        'time', time, 'writer', writer, 'previous', known[4] or '')
      call('HSET', meta, 'next', position + 1, 'last', writer)
      local trim = position + 1 >= (tonumber(known[3] or 0) or 0) and 1 or 0
      if ARGV[6] == '1' then return {time, position, kind, 0, trim, was, false} end
      return {time, position, kind, 0, trim}
    end
  end
end
`;

/**
 * KEYS: and one entry. ARGV: and value, TTL or 0, "1": the reply has what was there, for how long a
 * stale value is kept. Stores it, whatever was there.
 */
export const putScript = script(
  "put",
  usualPut,
  openPartition,
  opening,
  `
enter(1)
local member = memberOf(key)
if old == nil then
  deadline = ttl > 0 and time + ttl or 0
  life = int(ttl > 0 and ttl + stale + ${slack} or ${longest})
  old = redis.call('SET', key, header(deadline, ttl, stale) .. value, 'PX', life, 'GET')
end
local was, how, wasGone, kind, due = false, 0, false, 0, false
if old and #old > 32 then
  due = struct.unpack('>d', old)
  if due > 0 and due <= time then
    -- Its deadline has passed: it expires first, unless it has done so.
    if redis.call('ZREM', index, member) == 1 then
      how, wasGone = 3, valueOf(old)
      emit(3, 0, member, false, wasGone)
    end
    redis.call('SET', key, header(deadline, ttl, stale) .. value, 'PX', life)
    redis.call('ZADD', index, score(deadline), member)
  else
    kind, was = 1, valueOf(old)
    if due ~= deadline then redis.call('ZADD', index, score(deadline), member) end
  end
elseif redis.call('ZADD', index, 'NX', score(deadline), member) == 0 then
  how = lost(member)
  emit(how, 0, member, false, false)
  redis.call('SET', key, header(deadline, ttl, stale) .. value, 'PX', life)
  redis.call('ZADD', index, score(deadline), member)
end
emit(kind, flags, member, value, was)
close()
local trim = next >= trimAt and 1 or 0
if ARGV[6] == '1' then return {int(time), int(next - 1), kind, how, trim, was, wasGone} end
return {int(time), int(next - 1), kind, how, trim}
`,
);

/**
 * KEYS: and one entry. ARGV: and value, TTL or 0, "1", "new" or "present". Stores it if there is
 * none, or if there is one.
 */
export const putIfScript = script(
  "putIf",
  openPartition,
  opening,
  finding,
  `
enter(1)
local key, value, ttl = KEYS[4], ARGV[4], tonumber(ARGV[5])
local old, due, _, how, wasGone = find(key)
if (old and 'present' or 'new') ~= ARGV[7] then return reply(${outcomes.nothing}, how, false, ARGV[6] == '1' and wasGone) end
local deadline = ttl > 0 and time + ttl or 0
local member = memberOf(key)
save(key, deadline, ttl, 0, value)
if not old or due ~= deadline then redis.call('ZADD', index, score(deadline), member) end
local was = old and valueOf(old)
emit(old and 1 or 0, flags, member, value, was)
return reply(old and 1 or 0, how, ARGV[6] == '1' and was, ARGV[6] == '1' and wasGone)
`,
);

/**
 * KEYS: and one entry. ARGV: and "1": the reply has what was there, "1": an event is made also where
 * nothing was there. Removes it.
 */
export const removeScript = script(
  "remove",
  openPartition,
  opening,
  finding,
  `
enter(1)
local key = KEYS[4]
local old, _, _, how, wasGone = find(key)
local member = memberOf(key)
-- Also a stale value, and a load that is under way.
redis.call('UNLINK', key, flightOf(member))
if old then
  redis.call('ZREM', index, member)
  emit(2, flags, member, false, valueOf(old))
elseif ARGV[5] == '1' then emit(2, flags, member, false, false) end
return reply(old and 2 or ${outcomes.nothing}, how, ARGV[4] == '1' and old and valueOf(old), ARGV[4] == '1' and wasGone)
`,
);

/**
 * KEYS: and one entry. ARGV: and TTL, 0: none, "": the one it has; "1": the reply has what is there.
 * Sets the deadline.
 */
export const expireScript = script(
  "expire",
  openPartition,
  opening,
  finding,
  `
enter(1)
local key = KEYS[4]
local old, due, had, how, wasGone, stale = find(key)
wasGone = ARGV[5] == '1' and wasGone
if not old then return reply(${outcomes.nothing}, how, false, wasGone) end
local ttl = had
if ARGV[4] ~= '' then ttl = tonumber(ARGV[4]) end
-- What has no end, and gets none, does not change.
if due == 0 and (ARGV[4] == '' or ttl == 0) then return reply(${outcomes.conflict}, how, false, false) end
local member = memberOf(key)
local deadline = ttl > 0 and time + ttl or 0
local value = valueOf(old)
save(key, deadline, ttl, stale, value)
if due ~= deadline then redis.call('ZADD', index, score(deadline), member) end
emit(1, flags + 4, member, false, value)
return reply(1, how, ARGV[5] == '1' and value, wasGone)
`,
);

/**
 * KEYS: and one entry. ARGV: and "1". What is there, exactly: the reply has the whole entry and what
 * has expired.
 */
export const readScript = script(
  "read",
  openPartition,
  opening,
  finding,
  `
enter(1)
local old, _, _, how, wasGone = find(KEYS[4])
return reply(${outcomes.nothing}, how, old, ARGV[4] == '1' and wasGone)
`,
);

/**
 * KEYS: and one entry. ARGV: and value, TTL or 0, the SHA-1 of the entry that is expected or "", "1":
 * an entry keeps its TTL. Where another entry is there, the reply has it.
 */
export const replaceIfScript = script(
  "replaceIf",
  openPartition,
  opening,
  finding,
  `
enter(1)
local key, value, ttl = KEYS[4], ARGV[4], tonumber(ARGV[5])
local old, due, had, how, wasGone = find(key)
if (old and redis.sha1hex(old) or '') ~= ARGV[6] then return reply(${outcomes.conflict}, how, old, wasGone) end
local deadline = ttl > 0 and time + ttl or 0
if old and ARGV[7] == '1' then deadline, ttl = due, had end
local member = memberOf(key)
local was = old and valueOf(old)
save(key, deadline, ttl, 0, value, deadline - time)
if not old or due ~= deadline then redis.call('ZADD', index, score(deadline), member) end
emit(old and 1 or 0, flags, member, value, was)
return reply(old and 1 or 0, how, was, wasGone)
`,
);

/**
 * KEYS: and one entry. ARGV: and amount, what a new entry starts from, TTL or 0, "1": an entry keeps
 * its TTL. The reply has the sum, what was there, and what has expired.
 */
export const addScript = script(
  "add",
  openPartition,
  opening,
  finding,
  `
enter(1)
local key, ttl = KEYS[4], tonumber(ARGV[6])
local old, due, had, how, wasGone = find(key)
local start = tonumber(ARGV[5])
local was = old and valueOf(old)
if old then
  if string.sub(was, 1, 1) ~= 'n' then return reply(${outcomes.notNumber}, how, was, false, wasGone) end
  start = tonumber(string.sub(was, 2))
end
local sum = start and start + tonumber(ARGV[4])
if not sum or sum ~= sum or sum == 1/0 or sum == -1/0 then
  return reply(${outcomes.notFinite}, how, false, false, wasGone)
end
local value = 'n' .. string.format('%.17g', sum)
local deadline = ttl > 0 and time + ttl or 0
if old and ARGV[7] == '1' then deadline, ttl = due, had end
local member = memberOf(key)
save(key, deadline, ttl, 0, value, deadline - time)
if not old or due ~= deadline then redis.call('ZADD', index, score(deadline), member) end
emit(old and 1 or 0, flags, member, value, was)
return reply(old and 1 or 0, how, value, was, wasGone)
`,
);
