/**
 * How many copies of the pieces are in a swarm. Neighbouring pieces share a row where there are more of them than rows,
 * so that memory is a few hundred bytes a peer, however many pieces there are.
 */
import * as Bitfield from "../../torrent/Bitfield.ts"

export interface Copies {
  readonly pieceCount: number
  readonly rows: number
  /** Pieces in each row. */
  readonly widths: Uint32Array
  /** Copies of all pieces of each row together. */
  readonly totals: Float64Array
  /** What each peer adds to `totals`. */
  readonly shares: Map<number, Uint32Array>
}

/** Nobody has anything. At most `maxRows` rows, one a piece where there are no more pieces. */
export const make = (pieceCount: number, maxRows: number): Copies => {
  const rows = Math.min(pieceCount, maxRows)
  const widths = new Uint32Array(rows)
  for (let piece = 0; piece < pieceCount; piece++) widths[Math.floor(piece * rows / pieceCount)]!++
  return { pieceCount, rows, widths, totals: new Float64Array(rows), shares: new Map() }
}

/** The peer has got one more piece. */
export const add = (copies: Copies, peer: number, piece: number): void => {
  const row = Math.floor(piece * copies.rows / copies.pieceCount)
  shareOf(copies, peer)[row]!++
  copies.totals[row]!++
}

/** What the peer has is this and nothing else. */
export const set = (copies: Copies, peer: number, have: Bitfield.Bitfield): void => {
  remove(copies, peer)
  const share = shareOf(copies, peer)
  if (Bitfield.isFull(have)) share.set(copies.widths)
  else {for (const piece of Bitfield.pieces(have)) {
      share[Math.floor(piece * copies.rows / copies.pieceCount)]!++
    }}
  for (let row = 0; row < copies.rows; row++) copies.totals[row]! += share[row]!
}

/** The peer is gone, and its copies with it. */
export const remove = (copies: Copies, peer: number): void => {
  const share = copies.shares.get(peer)
  if (share === undefined) return
  for (let row = 0; row < copies.rows; row++) copies.totals[row]! -= share[row]!
  copies.shares.delete(peer)
}

/** Copies of a piece of this row, on average. */
export const perPiece = (copies: Copies, row: number): number => copies.totals[row]! / copies.widths[row]!

const shareOf = (copies: Copies, peer: number): Uint32Array => {
  let share = copies.shares.get(peer)
  if (share === undefined) copies.shares.set(peer, share = new Uint32Array(copies.rows))
  return share
}
