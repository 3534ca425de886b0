/** Keeping each peer's pipeline full, and telling it whether we want anything. */
import * as Lazy from "../base/Lazy.ts"
import type { Millis } from "../base/Time.ts"
import * as Geometry from "../metainfo/Geometry.ts"
import * as Encoder from "../wire/Encoder.ts"
import * as Limits from "./Limits.ts"
import * as Peer from "./Peer.ts"
import * as Picker from "./Picker.ts"
import * as Pipeline from "./Pipeline.ts"
import * as State from "./State.ts"
import * as Timers from "./Timers.ts"
import * as Turn from "./Turn.ts"

/** Says `interested` or `not interested` when that has changed (BEP 3: the state must be kept true at all times). */
export const updateInterest = (torrent: State.Torrent, peer: Peer.Peer, turn: State.Turn): void => {
  if (peer.phase !== "ready") return
  peer.interest = State.isComplete(torrent) ? undefined : Picker.firstInteresting(torrent.picker, peer.has)
  const wants = peer.interest !== undefined
  if (wants === peer.amInterested) return
  peer.amInterested = wants
  peer.usefulAt = turn.now
  if (wants) Encoder.interested(peer.encoder)
  else Encoder.notInterested(peer.encoder)
  Turn.touch(turn, peer)
}

/** Asks for as many blocks as the peer's pipeline has room for. */
export const refill = (torrent: State.Torrent, peer: Peer.Peer, turn: State.Turn): void => {
  if (!mayRequest(peer)) return
  const room = roomOf(peer)
  if (room < leastRoom(peer)) return
  // In end game only a peer that would idle asks for what others owe us already: each duplicate is likely wasted.
  const isIdle = peer.requests.size < Limits.MIN_PIPELINE
  const context: Picker.PickContext = {
    peer: peer.conn,
    has: peer.has,
    count: room,
    isExclusive: peer.isOnParole,
    mayTakeOver: isIdle,
    mayDuplicate: isIdle && Picker.isEndGame(torrent.picker),
    only: peer.isChoking ? peer.allowedFast : undefined,
    suggested: peer.suggested.size > 0 ? peer.suggested : undefined,
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
  if (blocks.length > 0) Turn.touch(turn, peer)
}

/** The peer may be asked for more than it has been asked for. */
export const hasRoom = (peer: Peer.Peer): boolean => mayRequest(peer) && roomOf(peer) >= leastRoom(peer)

/**
 * A deep pipeline is refilled an eighth at a time: it doesn't run dry for that, and each write of requests costs both
 * sides a system call and a packet, which at full speed is more than the requests themselves.
 */
const leastRoom = ({ requests }: Peer.Peer): number => Math.max(1, Math.min(requests.size >> 3, MAX_BATCH))

/** Batches of more gain nothing, and would have a peer that takes thousands of requests wait for thousands of blocks. */
const MAX_BATCH = 64

const roomOf = (peer: Peer.Peer): number => Pipeline.target(peer.pipeline, peer.reqq) - peer.requests.size

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
  peer.requests = Lazy.set(peer.requests, block, now)
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
  Turn.touch(turn, peer)
}
