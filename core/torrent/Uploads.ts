/**
 * A block's way to a peer that asked for it.
 *
 *      REQUEST ──▶ asked ──(room, tokens)──▶ Read ··▶ BlockRead ──▶ PIECE
 *                    └─── choke, CANCEL ───────┴──▶ rejected (fast extension, BEP 6), or dropped
 *
 * Each peer has a queue of its own and a bounded number of reads ahead of its connection; under a rate limit the queues
 * are served in turn, block by block. With the fast extension each request is answered exactly once.
 */
import type { Bytes } from "../base/Bytes.ts"
import * as Lazy from "../base/Lazy.ts"
import * as Rate from "../base/Rate.ts"
import { type Millis, NEVER } from "../base/Time.ts"
import * as Geometry from "../metainfo/Geometry.ts"
import * as Encoder from "../wire/Encoder.ts"
import * as Message from "../wire/Message.ts"
import * as AllowedFast from "./AllowedFast.ts"
import * as Bitfield from "./Bitfield.ts"
import type { ConnId } from "./Input.ts"
import * as Limits from "./Limits.ts"
import * as Patience from "./Patience.ts"
import type * as Peer from "./Peer.ts"
import type * as State from "./State.ts"
import * as SuperSeed from "./SuperSeed.ts"
import * as Throttle from "./Throttle.ts"
import * as Turn from "./Turn.ts"

/** A peer asks for a block. Returns the rule that it breaks, if it does. */
export const request = (
  torrent: State.Torrent,
  peer: Peer.Peer,
  { piece: index, begin, length }: Message.Request,
  turn: State.Turn,
): string | undefined => {
  const { geometry } = torrent.metainfo
  const piece = Geometry.pieceIndex(geometry, index)
  if (piece === undefined) return "a request of a piece that doesn't exist"
  if (length === 0 || length > Message.MAX_BLOCK_BYTES) return `a request of ${length} bytes`
  if (begin + length > Geometry.pieceLength(geometry, piece)) return "a request beyond its piece"
  const offset = Geometry.pieceOffset(geometry, piece) + begin
  // Asked twice is meant once: whoever timed out too early asks again for what is on its way.
  if ((peer.asked.get(offset) ?? peer.reading.get(offset)) === length) {
    return Patience.strain(peer.patience, turn.now)
  }
  const isServable = length <= Geometry.BLOCK_BYTES && isShown(torrent, peer, piece)
  const isServed = isServable && peer.asked.size + peer.reading.size < Limits.MAX_ASKED &&
    !peer.asked.has(offset) && !peer.reading.has(offset) &&
    (!peer.amChoking || isGranted(peer, piece, length))
  if (!isServed) return refuse(peer, piece, begin, length, isServable, turn)
  if (peer.amChoking) peer.grantedBytes -= length
  peer.asked = Lazy.set(peer.asked, offset, length)
  wantService(torrent, peer)
  return undefined
}

/** We have the piece, and don't hide it from this peer (BEP 16). */
const isShown = ({ have, superSeed }: State.Torrent, peer: Peer.Peer, piece: Geometry.PieceIndex): boolean =>
  superSeed === undefined ? Bitfield.get(have, piece) : SuperSeed.isVisible(superSeed, peer.conn, piece)

const isGranted = (peer: Peer.Peer, piece: Geometry.PieceIndex, length: number): boolean =>
  peer.granted.has(piece) && length <= peer.grantedBytes

/** Without the fast extension a refusal is silent; with it or not, there is an end to asking in vain. */
const refuse = (
  peer: Peer.Peer,
  piece: number,
  begin: number,
  length: number,
  isServable: boolean,
  turn: State.Turn,
): string | undefined => {
  if (++peer.refusals > Limits.MAX_REFUSALS) return "it goes on asking for what it is refused"
  if (!isServable && ++peer.vainRequests > Limits.MAX_VAIN_REQUESTS) {
    return "it goes on asking for what nobody could give it"
  }
  if (hasHeardOfChoke(peer, turn.now) && ++peer.lateRequests > Limits.MAX_LATE_REQUESTS) {
    return "it goes on asking although it is choked (BEP 3)"
  }
  reject(peer, piece, begin, length, turn)
  return undefined
}

