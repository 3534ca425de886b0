/** In which order pieces are started, and which of the started ones is finished first. A new strategy is one entry. */
import * as Rng from "../base/Rng.ts"
import type { PieceIndex } from "../metainfo/Geometry.ts"
import * as Availability from "./Availability.ts"
import * as Bitfield from "./Bitfield.ts"
import type { PartialPiece } from "./Partials.ts"

export type Strategy = "rarest" | "random" | "sequential"

/** Takes a piece, or passes it over; false if no more are wanted. */
type Offer = (piece: PieceIndex) => boolean

export interface Order {
  /** Offers the listed pieces that `has` contains, each once, the one to start first in front, as long as more are asked for. */
  readonly fresh: (
    availability: Availability.Availability,
    has: Bitfield.Bitfield,
    verifiedCount: number,
    rng: Rng.Rng,
    offer: Offer,
  ) => void
  /** Of the started pieces, the one of the lowest rank is finished first. */
  readonly rank: (partial: PartialPiece) => number
  /** Whether a peer's SUGGEST_PIECE (BEP 6) goes before the order. */
  readonly isSuggestible: boolean
}

/**
 * The first pieces are picked at random: a rare piece comes slowly, from few peers, and until some piece is whole
 * there is nothing to trade (Cohen 2003, section 2.4.3; four as in libtorrent).
 */
export const RANDOM_FIRST_PIECES = 4

/** Places of the order that are walked before asking whether the peer has any of the pieces at all. */
const PATIENCE = 128

/** Up to this many pieces are looked up by index and sorted, since walking past all others takes longer. */
const FEW = 32

/** The listed pieces that `has` contains, in ascending order. */
const byIndex = function* (
  { listed, lowest }: Availability.Availability,
  has: Bitfield.Bitfield,
): Generator<PieceIndex> {
  for (
    let piece = Bitfield.firstCommon(listed, has, lowest);
    piece !== undefined;
    piece = Bitfield.firstCommon(listed, has, piece + 1)
  ) yield piece
}

const rarest: Order = {
  fresh(availability, has, verifiedCount, rng, offer) {
    const { ends, listed, lowest, order, position } = availability
    const size = Availability.size(availability)
    // Bucket 0 holds what only seeds have: others get there last, which is never if they were counted.
    const low = Bitfield.isFull(has) ? 0 : ends[0]!
    const start = verifiedCount < RANDOM_FIRST_PIECES ? low + Rng.below(rng, size - low) : low
    // A peer that has nothing new is asked again and again: seen at a glance where there are few pieces in all.
    const isGlance = has.words.length < Math.min(size, PATIENCE)
    if (isGlance && Bitfield.firstCommon(listed, has, lowest) === undefined) return
    for (let step = 0; step < size; step++) {
      if (step === PATIENCE) {
        const few: Array<PieceIndex> = []
        for (const piece of byIndex(availability, has)) if (few.push(piece) > FEW) break
        if (few.length <= FEW) {
          const distance = (piece: PieceIndex) => (position[piece]! - start + size) % size
          few.filter((piece) => distance(piece) >= step).sort((a, b) => distance(a) - distance(b)).every(
            offer,
          )
          return
        }
      }
      const piece = order[start + step < size ? start + step : start + step - size]!
      if (Bitfield.get(has, piece) && !offer(piece as PieceIndex)) return
    }
  },
  // The sooner a piece is whole, the sooner others can have it from us (strict priority, Cohen 2003, section 2.4.1).
  rank: (partial) => partial.freeCount,
  isSuggestible: true,
}

const random: Order = {
  fresh(availability, has, _verifiedCount, rng, offer) {
    const { order } = availability
    const size = Availability.size(availability)
    const drawn = new Set<PieceIndex>()
    // Any listed piece is as likely as any other: so are those that the peer has, once it has one.
    for (let draws = size <= FEW ? 0 : PATIENCE; draws > 0; draws--) {
      const piece = order[Rng.below(rng, size)]! as PieceIndex
      if (!Bitfield.get(has, piece) || drawn.has(piece)) continue
      drawn.add(piece)
      if (!offer(piece)) return
    }
    const left = [...byIndex(availability, has)].filter((piece) => !drawn.has(piece))
    for (let count = left.length; count > 0; count--) {
      const at = Rng.below(rng, count)
      if (!offer(left[at]!)) return
      left[at] = left[count - 1]!
    }
  },
  rank: rarest.rank,
  isSuggestible: false,
}

const sequential: Order = {
  fresh(availability, has, _verifiedCount, _rng, offer) {
    for (const piece of byIndex(availability, has)) if (!offer(piece)) return
  },
  rank: (partial) => partial.piece,
  isSuggestible: false,
}

export const orders: Readonly<Record<Strategy, Order>> = { rarest, random, sequential }
