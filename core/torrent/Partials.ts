/**
 * The started pieces: some block of them is requested or received, and they are not verified yet. Few at a time, so
 * that who has which block is kept for these only.
 *
 *      a block's two entries     first     second
 *      free                      NOBODY    NOBODY
 *      requested                 peer      NOBODY
 *      requested twice           peer      peer         end game
 *      received                  sender    RECEIVED
 */
import { assert } from "../base/Assert.ts"
import type { PieceIndex } from "../metainfo/Geometry.ts"

/** A connection's number, of either sign, but none of the two below. */
export type PeerKey = number

/**
 * Peers that may owe us one block at the same time, and so entries of a block in `asked`. One second chance gets
 * around a stalled peer; each further one would only waste traffic, since every copy but the first is thrown away.
 */
export const MAX_REQUESTERS = 2

// Small integers, so that `asked` stays an array of them; no client ever accepts so many connections.
const NOBODY = -(2 ** 30)
const RECEIVED = NOBODY + 1

export interface PartialPiece {
  readonly piece: PieceIndex
  readonly blockCount: number
  /** Two entries a block, as in the picture above. */
  readonly asked: Array<PeerKey>
  freeCount: number
  receivedCount: number
  /** No block before this one is free. */
  firstFree: number
  /** Who has sent or owes a block of this piece, each once. */
  readonly peers: Array<PeerKey>
  /** For each of `peers` how many blocks; at least one. */
  readonly shares: Array<number>
  /** The peer on parole that this piece is reserved for; one of `peers`. */
  owner: PeerKey | undefined
}

export interface Partials {
  /** Those with `isOpen` blocks first, otherwise in no order. */
  readonly list: Array<PartialPiece>
  /** How many at the start of `list` are wanted and have a free block. */
  openCount: number
  /** Per piece its index in `list`, or -1 if it isn't started. */
  readonly slots: Int32Array
}

/** What became of a block that has come in. */
export interface Receipt {
  /** False if we had it already. */
  readonly isFresh: boolean
  /** Who was asked for it as well and should be told to cancel. */
  readonly others: ReadonlyArray<PeerKey>
}

const FRESH: Receipt = { isFresh: true, others: [] }
export const STALE: Receipt = { isFresh: false, others: [] }

export const make = (pieceCount: number): Partials => ({
  list: [],
  openCount: 0,
  slots: new Int32Array(pieceCount).fill(-1),
})

/** A copy that shares nothing. */
export const fork = (partials: Partials): Partials => ({
  list: partials.list.map((partial) => ({
    ...partial,
    asked: partial.asked.slice(),
    peers: partial.peers.slice(),
    shares: partial.shares.slice(),
  })),
  openCount: partials.openCount,
  slots: partials.slots.slice(),
})

export const get = ({ list, slots }: Partials, piece: PieceIndex): PartialPiece | undefined => {
  const slot = slots[piece]!
  return slot < 0 ? undefined : list[slot]
}

/** Starts a piece, all of its blocks free. It counts as closed until `setOpen` says otherwise. */
export const start = ({ list, slots }: Partials, piece: PieceIndex, blockCount: number): PartialPiece => {
  const partial: PartialPiece = {
    piece,
    blockCount,
    asked: new Array<PeerKey>(blockCount * MAX_REQUESTERS).fill(NOBODY),
    freeCount: blockCount,
    receivedCount: 0,
    firstFree: 0,
    peers: [],
    shares: [],
    owner: undefined,
  }
  slots[piece] = list.length
  list.push(partial)
  return partial
}

/** Forgets a started piece and all that was known of its blocks. */
export const drop = (partials: Partials, partial: PartialPiece): void => {
  setOpen(partials, partial, false)
  swap(partials, partials.slots[partial.piece]!, partials.list.length - 1)
  partials.list.pop()
  partials.slots[partial.piece] = -1
}

/** Moves a piece into the open part of the list, or out of it. */
export const setOpen = (partials: Partials, partial: PartialPiece, isOpen: boolean): void => {
  const slot = partials.slots[partial.piece]!
  if (isOpen === slot < partials.openCount) return
  if (isOpen) swap(partials, slot, partials.openCount++)
  else swap(partials, slot, --partials.openCount)
}

const swap = ({ list, slots }: Partials, a: number, b: number): void => {
  const partial = list[a]!
  list[a] = list[b]!
  list[b] = partial
  slots[list[a].piece] = a
  slots[partial.piece] = b
}

export const isComplete = (partial: PartialPiece): boolean => partial.receivedCount === partial.blockCount