/** We choke it, and it knows: a choke waits behind what was sent before, and we may not be reading what crossed it. */
const hasHeardOfChoke = (peer: Peer.Peer, now: Millis): boolean =>
  peer.amChoking && !peer.isCongested && now >= Math.max(peer.chokedAt, peer.resumedAt) + Limits.CHOKE_GRACE

const reject = (peer: Peer.Peer, piece: number, begin: number, length: number, turn: State.Turn): void => {
  if (!peer.supportsFast) return
  Encoder.reject(peer.encoder, piece, begin, length)
  Turn.touch(turn, peer)
}

/** The peer takes a request back; if its block has not left, the fast extension wants that confirmed (BEP 6). */
export const cancel = (
  torrent: State.Torrent,
  peer: Peer.Peer,
  { piece: index, begin, length }: Message.Cancel,
  turn: State.Turn,
): void => {
  const piece = Geometry.pieceIndex(torrent.metainfo.geometry, index)
  if (piece === undefined) return
  const offset = Geometry.pieceOffset(torrent.metainfo.geometry, piece) + begin
  if ((peer.asked.get(offset) ?? peer.reading.get(offset)) !== length) return
  peer.asked.delete(offset)
  peer.reading.delete(offset)
  reject(peer, piece, begin, length, turn)
}

/** Lets the peer download. */
export const unchoke = (peer: Peer.Peer, turn: State.Turn): void => {
  peer.amChoking = false
  peer.lastUnchokedAt = turn.now
  peer.uploadedAtUnchoke = peer.uploadRate.totalBytes
  peer.refusals = 0
  peer.lateRequests = 0
  Encoder.unchoke(peer.encoder)
  Turn.touch(turn, peer)
}

/** Lets the peer download no longer: what it waits for is refused, but for the pieces that it may have even so. */
export const choke = (torrent: State.Torrent, peer: Peer.Peer, turn: State.Turn): void => {
  peer.amChoking = true
  peer.chokedAt = turn.now
  peer.refusals = 0
  Encoder.choke(peer.encoder)
  Turn.touch(turn, peer)
  // In the order of asking: those that are being read were asked first.
  drop(torrent, peer, peer.reading, turn)
  drop(torrent, peer, peer.asked, turn)
}

const drop = (
  torrent: State.Torrent,
  peer: Peer.Peer,
  requests: Map<number, number>,
  turn: State.Turn,
): void => {
  const { pieceBytes } = torrent.metainfo.geometry
  for (const [offset, length] of requests) {
    const piece = Math.floor(offset / pieceBytes) as Geometry.PieceIndex
    if (isGranted(peer, piece, length)) {
      peer.grantedBytes -= length
      continue
    }
    requests.delete(offset)
    reject(peer, piece, offset - piece * pieceBytes, length, turn)
  }
}

/**
 * Grants a newcomer that we choke a few pieces (BEP 6), so that it has something to trade before its turn comes. Call it
 * when the peer has said what it has.
 */
export const grant = (torrent: State.Torrent, peer: Peer.Peer, turn: State.Turn): void => {
  // Who super-seeds has nothing, as far as the peer knows.
  if (torrent.superSeed !== undefined) return
  if (!peer.supportsFast || !peer.amChoking || peer.has.count >= Limits.ALLOWED_FAST_PIECES) return
  const { geometry, infoHashBytes } = torrent.metainfo
  const { pieceCount } = geometry
  for (
    const piece of AllowedFast.canonical(infoHashBytes, peer.address, pieceCount, Limits.ALLOWED_FAST_PIECES)
  ) {
    if (!Bitfield.get(torrent.have, piece) || Bitfield.get(peer.has, piece)) continue
    const bytes = Geometry.pieceLength(geometry, piece)
    if (peer.grantedBytes + bytes > Limits.ALLOWED_FAST_BYTES) return
    peer.granted = Lazy.add(peer.granted, piece)
    peer.grantedBytes += bytes
    Encoder.allowedFast(peer.encoder, piece)
    Turn.touch(turn, peer)
  }
}

/** The connection takes no more for now, or takes more again. */
export const setCongested = (torrent: State.Torrent, peer: Peer.Peer, isCongested: boolean): void => {
  peer.isCongested = isCongested
  if (!isCongested) wantService(torrent, peer)
}

/** Below half of what may be under way, so that reads of neighbouring blocks leave together and can be joined. */
const wantService = (torrent: State.Torrent, peer: Peer.Peer): void => {
  if (peer.asked.size === 0 || peer.isCongested) return
  if (peer.readsInFlight <= Limits.MAX_READS_AHEAD / 2) torrent.serving.add(peer.conn)
}

