/**
 * Slots given without regard to merit: how a newcomer gets its first piece to trade with, and how we find peers that are
 * better than the ones we have (BEP 3; Cohen 2003).
 */
import * as Rng from "../../base/Rng.ts"
import { MINUTE, SECOND } from "../../base/Time.ts"
import { bySlot, byWaiting, type ChokePeer, type Context, waitingSince } from "./Policy.ts"

/** An optimistic slot goes on to somebody else after this time (BEP 3). */
export const TURN_MS = 30 * SECOND

/** For so long a peer counts as new and is three times as likely to be chosen (Cohen 2003; BEP 3). */
const NEW_MS = MINUTE
const NEW_WEIGHT = 3

/** Of all slots, the part that is given optimistically even if merit could fill it: a fifth, at least one. */
export const reserved = (slots: number): number => Math.min(slots, Math.max(1, Math.floor(slots / 5)))

/**
 * Chooses `count` of `eligible`, those without a regular slot. Who has an optimistic slot keeps it for its 30 seconds; then
 * comes the luck of those who wait; who has had its turn, or has just lost a regular slot, gets what nobody else wants.
 */
export const choose = (
  eligible: ReadonlyArray<ChokePeer>,
  count: number,
  context: Context,
): Array<ChokePeer> => {
  const current = eligible.filter((peer) => isCurrent(peer, context)).sort(byWaiting)
  const waiting = eligible.filter((peer) => !peer.isUnchoked).sort(byWaiting)
  const former = eligible.filter((peer) => peer.isUnchoked && !isCurrent(peer, context)).sort(bySlot)
  const chosen = current.slice(0, count)
  // Twice a fair share of waiting is enough: from then on it is first come, first served, so luck starves nobody.
  const overdueMs = 2 * TURN_MS * waiting.length / Math.max(1, count)
  while (chosen.length < count && waiting.length > 0) {
    const isOverdue = context.now - waitingSince(waiting[0]!) > overdueMs
    chosen.push(...waiting.splice(isOverdue ? 0 : draw(waiting, context), 1))
  }
  return [...chosen, ...former.slice(0, count - chosen.length)]
}

const isCurrent = (peer: ChokePeer, { now }: Context): boolean =>
  peer.isUnchoked && peer.isOptimistic && now - peer.lastUnchokedAt < TURN_MS

/** An index into `waiting`, by weight. */
const draw = (waiting: ReadonlyArray<ChokePeer>, { now, rng }: Context): number => {
  const weight = (peer: ChokePeer): number => now - peer.connectedAt < NEW_MS ? NEW_WEIGHT : 1
  let ticket = Rng.below(rng, waiting.reduce((sum, peer) => sum + weight(peer), 0))
  for (let i = 0; i < waiting.length; i++) {
    ticket -= weight(waiting[i]!)
    if (ticket < 0) return i
  }
  return waiting.length - 1
}
