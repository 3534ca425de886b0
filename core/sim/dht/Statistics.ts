/** What a run of a simulated DHT was like, in numbers: how lookups went, and what it costs to be there. */
import type { Millis } from "../../base/Time.ts"
import { MINUTE } from "../../base/Time.ts"
import type { Host } from "./Host.ts"
import type { Observer, Outcome } from "./Observer.ts"

/** Grows while the world runs. */
export interface Statistics {
  readonly observer: Observer
  lookups: number
  found: number
  /** Lookups by their hops. */
  readonly hops: Array<number>
  readonly queries: Array<number>
  /** Until the first peer, of those that found one. */
  readonly foundMs: Array<Millis>
  /** Until nobody was left to be asked. */
  readonly doneMs: Array<Millis>
  /** Questions of nodes whose users wanted nothing, and minutes in which they could have asked. */
  idleQueries: number
  idleMinutes: number
}

/** Before that a node is looking for its neighbours. */
const YOUNG_MS: Millis = 10 * MINUTE

/** Nothing as yet; its observer fills it. `queriesOf` tells how many questions a host's node has asked. */
export const make = (queriesOf: (host: Host) => number): Statistics => {
  const before = new Map<Host, number>()
  let lookedAt = 0
  const statistics: Statistics = {
    lookups: 0,
    found: 0,
    hops: [],
    queries: [],
    foundMs: [],
    doneMs: [],
    idleQueries: 0,
    idleMinutes: 0,
    observer: {
      looked: (outcome) => add(statistics, outcome),
      left: (host) => before.delete(host),
      paused: (hosts, now) => {
        for (const host of hosts) {
          if (host.node === undefined || host.upAt + YOUNG_MS > now || host.requests > 0) continue
          const count = queriesOf(host)
          const last = before.get(host)
          before.set(host, count)
          if (last === undefined) continue
          statistics.idleQueries += count - last
          statistics.idleMinutes += (now - lookedAt) / MINUTE
        }
        lookedAt = now
      },
    },
  }
  return statistics
}

const add = (statistics: Statistics, outcome: Outcome): void => {
  const { endedAt, foundMs, hops, isFound, queries, startedAt } = outcome
  statistics.lookups++
  if (isFound) statistics.found++
  while (statistics.hops.length <= hops) statistics.hops.push(0)
  statistics.hops[hops]!++
  statistics.queries.push(queries)
  statistics.doneMs.push(endedAt - startedAt)
  if (foundMs !== undefined) statistics.foundMs.push(foundMs)
}

/** The share of lookups that found a peer that is one, 0 to 1. */
export const foundShare = ({ found, lookups }: Statistics): number => lookups === 0 ? 0 : found / lookups

/** The mean of the longest ways. */
export const meanHops = ({ hops, lookups }: Statistics): number =>
  hops.reduce((sum, count, way) => sum + count * way, 0) / Math.max(1, lookups)

/** The value that `share`, 0 to 1, of all are below; 0 of none. */
export const percentile = (values: ReadonlyArray<number>, share: number): number => {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}
