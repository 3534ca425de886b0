/**
 * What the peer store runs inside Redis: each announce is one script, so one round trip, and no two trackers ever see half
 * of it. The limits are written into the text, since they are the same for every call. Time is the server's own.
 *
 * ```
 *   PREFIX HASH:4s  4l       sorted sets: the seeders and leechers of a swarm over IPv4, compact, by when they were heard of
 *   PREFIX HASH:4i           hash: their peer ids by address
 *   PREFIX HASH:4c           set: those whose download was counted
 *   PREFIX HASH:n            how often the torrent was completed; kept when everybody has left
 *   PREFIX due               sorted set: every swarm, by when its oldest peer could expire: what a sweep looks at
 *   PREFIX totals            hash: seeders and leechers of all swarms of a family, s4 l4 s6 l6
 *   PREFIX p:IP  t:IP        what an address (IPv6: its /64) brought in of late: peers, torrents
 * ```
 */
import { type Limits, MAX_NUM_WANT, timeToLive } from "../../core/tracker/ServerLimits.ts"
import { type Script, script } from "./RedisLink.ts"

/** Of the count of downloads, after the last one. */
const DOWNLOADS_TTL_SECONDS = 90 * 24 * 60 * 60

/** Swarms and peers that one sweep looks at: a millisecond or two, during which Redis serves nobody. */
export const SWEEP_SWARMS = 200
const SWEEP_PEERS = 2_000

/** How an announce stands to its swarm. */
export const KIND = { seeder: "s", leecher: "l", completed: "c", stopped: "x" } as const

export interface Scripts {
  /** Keys: swarm with family, downloads. Arguments: compact address, peer id, kind, peers wanted, `1` for ids. */
  readonly announce: Script
  /** Keys: swarms without family. Gives seeders, leechers, downloads of each. */
  readonly scrape: Script
  /** Gives swarms, seeders, leechers. */
  readonly stats: Script
  /** Forgets what has expired; gives whether there is more. */
  readonly sweep: Script
}

