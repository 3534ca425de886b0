/**
 * While seeding: those who have just begun and those who are nearly done come first (Chow, Golubchik and Misra,
 * "Improving BitTorrent: a simple approach", 2008). In between, peers have what others want and can live by trading.
 *
 *     preference  1 ┤\         /
 *                   │  \     /
 *                 0 ┤    \ /
 *                   └┬────┬────┬
 *                    0   1/2   1   of the pieces
 */
import { byWaiting, type ChokePeer, type Policy } from "./Policy.ts"
import { hasHadItsTurn } from "./RoundRobin.ts"

/** 1 at both ends, 0 in the middle. */
const preference = (peer: ChokePeer): number => Math.abs(2 * peer.pieceFraction - 1)

/**
 * By preference, but who has had its turn goes behind all others: the fraction is the peer's own word, and some clients
 * claim for ever that they have nothing.
 */
export const antiLeech: Policy = {
  merit: "anti-leech",
  rank: (eligible, context) => {
    const isDone = (peer: ChokePeer): number => Number(hasHadItsTurn(peer, context))
    return [...eligible].sort((a, b) =>
      isDone(a) - isDone(b) || preference(b) - preference(a) || byWaiting(a, b)
    )
  },
}
