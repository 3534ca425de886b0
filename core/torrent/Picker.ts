/**
 * What there is to download and who was asked for it. `pick` (in `Pick.ts`) changes nothing; the functions here commit
 * what really happened. A piece is in one of three states:
 *
 *              requested, received               all blocks received, hash good
 *      free ───────────────────────▶ started ─────────────────────────────────▶ verified
 *       ▲   ◀───────────────────────    │                                          │
 *       │     the last one released     │ failed                                   │ lost
 *       └───────────────────────────────┴──────────────────────────────────────────┘
 *
 * Free pieces that are wanted stand in `Availability`, in the order of their rarity; who was asked for which block of
 * a started piece is in `Partials`; verified pieces are a bit each.
 */
import { assert } from "../base/Assert.ts"
import type * as Rng from "../base/Rng.ts"
import * as Geometry from "../metainfo/Geometry.ts"
import type { BlockIndex, PieceIndex } from "../metainfo/Geometry.ts"
import * as Availability from "./Availability.ts"
import * as Bitfield from "./Bitfield.ts"
import * as Partials from "./Partials.ts"
import type { PartialPiece, PeerKey, Receipt } from "./Partials.ts"
import type { Strategy } from "./Strategy.ts"

export { pick } from "./Pick.ts"
export type { PickContext } from "./Pick.ts"
export type { PeerKey, Receipt } from "./Partials.ts"
export type { Strategy } from "./Strategy.ts"

/** Updated in place by its one owner; reading its fields is fine. */
export interface Picker {
  readonly geometry: Geometry.Geometry
  readonly strategy: Strategy
  /** Verified pieces. */
  readonly have: Bitfield.Bitfield
  /** Pieces of the selected files. */
  readonly wanted: Bitfield.Bitfield
  /** Wanted, not verified. */
  readonly missing: Bitfield.Bitfield
  /** Who has what; lists the pieces that are wanted and free. */
  readonly availability: Availability.Availability
  readonly partials: Partials.Partials
}

export interface Options {
  /** Pieces verified so far; copied. */
  readonly have: Bitfield.Bitfield
  /** Pieces of the selected files; copied. */
  readonly wanted: Bitfield.Bitfield
  readonly strategy: Strategy
  /** Decides between equally rare pieces: each client has to prefer others. */
  readonly rng: Rng.Rng
}

/** A picker that knows no peers yet. */
export const make = (geometry: Geometry.Geometry, options: Options): Picker => {
  const { pieceCount } = geometry
  assert(options.have.length === pieceCount && options.wanted.length === pieceCount, "one bit a piece")
  const missing = Bitfield.copy(options.wanted)
  for (const piece of Bitfield.pieces(options.have)) Bitfield.clear(missing, piece)
  return {
    geometry,
    strategy: options.strategy,
    have: Bitfield.copy(options.have),
    wanted: Bitfield.copy(options.wanted),
    missing,
    availability: Availability.make(Bitfield.copy(missing), options.rng),
    partials: Partials.make(pieceCount),
  }
}

/** A copy that shares nothing but the geometry. */
export const fork = (picker: Picker): Picker => ({
  geometry: picker.geometry,
  strategy: picker.strategy,
  have: Bitfield.copy(picker.have),
  wanted: Bitfield.copy(picker.wanted),
  missing: Bitfield.copy(picker.missing),
  availability: Availability.fork(picker.availability),
  partials: Partials.fork(picker.partials),
})

/** A peer with every piece has come. */
export const addSeed = (picker: Picker): void => {
  picker.availability.seeds++
}

/** A peer that `addSeed` counted has gone. */
export const removeSeed = (picker: Picker): void => {
  assert(picker.availability.seeds > 0, "a seed goes once")
  picker.availability.seeds--
}

/** A peer with these pieces has come. */
export const addPeer = (picker: Picker, bits: Bitfield.Bitfield): void => {
  for (const piece of Bitfield.pieces(bits)) Availability.increment(picker.availability, piece)
}

