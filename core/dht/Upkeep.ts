/**
 * What a node does without being asked: find its neighbours at first, and then, one small thing at a time, see whether
 * doubtful nodes are still there and buckets that had no news for a quarter of an hour still lead somewhere. Its cost is
 * bounded by the clock: one question in ten seconds, and a lookup for each bucket in fifteen minutes at most.
 */
import type { Bytes } from "../base/Bytes.ts"
import * as Rng from "../base/Rng.ts"
import { type Millis, MINUTE, NEVER, SECOND } from "../base/Time.ts"
import * as Bucket from "./Bucket.ts"
import type { Command } from "./Command.ts"
import * as Doubt from "./Doubt.ts"
import * as NodeId from "./NodeId.ts"
import * as Queries from "./Queries.ts"
import * as RoutingTable from "./RoutingTable.ts"
import { ask, emit, type Home, type Machine } from "./State.ts"
import * as Tasks from "./Tasks.ts"

/** Nothing is done for a table more often than that; longer than a question is open, so that none is asked twice. */
export const INTERVAL_MS: Millis = 11 * SECOND

/** A bucket without news for so long is refreshed (BEP 5). */
export const REFRESH_MS: Millis = 15 * MINUTE

/** Up to so much longer, differently for each node: those that were started together shall not all do it at once. */
export const REFRESH_JITTER_MS: Millis = 3 * MINUTE

/**
 * So long after a search that found few there is another one, for who began when we did is there by then; each time twice
 * as long, and differently for each node, until that is as long as between refreshes.
 */
export const NEIGHBOURS_MS: Millis = 30 * SECOND

/** The first wait after a search for neighbours that found nobody; doubled each time up to the longest. */
export const RETRY_MS: Millis = 5 * SECOND
export const MAX_RETRY_MS: Millis = 5 * MINUTE

/** A bucket with fewer nodes is refreshed right after the neighbours are known, unless there is nobody for it. */
const FEW = Bucket.K / 2

/** There may be something to do now: as soon as it is its time again. */
export const hurry = (home: Home, now: Millis): void => {
  home.upkeepAt = Math.min(home.upkeepAt, Math.max(now, home.keptAt + INTERVAL_MS))
}

/**
 * Somebody asked us who may be a node for the table. While that has few, whoever asks is asked back at once; later its turn
 * comes.
 */
export const consider = (machine: Machine, home: Home, endpoint: Bytes, out: Array<Command>): void => {
  const { now, queries } = machine
  const isYoung = RoutingTable.size(home.table) < 2 * Bucket.K && Queries.size(queries) < Queries.MAX_OPEN / 2
  if (isYoung && ask(machine, endpoint, { _tag: "Ping" }, { _tag: "Probe" }, out)) return
  hurry(home, now)
}

/** Does what is due for every home. */
export const run = (machine: Machine, out: Array<Command>): void => {
  const { now } = machine
  for (const home of machine.homes) {
    if (home.bootstrapAt <= now) {
      home.bootstrapAt = NEVER
      home.isSearching = true
      Tasks.beginOwn(machine, home, true, home.table.ownId)
    }
    if (home.upkeepAt <= now) keep(machine, home, out)
  }
}

/** When {@link run} has something to do. */
export const nextWake = ({ homes }: Machine): Millis => {
  let wake = NEVER
  for (const { bootstrapAt, upkeepAt } of homes) wake = Math.min(wake, bootstrapAt, upkeepAt)
  return wake
}

/** A node is there: who knew nobody looks for neighbours from here. */
export const welcome = (machine: Machine, home: Home): void => {
  if (!home.isSettled && !home.isSearching) home.bootstrapAt = machine.now
}

/** The search for our neighbours is over. */
export const searched = (machine: Machine, home: Home, out: Array<Command>): void => {
  const { now, rng } = machine
  home.isSearching = false
  home.hasSearched = true
  home.isSettled = RoutingTable.size(home.table) > 0
  if (home.isSettled) {
    home.attempts = 0
    home.neighboursAt = nextNeighbours(machine, home)
    const { changedAt } = home.table
    const counts = countByBucket(home.table)
    for (let bucket = 0; bucket < changedAt.length - 1; bucket++) {
      if (counts[bucket]! < FEW) changedAt[bucket] = now - home.refreshMs
    }
    hurry(home, now)
  } else if (home.routers.length > 0 || machine.saved.length > 0) {
    const wait = Math.min(MAX_RETRY_MS, RETRY_MS * 2 ** Math.min(home.attempts, 10))
    home.attempts++
    home.bootstrapAt = now + wait + Rng.below(rng, wait)
  }
  const { homes } = machine
  const isFirst = (home: Home) => !home.hasSearched && (home.isSearching || home.bootstrapAt < NEVER)
  if (machine.isBootstrapped || homes.some(isFirst)) return
  let nodes = 0
  for (const { table } of homes) nodes += RoutingTable.size(table)
  if (nodes === 0) return
  machine.isBootstrapped = true
  machine.saved = []
  emit(out, { _tag: "Bootstrapped", nodes })
}

/** One thing that is due; if nothing is, the time when something may be. */
const keep = (machine: Machine, home: Home, out: Array<Command>): void => {
  const { now, rng } = machine
  const { refreshMs, table } = home
  const { changedAt, ownId, rows } = table
  if (home.isSettled && RoutingTable.size(table) === 0) {
    home.isSettled = false
    home.bootstrapAt = now
  }
  const row = Doubt.doubtful(table, now)
  if (row !== Bucket.NONE) {
    ask(machine, Bucket.endpoint(rows, row), { _tag: "Ping" }, { _tag: "Probe" }, out)
  } else {
    const last = changedAt.length - 1
    const stale = home.neighboursAt <= now
      ? last
      : changedAt.findIndex((changed, bucket) => bucket < last && changed + refreshMs <= now)
    if (!home.isSettled || stale < 0) {
      home.upkeepAt = nextDue(home, now)
      return
    }
    changedAt[stale] = now
    if (stale === last) home.neighboursAt = nextNeighbours(machine, home)
    // The last bucket is the one that our own id falls into. It is never without news, and those who came since give none.
    Tasks.beginOwn(machine, home, false, stale === last ? ownId : NodeId.near(ownId, stale, rng))
  }
  home.keptAt = now
  home.upkeepAt = now + INTERVAL_MS
}

/** The first search is repeated in any case, and as long as the table has few. */
const nextNeighbours = ({ now, rng }: Machine, home: Home): Millis => {
  const { attempts, refreshMs, table } = home
  home.attempts = attempts + 1
  if (attempts > 0 && RoutingTable.size(table) >= 2 * Bucket.K) return now + refreshMs
  const wait = NEIGHBOURS_MS * 2 ** Math.min(attempts, 10)
  return now + Math.min(refreshMs, wait + Rng.below(rng, wait))
}

const nextDue = ({ isSettled, keptAt, neighboursAt, refreshMs, table }: Home, now: Millis): Millis => {
  const { changedAt } = table
  let at = Doubt.nextDoubt(table)
  if (isSettled) {
    at = Math.min(at, neighboursAt)
    for (let bucket = 0; bucket < changedAt.length - 1; bucket++) {
      at = Math.min(at, changedAt[bucket]! + refreshMs)
    }
  }
  return Math.max(at, keptAt + INTERVAL_MS, now + 1)
}

const countByBucket = (table: RoutingTable.RoutingTable): ReadonlyArray<number> => {
  const counts = new Array<number>(RoutingTable.bucketCount(table)).fill(0)
  for (const row of RoutingTable.inUse(table)) counts[Math.floor(row / Bucket.ROWS)]!++
  return counts
}