/** Nobody has been asked for this block of the piece. */
export const isFree = ({ asked }: PartialPiece, block: number): boolean =>
  asked[block * MAX_REQUESTERS] === NOBODY

export const isReceived = ({ asked }: PartialPiece, block: number): boolean =>
  asked[block * MAX_REQUESTERS + 1] === RECEIVED

/** In end game: somebody owes us the block, but not this peer, and one more may be asked. */
export const mayDuplicate = ({ asked }: PartialPiece, block: number, peer: PeerKey): boolean => {
  const first = asked[block * MAX_REQUESTERS]!
  return first !== NOBODY && first !== peer && asked[block * MAX_REQUESTERS + 1] === NOBODY
}

/** This peer has sent or owes a block of the piece. */
export const isWorking = ({ peers }: PartialPiece, peer: PeerKey): boolean => peers.includes(peer)

/** Nobody but this peer has sent or owes a block of the piece. */
export const isAlone = ({ peers }: PartialPiece, peer: PeerKey): boolean =>
  peers.length === 1 && peers[0] === peer

/** The peer that the piece is reserved for owes no block of it: it may well be gone. */
export const isOrphan = ({ asked, owner }: PartialPiece): boolean => {
  if (owner === undefined) return false
  for (let at = 0; at < asked.length; at += MAX_REQUESTERS) {
    if (asked[at + 1] !== RECEIVED && (asked[at] === owner || asked[at + 1] === owner)) return false
  }
  return true
}

/** Who sent each block of a complete piece, in order. */
export const senders = ({ asked, blockCount }: PartialPiece): Array<PeerKey> =>
  Array.from({ length: blockCount }, (_, block) => asked[block * MAX_REQUESTERS]!)

/** The block is requested from this peer. */
export const ask = (partial: PartialPiece, block: number, peer: PeerKey): void => {
  const { asked } = partial
  const at = block * MAX_REQUESTERS
  assert(peer > RECEIVED, "a peer's key is no mark of ours")
  if (asked[at] === NOBODY) {
    asked[at] = peer
    takeFree(partial)
  } else {
    assert(asked[at + 1] === NOBODY && asked[at] !== peer, "a block is asked of two peers at most, once each")
    asked[at + 1] = peer
  }
  join(partial, peer)
}

/** The request is taken back; false if this peer doesn't owe the block. */
export const release = (partial: PartialPiece, block: number, peer: PeerKey): boolean => {
  const { asked } = partial
  const at = block * MAX_REQUESTERS
  if (asked[at + 1] === RECEIVED) return false
  if (asked[at + 1] === peer) asked[at + 1] = NOBODY
  else if (asked[at] === peer) {
    asked[at] = asked[at + 1]!
    asked[at + 1] = NOBODY
    if (asked[at] === NOBODY) {
      partial.freeCount++
      if (block < partial.firstFree) partial.firstFree = block
    }
  } else return false
  leave(partial, peer)
  return true
}

/** The block has come from this peer, asked or not. */
export const receive = (partial: PartialPiece, block: number, peer: PeerKey): Receipt => {
  const { asked } = partial
  const at = block * MAX_REQUESTERS
  const first = asked[at]!
  const second = asked[at + 1]!
  if (second === RECEIVED) return STALE
  asked[at] = peer
  asked[at + 1] = RECEIVED
  partial.receivedCount++
  if (first === NOBODY) takeFree(partial)
  if (first !== peer && second !== peer) join(partial, peer)
  if (second === NOBODY && (first === peer || first === NOBODY)) return FRESH
  const others: Array<PeerKey> = []
  for (const other of [first, second]) {
    if (other === peer || other === NOBODY) continue
    leave(partial, other)
    others.push(other)
  }
  return { isFresh: true, others }
}

/** One free block fewer, just taken: the cursor moves on to the next one. */
const takeFree = (partial: PartialPiece): void => {
  partial.freeCount--
  while (partial.firstFree < partial.blockCount && !isFree(partial, partial.firstFree)) partial.firstFree++
}

const join = ({ peers, shares }: PartialPiece, peer: PeerKey): void => {
  const at = peers.indexOf(peer)
  if (at < 0) {
    peers.push(peer)
    shares.push(1)
  } else shares[at]!++
}

const leave = (partial: PartialPiece, peer: PeerKey): void => {
  const { peers, shares } = partial
  const at = peers.indexOf(peer)
  if (--shares[at]! > 0) return
  if (partial.owner === peer) partial.owner = undefined
  peers.splice(at, 1)
  shares.splice(at, 1)
}
