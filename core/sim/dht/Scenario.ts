/** What a simulated DHT consists of: who takes part, what lies between them, and what they want. All of it is data. */
import { assert } from "../../base/Assert.ts"
import * as Rng from "../../base/Rng.ts"
import { type Millis, MINUTE } from "../../base/Time.ts"
import * as Chance from "../Chance.ts"
import type { Role } from "./Hostile.ts"

/** Shares and probabilities are from 0 to 1. */
export interface Scenario {
  readonly seed: number
  /** Nodes at a time, routers and hostile ones included; whoever leaves is replaced. */
  readonly nodes: number
  /** Nodes that never leave, and whom the others know from the start. */
  readonly routers: number
  /** The nodes come one by one, evenly, over this time. */
  readonly joinMs: Millis
  /** So long nobody wants anything. */
  readonly settleMs: Millis
  /** Then all torrents are announced, within this time. */
  readonly announceMs: Millis
  /** Then there are lookups, for this long; with that the run is over. */
  readonly lookupMs: Millis
  /** Nodes that leave in an hour, of those that are there: without a word, after an exponentially distributed time. */
  readonly churnPerHour: number
  /** Of those that leave, who come back where they were, with the table that they had. */
  readonly restartShare: number
  /** How long those are away, on average. */
  readonly restartMs: Millis
  /** Of all datagrams. */
  readonly loss: number
  /** One way; a path takes what both ends add to it, and something of its own up to the higher of these. */
  readonly latencyMs: readonly [min: Millis, max: Millis]
  /** On average, for each datagram. */
  readonly jitterMs: Millis
  /** Nodes that hear only whom they have spoken to in the last two minutes; they don't know that. */
  readonly natShare: number
  /** Nodes that ask and answer nothing (BEP 43). */
  readonly readOnlyShare: number
  readonly hostile: { readonly [role in Role]: number }
  readonly torrents: number
  /** Peers of a torrent: they announce every 15 minutes, and have a successor where they leave for good. */
  readonly peersPerTorrent: number
  /** In the whole network, each by a node that chance chooses, for a torrent that has been announced. */
  readonly lookupsPerMinute: number
}

/** Nobody hostile. */
export const PEACE: Scenario["hostile"] = {
  forgetful: 0,
  sybil: 0,
  rubbish: 0,
  silent: 0,
  thief: 0,
  spoofer: 0,
  flooder: 0,
}

/** As bad as the net is: some who can't be reached, some who are old, broken or up to something. */
export const NET: Scenario["hostile"] = {
  forgetful: 0.02,
  sybil: 0,
  rubbish: 0.01,
  silent: 0.01,
  thief: 0.002,
  spoofer: 0.002,
  flooder: 0.001,
}

/** A network of this size with 10 % loss and 20 % churn an hour. */
export const make = (
  { nodes, seed, ...changes }: Partial<Scenario> & Pick<Scenario, "nodes" | "seed">,
): Scenario => {
  const scenario: Scenario = {
    seed,
    nodes,
    routers: Math.max(2, Math.ceil(nodes / 1_000)),
    joinMs: 10 * MINUTE,
    settleMs: 5 * MINUTE,
    announceMs: 5 * MINUTE,
    lookupMs: 10 * MINUTE,
    churnPerHour: 0.2,
    restartShare: 0.5,
    restartMs: 5 * MINUTE,
    loss: 0.1,
    latencyMs: [5, 60],
    jitterMs: 5,
    natShare: 0.1,
    readOnlyShare: 0.05,
    hostile: NET,
    torrents: Math.max(10, Math.ceil(nodes / 50)),
    peersPerTorrent: 3,
    lookupsPerMinute: Math.max(60, Math.ceil(nodes / 10)),
    ...changes,
  }
  assert(nodes > scenario.routers && scenario.routers > 0, "a network has routers and others")
  return scenario
}

/** When users begin to announce, to look, and when it is over. */
export const stages = ({ announceMs, joinMs, lookupMs, settleMs }: Scenario): {
  readonly announceAt: Millis
  readonly lookAt: Millis
  readonly endAt: Millis
} => {
  const announceAt = joinMs + settleMs
  return { announceAt, lookAt: announceAt + announceMs, endAt: announceAt + announceMs + lookupMs }
}

/** What is drawn for. A number that was given once keeps its meaning: old seeds replay. */
const PURPOSES = { loss: 1, path: 2, jitter: 3, lives: 4, hosts: 5, users: 6, hostile: 7, seeds: 8 } as const

export type Purpose = keyof typeof PURPOSES

/** The stream of a purpose: one more draw for one of them shifts nothing for another. */
export const stream = ({ seed }: Scenario, purpose: Purpose): Rng.Rng =>
  Rng.make(Chance.mix(Chance.mix(seed ^ 0x0d47) ^ Math.imul(PURPOSES[purpose], 0x9e3779b1)))