/** Reads for all peers that wait: all that is in reach where no limit holds, in turn and block by block where one does. */
export const serve = (torrent: State.Torrent, turn: State.Turn): void => {
  const { buckets, serving, throttle } = torrent
  if (serving.size === 0) return
  const isLimited = Throttle.isUploadLimited(throttle, buckets)
  let isHeld = false
  // A peer that is put back goes to the end, and comes up again in this same loop until the limit holds.
  for (const conn of serving) {
    const peer = torrent.peers.get(conn)!
    if (!isLimited || !Throttle.isMetered(throttle, peer.address)) {
      serving.delete(conn)
      readAhead(torrent, peer, Limits.MAX_READS_AHEAD, turn)
      continue
    }
    isHeld ||= !Throttle.mayUpload(throttle, buckets, torrent.id, turn.now)
    if (isHeld && !throttle.isLanExempt) return
    if (isHeld) continue
    serving.delete(conn)
    const bytes = readAhead(torrent, peer, 1, turn)
    Throttle.takeUpload(throttle, buckets, turn.now, bytes)
    if (canRead(peer)) serving.add(conn)
  }
}

const canRead = (peer: Peer.Peer): boolean =>
  peer.asked.size > 0 && !peer.isCongested && peer.readsInFlight < Limits.MAX_READS_AHEAD

/** Asks the disk for up to `most` blocks of the peer's queue; returns their bytes. */
const readAhead = (torrent: State.Torrent, peer: Peer.Peer, most: number, turn: State.Turn): number => {
  if (!canRead(peer)) return 0
  const { pieceBytes } = torrent.metainfo.geometry
  const last = Math.min(Limits.MAX_READS_AHEAD, peer.readsInFlight + most)
  let bytes = 0
  for (const [offset, length] of peer.asked) {
    const piece = Math.floor(offset / pieceBytes) as Geometry.PieceIndex
    const begin = offset - piece * pieceBytes
    peer.asked.delete(offset)
    peer.reading = Lazy.set(peer.reading, offset, length)
    bytes += length
    turn.out.push({ _tag: "Read", torrent: torrent.id, conn: peer.conn, piece, begin, length })
    if (++peer.readsInFlight >= last) break
  }
  return bytes
}

/** The disk has answered: the block leaves, unless it is not asked for any more. */
export const blockRead = (
  torrent: State.Torrent,
  conn: ConnId,
  piece: Geometry.PieceIndex,
  begin: number,
  bytes: Bytes,
  turn: State.Turn,
): void => {
  const peer = torrent.peers.get(conn)
  if (peer === undefined) return
  peer.readsInFlight--
  const offset = Geometry.pieceOffset(torrent.metainfo.geometry, piece) + begin
  if (peer.reading.get(offset) === bytes.length) {
    peer.reading.delete(offset)
    peer.refusals = 0
    peer.vainRequests = 0
    Patience.soothe(peer.patience, Patience.BLOCK)
    peer.usefulAt = turn.now
    peer.exchangedAt = turn.now
    Encoder.piece(peer.encoder, piece, begin, bytes)
    Rate.add(torrent.uploadRate, turn.now, bytes.length)
    Rate.add(peer.uploadRate, turn.now, bytes.length)
    Turn.touch(turn, peer)
  } else if (Throttle.isMetered(torrent.throttle, peer.address)) {
    Throttle.takeUpload(torrent.throttle, torrent.buckets, turn.now, -bytes.length)
  }
  wantService(torrent, peer)
}

/** Counts what leaves towards a peer besides blocks, which were counted when they were read. */
export const meter = (torrent: State.Torrent, peer: Peer.Peer, bytes: number, now: Millis): void => {
  const { buckets, throttle } = torrent
  if (!Throttle.isUploadLimited(throttle, buckets) || !Throttle.isMetered(throttle, peer.address)) return
  Throttle.takeUpload(throttle, buckets, now, bytes)
}

/** When the torrent's own limit lets the next block through; in the queue for the client's, it is the client that wakes it. */
export const nextWake = ({ buckets, id, serving, throttle }: State.Torrent): Millis =>
  serving.size === 0 || throttle.uploadQueue.has(id) ? NEVER : Throttle.ownUploadOpensAt(buckets)