/** A peer that had these pieces in the end has gone. */
export const removePeer = (picker: Picker, bits: Bitfield.Bitfield): void => {
  for (const piece of Bitfield.pieces(bits)) Availability.decrement(picker.availability, piece)
}

/** A peer that is no seed has one piece more. */
export const addHave = (picker: Picker, piece: PieceIndex): void =>
  Availability.increment(picker.availability, piece)

/** A peer that is no seed has lost the piece. */
export const removeHave = (picker: Picker, piece: PieceIndex): void =>
  Availability.decrement(picker.availability, piece)

/** Peers that have the piece, seeds included. */
export const availability = ({ availability }: Picker, piece: PieceIndex): number =>
  availability.counts[piece]! + availability.seeds

/** The block was requested from the peer; `isExclusive` as it was for picking. */
export const requested = (picker: Picker, block: BlockIndex, peer: PeerKey, isExclusive: boolean): void => {
  const partial = startedAt(picker, block)
  assert(!isExclusive || Partials.isAlone(partial, peer) || partial.peers.length === 0, "on parole, alone")
  Partials.ask(partial, blockInPiece(picker, block), peer)
  partial.owner = isExclusive ? peer : undefined
  update(picker, partial)
}

/** The request was taken back: choke, reject, time-out, disconnect. Nothing happens if the peer doesn't owe the block. */
export const released = (picker: Picker, block: BlockIndex, peer: PeerKey): void => {
  const partial = Partials.get(picker.partials, Geometry.blockPiece(picker.geometry, block))
  if (partial === undefined || !Partials.release(partial, blockInPiece(picker, block), peer)) return
  if (partial.freeCount === partial.blockCount) free(picker, partial)
  else update(picker, partial)
}

/** The block came in whole from the peer, asked or not. The requests of others for it are forgotten here. */
export const received = (picker: Picker, block: BlockIndex, peer: PeerKey): Receipt => {
  if (Bitfield.get(picker.have, Geometry.blockPiece(picker.geometry, block))) return Partials.STALE
  const partial = startedAt(picker, block)
  const receipt = Partials.receive(partial, blockInPiece(picker, block), peer)
  update(picker, partial)
  return receipt
}

/** The block is here; so are those of verified pieces. */
export const isReceived = (picker: Picker, block: BlockIndex): boolean => {
  const piece = Geometry.blockPiece(picker.geometry, block)
  if (Bitfield.get(picker.have, piece)) return true
  const partial = Partials.get(picker.partials, piece)
  return partial !== undefined && Partials.isReceived(partial, blockInPiece(picker, block))
}

/** All blocks of the piece are here, verified or not. */
export const isComplete = (picker: Picker, piece: PieceIndex): boolean => {
  if (Bitfield.get(picker.have, piece)) return true
  const partial = Partials.get(picker.partials, piece)
  return partial !== undefined && Partials.isComplete(partial)
}

/** Who sent the blocks of a piece that is complete and neither verified nor failed yet, each once. */
export const contributors = (picker: Picker, piece: PieceIndex): ReadonlyArray<PeerKey> => {
  const partial = Partials.get(picker.partials, piece)
  assert(
    partial !== undefined && Partials.isComplete(partial),
    "the senders are known from the last block to the verdict",
  )
  return partial.peers.slice()
}

/** Who sent each block of a piece that is complete and neither verified nor failed yet, in order. */
export const senders = (picker: Picker, piece: PieceIndex): ReadonlyArray<PeerKey> => {
  const partial = Partials.get(picker.partials, piece)
  assert(partial !== undefined && Partials.isComplete(partial), "the senders of a complete piece are known")
  return Partials.senders(partial)
}

