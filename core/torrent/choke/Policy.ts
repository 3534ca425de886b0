/** What a choking policy sees and says. To write another one, see `README.md` beside the choker. */
import type * as Rng from "../../base/Rng.ts"
import type { Millis } from "../../base/Time.ts"

/** One connected peer, as the choker sees it. */
export interface ChokePeer {
  /** Its connection; also breaks ties, so that a decision never depends on the order of the peers. */
  readonly key: number
  /** It wants something that we have. */
  readonly isInterested: boolean
  /** We let it download now. */
  readonly isUnchoked: boolean
  /** Its slot is the optimistic one: what the last decision said. */
  readonly isOptimistic: boolean
  /** It owes us blocks and has sent none for a long time (Cohen 2003: a minute). */
  readonly isSnubbed: boolean
  /** From the peer to us, a rolling average. */
  readonly downloadRateBytesPerSec: number
  /** From us to the peer, a rolling average. */
  readonly uploadRateBytesPerSec: number
  /** Payload sent since it was last unchoked. */
  readonly uploadedSinceUnchokeBytes: number
  /** When we last unchoked it, whether or not it has been choked since; -Infinity: never. */
  readonly lastUnchokedAt: Millis
  readonly connectedAt: Millis
  /** It has everything it wants (BEP 21), so that its interest can only be a mistake. */
  readonly isSeedOrUploadOnly: boolean
  /** How much of the torrent it says that it has, 0 to 1. */
  readonly pieceFraction: number
}

export interface Context {
  readonly now: Millis
  /** We have all we want: nothing is to be had in return. */
  readonly isSeeding: boolean
  /** Peers to unchoke at most, optimistic ones included. */
  readonly slots: number
  /** Nominal bytes of a piece of this torrent. */
  readonly pieceBytes: number
  readonly peers: ReadonlyArray<ChokePeer>
  /** Advanced by the optimistic choice. */
  readonly rng: Rng.Rng
}

/** Why a peer holds a regular slot. */
export type Merit = "best-uploader" | "round-robin" | "fastest-upload" | "anti-leech"

/**
 * Why a peer is unchoked (a merit, or "optimistic") or choked: it wants nothing, is a seed, snubs us, or others come
 * first.
 */
export type Reason = Merit | "optimistic" | "not-interested" | "seed" | "snubbed" | "no-slot"

export interface Policy {
  readonly merit: Merit
  /**
   * Those of `eligible` that deserve a regular slot, best first. Slots that it leaves are given optimistically, so a policy
   * that ranks by something measured leaves out those with nothing to measure. Must not change its arguments.
   */
  readonly rank: (eligible: ReadonlyArray<ChokePeer>, context: Context) => ReadonlyArray<ChokePeer>
}

/** Since when the peer has waited for a slot, or has held the one that it has. */
export const waitingSince = (peer: ChokePeer): Millis => Math.max(peer.lastUnchokedAt, peer.connectedAt)

/** Longest-waiting first: the order that starves nobody. Never 0 for two different peers. */
export const byWaiting = (a: ChokePeer, b: ChokePeer): number =>
  waitingSince(a) - waitingSince(b) || a.key - b.key

/** Among equals, those that have a slot keep it (every change costs both sides a round trip), then longest-waiting. */
export const bySlot = (a: ChokePeer, b: ChokePeer): number =>
  Number(b.isUnchoked) - Number(a.isUnchoked) || byWaiting(a, b)
