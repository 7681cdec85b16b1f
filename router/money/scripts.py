"""The Lua that Redis runs for the shared limiter: one script a step, so that each step happens as a whole.

Five things a key, in one cluster slot: `window` (requests and tokens by half second, and their totals), `leases`
(reservations by the time at which they run out, should their worker be killed), `held` (what each reservation took),
`sums` (spent and reserved, by day and month). Dollars are whole billionths: sums of them are exact. Time is Redis's
own, unless a test passes one; days and months are the caller's, so that they are those of the ledger. Arguments come as
one string of words: the client packs twenty of them slower than Redis takes one apart.
"""

from router.money.limits import BUCKET_S, BUCKETS

BILLIONTHS = 1_000_000_000

_PRELUDE = f"""
local window, leases, held, sums = KEYS[1] .. ':window', KEYS[1] .. ':leases', KEYS[1] .. ':held', KEYS[1] .. ':sums'
local GIVEN = {{}}
for word in string.gmatch(ARGV[1], '%S+') do GIVEN[#GIVEN + 1] = word end
local WIDTH, BUCKETS, SUMS_S = {BUCKET_S}, {BUCKETS}, 70 * 86400
local now = tonumber(GIVEN[1])
if now == nil then
  local time = redis.call('TIME')
  now = tonumber(time[1]) + tonumber(time[2]) / 1e6
end
local bucket = math.floor(now / WIDTH)

local function get(hash, field) return tonumber(redis.call('HGET', hash, field)) or 0 end
local function whole(number) return string.format('%.0f', number) end
local function add(hash, field, number)
  if number ~= 0 then redis.call('HINCRBY', hash, field, whole(number)) end
end

-- Forgets the buckets that have left the window, or all of them where the clock has jumped.
local function slide()
  local newest = tonumber(redis.call('HGET', window, 'newest'))
  if not newest then return end
  if newest > bucket + 1 or newest <= bucket - BUCKETS then
    redis.call('DEL', window)
    return
  end
  local oldest = get(window, 'oldest')
  for number = oldest, bucket - BUCKETS do
    add(window, 'requests', -get(window, 'r' .. number))
    add(window, 'tokens', -get(window, 't' .. number))
    redis.call('HDEL', window, 'r' .. number, 't' .. number)
  end
  redis.call('HSET', window, 'oldest', math.max(oldest, bucket - BUCKETS + 1))
end

-- Seconds until so many requests or tokens have left the window.
local function wait(requests, tokens)
  for number = get(window, 'oldest'), bucket do
    requests = requests - get(window, 'r' .. number)
    tokens = tokens - get(window, 't' .. number)
    if requests <= 0 and tokens <= 0 then return tostring((number + BUCKETS) * WIDTH - now) end
  end
  return tostring(BUCKETS * WIDTH)
end

-- Changes the tokens of a bucket that is still in the window.
local function count(number, tokens)
  if redis.call('HEXISTS', window, 'r' .. number) == 1 then
    add(window, 't' .. number, tokens)
    add(window, 'tokens', tokens)
  end
end

-- What a reservation took: bucket, tokens, billionths, day, month; nothing where it is not known.
local function taken(id)
  local found = redis.call('HGET', held, id)
  if not found then return nil end
  local parts = {{}}
  for part in string.gmatch(found, '%S+') do parts[#parts + 1] = tonumber(part) end
  return parts
end

local function drop(id, took)
  redis.call('HDEL', held, id)
  redis.call('ZREM', leases, id)
  add(sums, 'dr' .. took[4], -took[3])
  add(sums, 'mr' .. took[5], -took[3])
end

-- Why `more` billionths do not fit into a budget; nothing where they do, or where there is none.
local function over(name, limit, period, more)
  limit = tonumber(limit)
  if limit < 0 or more <= 0 then return nil end
  local spent, reserved = get(sums, name .. period), get(sums, name .. 'r' .. period)
  if spent + reserved + more <= limit then return nil end
  return {{name == 'd' and 'day' or 'month', whole(spent), whole(reserved)}}
end
"""