/** The piece is on the disk and its hash is right. Requests for its blocks are forgotten. */
export const verified = (picker: Picker, piece: PieceIndex): void => {
  if (!Bitfield.set(picker.have, piece)) return
  if (isWanted(picker, piece)) Bitfield.clear(picker.missing, piece)
  const partial = Partials.get(picker.partials, piece)
  if (partial !== undefined) Partials.drop(picker.partials, partial)
  else if (Availability.isListed(picker.availability, piece)) Availability.remove(picker.availability, piece)
}

/** The hash was wrong, or the data is lost before it was verified: all blocks are free again. */
export const failed = (picker: Picker, piece: PieceIndex): void => {
  const partial = Partials.get(picker.partials, piece)
  if (partial !== undefined) free(picker, partial)
}

/** A verified piece turned out bad, on the disk: it has to come again. */
export const lost = (picker: Picker, piece: PieceIndex): void => {
  if (!Bitfield.clear(picker.have, piece) || !isWanted(picker, piece)) return
  Bitfield.set(picker.missing, piece)
  Availability.insert(picker.availability, piece)
}

/** The piece belongs to a selected file. */
export const isWanted = (picker: Picker, piece: PieceIndex): boolean => Bitfield.get(picker.wanted, piece)

/** The piece belongs to a selected file, and is not verified. */
export const isMissing = (picker: Picker, piece: PieceIndex): boolean => Bitfield.get(picker.missing, piece)

/** Another selection of files. Started pieces that are no longer wanted keep their blocks, for the case that they are again. */
export const setWanted = (picker: Picker, wanted: Bitfield.Bitfield): void => {
  for (const piece of Geometry.pieces(picker.geometry)) {
    const isNow = Bitfield.get(wanted, piece)
    if (isNow === isWanted(picker, piece)) continue
    change(picker.wanted, piece, isNow)
    if (Bitfield.get(picker.have, piece)) continue
    change(picker.missing, piece, isNow)
    const partial = Partials.get(picker.partials, piece)
    if (partial !== undefined) update(picker, partial)
    else if (isNow) Availability.insert(picker.availability, piece)
    else Availability.remove(picker.availability, piece)
  }
}

/** Wanted pieces that are not verified. */
export const missingWanted = (picker: Picker): number => picker.missing.count

/** Every wanted block is requested, received or verified. */
export const isEndGame = (picker: Picker): boolean =>
  Availability.size(picker.availability) === 0 && picker.partials.openCount === 0

/** A wanted piece that is not verified and that the peer has: what our interest rests on (BEP 3). */
export const firstInteresting = (picker: Picker, has: Bitfield.Bitfield): PieceIndex | undefined =>
  Bitfield.firstCommon(picker.missing, has, 0)

const blockInPiece = (picker: Picker, block: BlockIndex): number => block % picker.geometry.blocksPerPiece

/** The piece of a block, started now if it wasn't. */
const startedAt = (picker: Picker, block: BlockIndex): PartialPiece => {
  const piece = Geometry.blockPiece(picker.geometry, block)
  const partial = Partials.get(picker.partials, piece)
  if (partial !== undefined) return partial
  assert(!Bitfield.get(picker.have, piece), "a verified piece is not started again")
  if (Availability.isListed(picker.availability, piece)) Availability.remove(picker.availability, piece)
  return Partials.start(picker.partials, piece, Geometry.blockCount(picker.geometry, piece))
}

/** From started to free. */
const free = (picker: Picker, partial: PartialPiece): void => {
  Partials.drop(picker.partials, partial)
  if (isWanted(picker, partial.piece)) Availability.insert(picker.availability, partial.piece)
}

const update = (picker: Picker, partial: PartialPiece): void =>
  Partials.setOpen(picker.partials, partial, partial.freeCount > 0 && isWanted(picker, partial.piece))

const change = (bits: Bitfield.Bitfield, piece: PieceIndex, isSet: boolean): boolean =>
  isSet ? Bitfield.set(bits, piece) : Bitfield.clear(bits, piece)
