/**
 * Who may download from us. A decision is a pure function of what the torrent knows about its peers; what distinguishes
 * one policy from another is a small function beside this file, in `choke/`.
 *
 * A round is due every ten seconds (BEP 3: often enough to answer, rarely enough that choking costs little), and may run
 * at any other time, when a slot falls free or an interested peer finds one free. Optimistic slots keep their own time.
 */
import { SECOND } from "../base/Time.ts"
import { antiLeech } from "./choke/AntiLeech.ts"
import { fastestUpload } from "./choke/FastestUpload.ts"
import * as Optimistic from "./choke/Optimistic.ts"
import type { ChokePeer, Context, Policy, Reason } from "./choke/Policy.ts"
import { roundRobin } from "./choke/RoundRobin.ts"
import { titForTat } from "./choke/TitForTat.ts"

export type { ChokePeer, Context, Policy, Reason } from "./choke/Policy.ts"

/** Time between two rounds (BEP 3). */
export const ROUND_MS = 10 * SECOND

/** The policies that can be chosen by name. */
export const policies = {
  "tit-for-tat": titForTat,
  "round-robin": roundRobin,
  "fastest-upload": fastestUpload,
  "anti-leech": antiLeech,
} as const satisfies Record<string, Policy>

export type PolicyName = keyof typeof policies

/** By connection keys; whoever is in neither set is choked. */
export interface Decision {
  /** Everyone to be unchoked, in the order of merit, the optimistic ones last. At most as many as there are slots. */
  readonly unchoked: ReadonlySet<number>
  /** Those of them that owe their slot to luck. */
  readonly optimistic: ReadonlySet<number>
  /** Why, for every peer. */
  readonly reasons: ReadonlyMap<number, Reason>
}

/**
 * Decides one round: slots by merit as `policy` ranks it, the others optimistically. A seed and a peer that wants nothing
 * get none; a peer that snubs us gets an optimistic one at best, as long as there is something to be had in return.
 */
export const decide = (policy: Policy, context: Context): Decision => {
  const { isSeeding, peers, slots } = context
  const wanting = peers.filter((peer) => peer.isInterested && !peer.isSeedOrUploadOnly)
  const eligible = wanting.filter((peer) => isSeeding || !peer.isSnubbed)
  const ranked = policy.rank(eligible, context)
  // Luck has its share only where somebody is left who could use it.
  const others = wanting.length - Math.min(ranked.length, slots)
  const regular = ranked.slice(0, slots - Math.min(others, Optimistic.reserved(slots)))
  const chosen = new Set(regular)
  const rest = wanting.filter((peer) => !chosen.has(peer))
  const lucky = Optimistic.choose(rest, slots - regular.length, context)

  const reasons = new Map<number, Reason>()
  for (const peer of peers) reasons.set(peer.key, whyChoked(peer, isSeeding))
  for (const peer of regular) reasons.set(peer.key, policy.merit)
  for (const peer of lucky) reasons.set(peer.key, "optimistic")
  return {
    unchoked: new Set([...regular, ...lucky].map((peer) => peer.key)),
    optimistic: new Set(lucky.map((peer) => peer.key)),
    reasons,
  }
}

/** What stands in the way of a peer that got no slot. */
export const whyChoked = (
  peer: Pick<ChokePeer, "isInterested" | "isSeedOrUploadOnly" | "isSnubbed">,
  isSeeding: boolean,
): Reason => {
  if (!peer.isInterested) return "not-interested"
  if (peer.isSeedOrUploadOnly) return "seed"
  return peer.isSnubbed && !isSeeding ? "snubbed" : "no-slot"
}