RESERVE = (
    _PRELUDE
    + """
local id, tokens, cost, day, month = GIVEN[2], tonumber(GIVEN[3]), tonumber(GIVEN[4]), GIVEN[5], GIVEN[6]
local lease = GIVEN[7]
local rpm, tpm, concurrent, day_limit, month_limit = GIVEN[8], GIVEN[9], GIVEN[10], GIVEN[11], GIVEN[12]
local granted = GIVEN[13] == '1'  -- by a worker that counted on its own while this Redis was gone
if taken(id) then return {'taken', '-1'} end  -- sent again, since the answer was lost
for _, old in ipairs(redis.call('ZRANGEBYSCORE', leases, '-inf', now)) do
  local took = taken(old)
  if took then drop(old, took) else redis.call('ZREM', leases, old) end
end
local budgeted = tonumber(day_limit) >= 0 or tonumber(month_limit) >= 0
if budgeted and (redis.call('HEXISTS', sums, 'd' .. day) == 0 or redis.call('HEXISTS', sums, 'm' .. month) == 0) then
  return {'unknown'}
end
slide()
if not granted then
  local made, used = get(window, 'requests'), get(window, 'tokens')
  if tonumber(concurrent) >= 0 and redis.call('ZCARD', leases) >= tonumber(concurrent) then return {'concurrent'} end
  if tonumber(rpm) >= 0 and made >= tonumber(rpm) then return {'requests', made, wait(made - rpm + 1, 0)} end
  if tonumber(tpm) >= 0 and used + tokens > tonumber(tpm) then return {'tokens', used, wait(0, used + tokens - tpm)} end
  local refused = over('d', day_limit, day, cost) or over('m', month_limit, month, cost)
  if refused then return refused end
end

add(window, 'r' .. bucket, 1)
add(window, 't' .. bucket, tokens)
add(window, 'requests', 1)
add(window, 'tokens', tokens)
redis.call('HSETNX', window, 'oldest', bucket)
redis.call('HSET', window, 'newest', bucket)
redis.call('EXPIRE', window, math.ceil(2 * BUCKETS * WIDTH))
redis.call('ZADD', leases, now + lease, id)
redis.call('HSET', held, id, string.format('%d %.0f %.0f %d %d', bucket, tokens, cost, day, month))
redis.call('EXPIRE', leases, math.ceil(2 * lease))
redis.call('EXPIRE', held, math.ceil(2 * lease))
add(sums, 'dr' .. day, cost)
add(sums, 'mr' .. month, cost)
redis.call('EXPIRE', sums, SUMS_S)
local left = -1
if tonumber(day_limit) >= 0 then left = day_limit - get(sums, 'd' .. day) - get(sums, 'dr' .. day) end
if tonumber(month_limit) >= 0 then
  local month_left = month_limit - get(sums, 'm' .. month) - get(sums, 'mr' .. month)
  left = left < 0 and month_left or math.min(left, month_left)
end
return {'taken', whole(left)}
"""
)

MOVE = (
    _PRELUDE
    + """
local id, tokens, cost = GIVEN[2], tonumber(GIVEN[3]), tonumber(GIVEN[4])
local tpm, day_limit, month_limit = GIVEN[9], GIVEN[11], GIVEN[12]
local took = taken(id)
if not took then return {'moved'} end
slide()
local used, more = get(window, 'tokens'), tokens - took[2]
if tonumber(tpm) >= 0 and more > 0 and used + more > tonumber(tpm) then
  return {'tokens', used, wait(0, used + more - tpm)}
end
local dearer = cost - took[3]
local refused = over('d', day_limit, took[4], dearer) or over('m', month_limit, took[5], dearer)
if refused then return refused end
count(took[1], more)
add(sums, 'dr' .. took[4], dearer)
add(sums, 'mr' .. took[5], dearer)
redis.call('HSET', held, id, string.format('%d %.0f %.0f %d %d', took[1], tokens, cost, took[4], took[5]))
return {'moved'}
"""
)

SETTLE = (
    _PRELUDE
    + """
local id, tokens, cost, day, month = GIVEN[2], tonumber(GIVEN[3]), tonumber(GIVEN[4]), GIVEN[5], GIVEN[6]
local again = GIVEN[7]
local took = taken(id)
if took then
  drop(id, took)
  slide()
  count(took[1], tokens - took[2])
elseif again == '1' then
  return {'known'}  -- it was settled before its answer was lost
end
if redis.call('HEXISTS', sums, 'd' .. day) == 1 then add(sums, 'd' .. day, cost) end
if redis.call('HEXISTS', sums, 'm' .. month) == 1 then add(sums, 'm' .. month, cost) end
return {'settled'}
"""
)

SEED = (
    _PRELUDE
    + """
local day, month = tonumber(GIVEN[2]), tonumber(GIVEN[4])
for field, spent in pairs({['d' .. GIVEN[2]] = GIVEN[3], ['m' .. GIVEN[4]] = GIVEN[5]}) do
  redis.call('HSET', sums, field, whole(math.max(get(sums, field), tonumber(spent))))
end
for _, field in ipairs(redis.call('HKEYS', sums)) do
  local period, number = string.match(field, '^([dm])r?(%d+)$')
  if (period == 'd' and tonumber(number) < day - 40) or (period == 'm' and tonumber(number) < month - 2) then
    redis.call('HDEL', sums, field)
  end
end
redis.call('EXPIRE', sums, SUMS_S)
return {'seeded'}
"""
)
