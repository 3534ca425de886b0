/** While seeding: everybody in turn, so that fresh peers soon have something to trade. */
import { MINUTE } from "../../base/Time.ts"
import { BLOCK_BYTES } from "../../metainfo/Geometry.ts"
import { byWaiting, type ChokePeer, type Context, type Policy } from "./Policy.ts"

/** A turn ends after a minute at the latest, however slowly the peer takes. */
const TURN_MS = MINUTE

/** A turn of small pieces would be over before the transfer has come up to speed. */
const MIN_QUOTA_BYTES = 16 * BLOCK_BYTES

/** True if the peer holds a slot and has had its share: a piece, which is what it can trade on, or a minute. */
export const hasHadItsTurn = (peer: ChokePeer, { now, pieceBytes }: Context): boolean =>
  peer.isUnchoked &&
  (peer.uploadedSinceUnchokeBytes >= Math.max(pieceBytes, MIN_QUOTA_BYTES) ||
    now - peer.lastUnchokedAt >= TURN_MS)

/**
 * First those whose turn is not over, then those who wait, the longest first, then those who have had their turn. An
 * optimistic slot is no turn: if it grew into one, luck would decide about all slots in the end.
 */
export const roundRobin: Policy = {
  merit: "round-robin",
  rank: (eligible, context) => {
    const turn = (peer: ChokePeer): number =>
      !peer.isUnchoked ? 1 : peer.isOptimistic || hasHadItsTurn(peer, context) ? 2 : 0
    return [...eligible].sort((a, b) => turn(a) - turn(b) || byWaiting(a, b))
  },
}