export const make = (prefix: string, limits: Limits): Scripts => {
  const due = `'${prefix}due'`
  const totals = `'${prefix}totals'`
  const ttl = timeToLive(limits)
  return {
    announce: script(`
local call = redis.call
local base, addr, kind = KEYS[1], ARGV[1], ARGV[3]
local family = string.sub(base, -1)
local s, l, ids, counted = base..'s', base..'l', base..'i', base..'c'

if kind == 'x' then
  local role = call('ZREM', l, addr) == 1 and 'l' or call('ZREM', s, addr) == 1 and 's'
  if role then
    call('HDEL', ids, addr)
    call('SREM', counted, addr)
    call('HINCRBY', ${totals}, role..family, -1)
    if call('EXISTS', s, l) == 0 then call('ZREM', ${due}, base) end
  end
  return {call('ZCARD', s), call('ZCARD', l), ''}
end

local time = call('TIME')
local now = tonumber(time[1])
local role = kind == 'l' and 'l' or 's'
local mine, other, otherRole = s, l, 'l'
if role == 'l' then mine, other, otherRole = l, s, 's' end
local member = true
if call('ZADD', mine, now, addr) == 1 then
  if call('ZREM', other, addr) == 1 then
    call('HINCRBY', ${totals}, otherRole..family, -1)
    if kind == 'c' and call('SADD', counted, addr) == 1 then
      call('INCR', KEYS[2])
      call('EXPIRE', KEYS[2], ${DOWNLOADS_TTL_SECONDS})
    end
  else
    local inSwarm, inAll, refusal = call('ZCARD', s) + call('ZCARD', l), 0, nil
    for _, count in ipairs(call('HVALS', ${totals})) do inAll = inAll + tonumber(count) end
    local function many(list, limit)
      local key = '${prefix}'..list..string.sub(addr, 1, #addr == 6 and 4 or 8)
      local count = call('INCR', key)
      if count == 1 then call('EXPIRE', key, ${ttl}) end
      return count > limit
    end
    if inAll >= ${limits.maxPeers} or inSwarm > ${limits.maxPeersPerSwarm}
      or inSwarm == 1 and call('ZCARD', ${due}) >= ${limits.maxSwarms} then
      if inSwarm == 1 then refusal = 'this tracker takes no more torrents' else member = false end
    elseif inSwarm == 1 and many('t:', ${limit(limits.newSwarmsPerAddress)}) then
      refusal = 'too many new torrents from your address, try again later'
    elseif many('p:', ${limit(limits.newPeersPerAddress)}) then
      refusal = 'too many new peers from your address, try again later'
    elseif inSwarm == 1 then call('ZADD', ${due}, now + ${ttl}, base) end
    if refusal or not member then call('ZREM', mine, addr) end
    if refusal then return refusal end
  end
  if member then call('HINCRBY', ${totals}, role..family, 1) end
end
if member then call('HSET', ids, addr, ARGV[2]) end

local seeders, leechers = call('ZCARD', s), call('ZCARD', l)
local from = leechers
if role == 'l' and member then from = from - 1 end
local all = from
if role == 'l' then all = from + seeders
-- Spare places of some go to seeders, see Choice.ts.
elseif ARGV[6] == '1' then all = from + seeders - (member and 1 or 0) end
local want = math.min(tonumber(ARGV[4]), ${MAX_NUM_WANT}, all)
if want <= 0 then return {seeders, leechers, '', ''} end

-- Spread by the golden ratio, for announces of one burst are only microseconds apart.
local chance = tonumber(time[2]) * 0.6180339887498949 % 1
local out = {}

-- By rank, in stretches that begin at a random place and go round: every peer is as likely, and it costs a fifth of
-- ZRANDMEMBER. Where many are wanted of few, more than one stretch could overlap.
local function draw(key, count, size)
  local stretches = (count >= 4 and count * 2 <= size) and 4 or 1
  local function take(first, last)
    for _, peer in ipairs(call('ZRANGE', key, first, last)) do
      if peer ~= addr then out[#out + 1] = peer end
    end
  end
  if count >= size then return take(0, -1) end
  for i = 0, stretches - 1 do
    local first = math.floor((chance + i / stretches) * size) % size
    local last = first + math.floor((i + 1) * count / stretches) - math.floor(i * count / stretches) - 1
    take(first, math.min(last, size - 1))
    if last >= size then take(0, last - size) end
  end
end

if role == 's' then
  draw(l, math.min(want, leechers), leechers)
  local spare = want - #out
  if spare > 0 then
    draw(s, spare + 1, seeders)
    out[want + 1] = nil
  end
else
  -- As many seeders as is their part in the swarm, the rest of the division by chance.
  local seeds = math.min(seeders, math.max(want - from, math.floor(want * seeders / all + chance)))
  if seeds > 0 then draw(s, seeds, seeders) end
  if seeds < want then
    -- One more than needed: the asker may be among them, or else one of them goes.
    draw(l, want - seeds + 1, leechers)
    if #out > want then
      out[seeds + 1 + math.floor(chance * (want - seeds + 1))] = out[#out]
      out[#out] = nil
    end
  end
end
if ARGV[5] ~= '1' then return {seeders, leechers, table.concat(out)} end
return {seeders, leechers, table.concat(out), table.concat(call('HMGET', ids, unpack(out)))}
`),

    scrape: script(`
local call = redis.call
local out = {}
for _, base in ipairs(KEYS) do
  out[#out + 1] = call('ZCARD', base..'4s') + call('ZCARD', base..'6s')
  out[#out + 1] = call('ZCARD', base..'4l') + call('ZCARD', base..'6l')
  out[#out + 1] = tonumber(call('GET', base..'n') or 0)
end
return out
`),

    stats: script(`
local out = {redis.call('ZCARD', ${due})}
for _, count in ipairs(redis.call('HMGET', ${totals}, 's4', 'l4', 's6', 'l6')) do
  out[#out + 1] = tonumber(count or 0)
end
return {out[1], out[2] + out[4], out[3] + out[5]}
`),

    sweep: script(`
local call = redis.call
local now = tonumber(call('TIME')[1])
local last, budget = now - ${ttl}, ${SWEEP_PEERS}
local bases = call('ZRANGEBYSCORE', ${due}, '-inf', now, 'LIMIT', 0, ${SWEEP_SWARMS})
for _, base in ipairs(bases) do
  local oldest = nil
  for _, role in ipairs({'s', 'l'}) do
    local key = base..role
    local gone = call('ZRANGEBYSCORE', key, '-inf', last, 'LIMIT', 0, budget)
    if #gone > 0 then
      call('ZREM', key, unpack(gone))
      call('HDEL', base..'i', unpack(gone))
      call('SREM', base..'c', unpack(gone))
      call('HINCRBY', ${totals}, role..string.sub(base, -1), -#gone)
      budget = budget - #gone
    end
    local first = tonumber(call('ZRANGE', key, 0, 0, 'WITHSCORES')[2])
    if first and (not oldest or first < oldest) then oldest = first end
  end
  if oldest then call('ZADD', ${due}, oldest + ${ttl}, base) else call('ZREM', ${due}, base) end
  if budget <= 0 then return 1 end
end
return #bases == ${SWEEP_SWARMS} and 1 or 0
`),
  }
}

/** Lua knows no `Infinity`. */
const limit = (count: number): string => count === Infinity ? "math.huge" : String(count)
