/** Keeping each peer's pipeline full, and telling it whether we want anything. */
import type { Millis } from "../base/Time.ts"
import * as Geometry from "../metainfo/Geometry.ts"
import * as Encoder from "../wire/Encoder.ts"
import * as Bitfield from "./Bitfield.ts"
import * as Limits from "./Limits.ts"
import * as Peer from "./Peer.ts"
import * as Picker from "./Picker.ts"
import * as Pipeline from "./Pipeline.ts"
import * as State from "./State.ts"
import * as Timers from "./Timers.ts"

/** Says `interested` or `not interested` when that has changed (BEP 3: the state must be kept true at all times). */
export const updateInterest = (torrent: State.Torrent, peer: Peer.Peer, turn: State.Turn): void => {
  if (peer.phase !== "ready") return
  const wants = !State.isComplete(torrent) && Picker.hasInteresting(torrent.picker, peer.has)
  if (wants === peer.amInterested) return
  peer.amInterested = wants
  peer.usefulAt = turn.now
  if (wants) Encoder.interested(peer.encoder)
  else Encoder.notInterested(peer.encoder)
  turn.touched.add(peer)
}

/** Asks for as many blocks as the peer's pipeline has room for. */
export const refill = (torrent: State.Torrent, peer: Peer.Peer, turn: State.Turn): void => {
  if (!mayRequest(peer)) return
  const room = Pipeline.target(peer.pipeline, peer.reqq) - peer.requests.size
  if (room <= 0) return
  // In end game only a peer that would idle asks for what others owe us already: each duplicate is likely wasted.
  const isIdle = peer.requests.size < Limits.MIN_PIPELINE
  const context: Picker.PickContext = {
    peer: peer.conn,
    has: peer.has,
    count: room,
    isExclusive: peer.isOnParole,
    mayTakeOver: isIdle,
    mayDuplicate: isIdle && Picker.isEndGame(torrent.picker),
    ...(peer.isChoking ? { only: peer.allowedFast } : {}),
    ...(peer.suggested.size > 0 ? { suggested: peer.suggested } : {}),
  }
  let isExclusive = context.isExclusive
  let blocks = Picker.pick(torrent.picker, context, torrent.rng)
  if (blocks.length === 0 && isExclusive && peer.requests.size === 0) {
    // Nothing is left that it could do alone: better a mixed piece, but not the one in which another is being tried.
    isExclusive = false
    blocks = Picker.pick(torrent.picker, { ...context, isExclusive, mayTakeOver: false }, torrent.rng)
  }
  peer.isFilled = blocks.length === room
  for (const block of blocks) request(torrent, peer, block, isExclusive, turn.now)
  if (blocks.length > 0) turn.touched.add(peer)
}

const mayRequest = (peer: Peer.Peer): boolean =>
  peer.phase === "ready" && peer.amInterested && !peer.isSnubbed &&
  (!peer.isChoking || peer.allowedFast.size > 0)

const request = (
  torrent: State.Torrent,
  peer: Peer.Peer,
  block: Geometry.BlockIndex,
  isExclusive: boolean,
  now: Millis,
): void => {
  const { geometry } = torrent.metainfo
  if (peer.requests.size === 0) {
    peer.owedSince = now
    peer.latencyProbe = block
  }
  Picker.requested(torrent.picker, block, peer.conn, isExclusive)
  peer.requests.set(block, now)
  if (peer.requests.size === 1) Timers.rearm(torrent, peer)
  Encoder.request(
    peer.encoder,
    Geometry.blockPiece(geometry, block),
    Geometry.blockBegin(geometry, block),
    Geometry.blockLength(geometry, block),
  )
}

/** The block has come from somebody else: end game's duplicates are cancelled (BEP 3). */
export const cancel = (
  torrent: State.Torrent,
  peer: Peer.Peer,
  block: Geometry.BlockIndex,
  turn: State.Turn,
): void => {
  const { geometry } = torrent.metainfo
  if (!peer.requests.has(block)) return
  Peer.forget(peer, block)
  Encoder.cancel(
    peer.encoder,
    Geometry.blockPiece(geometry, block),
    Geometry.blockBegin(geometry, block),
    Geometry.blockLength(geometry, block),
  )
  turn.touched.add(peer)
}

/**
 * Tells every peer but seeds which pieces we have verified, in one write each: those that have them, too, since a
 * super-seeder shows the next piece when it hears of the last one (BEP 16).
 */
export const tellHaves = (torrent: State.Torrent, turn: State.Turn): void => {
  if (torrent.untold.length === 0) return
  for (const peer of torrent.peers.values()) {
    if (peer.phase !== "ready" || Bitfield.isFull(peer.has)) continue
    for (const piece of torrent.untold) Encoder.have(peer.encoder, piece)
    turn.touched.add(peer)
  }
  torrent.untold.length = 0
}
