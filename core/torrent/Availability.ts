/**
 * How many peers have each piece, and the free pieces sorted by it, always up to date.
 *
 *      order   [ 7  2 | 9  0  4 | 1 | 3  8 ]       a piece's availability is the bucket that it stands in
 *      ends          2         5   6      8        ends[a]: one past the last piece of bucket a
 *
 * A HAVE moves one piece over one border: a swap, whatever the number of pieces. Seeds have everything and so change
 * no order: they are a counter. Only pieces that may still be started are in the order, so that looking for the next
 * one never wades through the finished ones.
 */
import { assert } from "../base/Assert.ts"
import * as Rng from "../base/Rng.ts"
import type { PieceIndex } from "../metainfo/Geometry.ts"
import * as Bitfield from "./Bitfield.ts"

export interface Availability {
  /** Per piece, the peers that have it, seeds not included. */
  readonly counts: Int32Array
  seeds: number
  /** The listed pieces in ascending order of `counts`; the first `size` entries are in use. */
  readonly order: Int32Array
  /** Per piece its place in `order`, or -1 if it is not listed. */
  readonly position: Int32Array
  readonly ends: Array<number>
  /** The listed pieces again, for walking them by index. */
  readonly listed: Bitfield.Bitfield
  /** The first listed piece, or `listed.length`: where walking by index begins. */
  lowest: number
  /**
   * Where in its new bucket a piece is put. Without it, pieces of one peer's bitfield would come to stand by index,
   * and all peers of a swarm would ask for the same one first.
   */
  readonly rng: Rng.Rng
}

/** No peers yet; lists the pieces of `listed`, which is owned by this from here on, in random order. */
export const make = (listed: Bitfield.Bitfield, rng: Rng.Rng): Availability => {
  const order = new Int32Array(listed.length)
  const position = new Int32Array(listed.length).fill(-1)
  let size = 0
  for (const piece of Bitfield.pieces(listed)) {
    const at = Rng.below(rng, size + 1)
    order[size] = order[at]!
    order[at] = piece
    size++
  }
  for (let at = 0; at < size; at++) position[order[at]!] = at
  return {
    counts: new Int32Array(listed.length),
    seeds: 0,
    order,
    position,
    ends: [size],
    listed,
    lowest: lowestOf(listed),
    rng: Rng.make(Rng.next(rng)),
  }
}

/** A copy that shares nothing. */
export const fork = (availability: Availability): Availability => ({
  counts: availability.counts.slice(),
  seeds: availability.seeds,
  order: availability.order.slice(),
  position: availability.position.slice(),
  ends: availability.ends.slice(),
  listed: Bitfield.copy(availability.listed),
  lowest: availability.lowest,
  rng: { words: availability.rng.words.slice() },
})

/** Pieces in the order. */
export const size = ({ ends }: Availability): number => ends[ends.length - 1]!

export const isListed = ({ position }: Availability, piece: PieceIndex): boolean => position[piece]! >= 0

/** One more peer has this piece. */
export const increment = (availability: Availability, piece: PieceIndex): void => {
  const { counts, ends, position } = availability
  const count = counts[piece]!++
  if (position[piece]! < 0) return
  if (count === ends.length - 1) ends.push(ends[count]!)
  const border = ends[count]! - 1
  swap(availability, position[piece]!, border)
  ends[count] = border
  settle(availability, border, border, ends[count + 1]!)
}

/** One peer fewer has this piece. */
export const decrement = (availability: Availability, piece: PieceIndex): void => {
  const { counts, ends, position } = availability
  const count = counts[piece]!--
  assert(count > 0, "a peer takes back what it was counted for")
  if (position[piece]! < 0) return
  const border = ends[count - 1]!
  swap(availability, position[piece]!, border)
  ends[count - 1] = border + 1
  settle(availability, border, start(ends, count - 1), border + 1)
}

/** Lists a piece that is not listed. Costs a step for each bucket above its own. */
export const insert = (availability: Availability, piece: PieceIndex): void => {
  assert(Bitfield.set(availability.listed, piece), "the piece is not listed yet")
  if (piece < availability.lowest) availability.lowest = piece
  const { counts, ends, order } = availability
  const count = counts[piece]!
  while (ends.length <= count) ends.push(size(availability))
  // The first of each bucket above goes to its end, which moves the gap at the very end down to our bucket.
  for (let bucket = ends.length - 1; bucket > count; bucket--) {
    const first = ends[bucket - 1]!
    const end = ends[bucket]!
    if (first < end) place(availability, order[first]!, end)
    ends[bucket] = end + 1
  }
  const at = ends[count]!
  ends[count] = at + 1
  place(availability, piece, at)
  settle(availability, at, start(ends, count), at + 1)
}

/** Takes a listed piece out of the order. Costs a step for each bucket above its own. */
export const remove = (availability: Availability, piece: PieceIndex): void => {
  assert(Bitfield.clear(availability.listed, piece), "the piece is listed")
  const { counts, ends, listed, order, position } = availability
  if (piece === availability.lowest) availability.lowest = lowestOf(listed, piece)
  let gap = position[piece]!
  // The last of each bucket fills the gap below it, which moves the gap up to the very end.
  for (let bucket = counts[piece]!; bucket < ends.length; bucket++) {
    const last = ends[bucket]! - 1
    if (gap < last) place(availability, order[last]!, gap)
    ends[bucket] = last
    gap = last
  }
  position[piece] = -1
}

const lowestOf = (listed: Bitfield.Bitfield, from = 0): number =>
  Bitfield.firstCommon(listed, listed, from) ?? listed.length

const start = (ends: ReadonlyArray<number>, bucket: number): number => bucket === 0 ? 0 : ends[bucket - 1]!

const place = ({ order, position }: Availability, piece: number, at: number): void => {
  order[at] = piece
  position[piece] = at
}

const swap = (availability: Availability, a: number, b: number): void => {
  const { order } = availability
  const piece = order[a]!
  place(availability, order[b]!, a)
  place(availability, piece, b)
}

/** Gives the piece at `at`, new in the bucket from `from` to `end`, a random place in it. */
const settle = (availability: Availability, at: number, from: number, end: number): void =>
  swap(availability, at, from + Rng.below(availability.rng, end - from))
