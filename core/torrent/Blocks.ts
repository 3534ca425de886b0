/**
 * A block's way from the wire to a verified piece.
 *
 *      Fragment ──▶ Write ··▶ Written ──(all blocks here, nothing on its way)──▶ Hash ··▶ PieceHashed ──▶ good: have, HAVE
 *                                                                                                   └──▶ bad: fetched again,
 *                                                                  once its blocks are hashed if several peers sent them
 *
 * Payload is never held here: each fragment leaves at once as a `Write` that refers to the buffer it came in. A piece
 * is hashed as it stands on the disk, and only when every byte that was ever sent towards it has landed, so that
 * nothing can change it after it was found good.
 */
import * as Bytes from "../base/Bytes.ts"
import * as Rate from "../base/Rate.ts"
import * as Geometry from "../metainfo/Geometry.ts"
import { pieceHash } from "../metainfo/Metainfo.ts"
import type * as Message from "../wire/Message.ts"
import * as Bitfield from "./Bitfield.ts"
import * as Blame from "./Blame.ts"
import * as Haves from "./Haves.ts"
import * as Patience from "./Patience.ts"
import * as Peer from "./Peer.ts"
import * as Picker from "./Picker.ts"
import * as Pipeline from "./Pipeline.ts"
import * as Requests from "./Requests.ts"
import * as Stall from "./Stall.ts"
import * as State from "./State.ts"
import * as Turn from "./Turn.ts"

/** Part of a PIECE message's payload. Returns the rule that it breaks, if it does. */
export const fragment = (
  torrent: State.Torrent,
  peer: Peer.Peer,
  item: Message.Fragment,
  turn: State.Turn,
): string | undefined => {
  const { geometry } = torrent.metainfo
  const { begin, bytes, length, offset } = item
  const count = bytes.length
  Rate.add(torrent.downloadRate, turn.now, count)
  Rate.add(peer.downloadRate, turn.now, count)
  const block = Geometry.blockIndex(geometry, item.piece, begin, length)
  if (block === undefined) return "a block that doesn't exist"
  const piece = Geometry.blockPiece(geometry, block)
  const isLast = offset + count === length
  const isWanted = (offset === 0 || peer.incoming === block) && isMissing(torrent, piece, block)
  if (offset === 0) {
    if (!Peer.expects(peer, block)) return "a block that was never requested"
    peer.incoming = isWanted ? block : undefined
    sampleLatency(peer, block, turn)
    if (isWanted) claim(torrent, peer, block, isLast)
  }
  if (isWanted) {
    const writes = writesOf(torrent, piece)
    writes.issuedBytes += count
    turn.out.push({ _tag: "Write", torrent: torrent.id, piece, begin: begin + offset, bytes })
    if (isLast) accepted(torrent, peer, piece, block, writes, turn)
  } else {
    torrent.wastedBytes += count
    peer.incoming = undefined
  }
  if (isLast) answered(peer, block, length, turn)
  return undefined
}

const isMissing = (torrent: State.Torrent, piece: Geometry.PieceIndex, block: Geometry.BlockIndex): boolean =>
  torrent.phase === "running" && !Bitfield.get(torrent.have, piece) &&
  !Picker.isReceived(torrent.picker, block)

/** Notes who writes a block: of one that two have written parts of, nobody knows what the disk holds. */
const claim = (
  torrent: State.Torrent,
  peer: Peer.Peer,
  block: Geometry.BlockIndex,
  isWhole: boolean,
): void => {
  if (isWhole && torrent.writers.size === 0) return
  const writer = torrent.writers.get(block)
  if (writer !== undefined && writer !== peer.conn) torrent.writers.set(block, State.MIXED)
  else if (!isWhole) torrent.writers.set(block, peer.conn)
}

/** Only the first request of an empty pipeline shows the latency: later ones wait behind each other. */
const sampleLatency = (peer: Peer.Peer, block: Geometry.BlockIndex, turn: State.Turn): void => {
  if (block !== peer.latencyProbe) return
  peer.latencyProbe = undefined
  Pipeline.latencySample(peer.pipeline, turn.now - (peer.requests.get(block) ?? turn.now))
}

/** The peer has kept its word: its clock starts again and its pipeline has room. */
const answered = (peer: Peer.Peer, block: Geometry.BlockIndex, bytes: number, turn: State.Turn): void => {
  Peer.answer(peer, block)
  peer.incoming = undefined
  peer.owedSince = turn.now
  peer.usefulAt = turn.now
  peer.exchangedAt = turn.now
  peer.rejects = 0
  peer.snubs = 0
  Patience.soothe(peer.patience, Patience.BLOCK)
  if (peer.isSnubbed) {
    peer.isSnubbed = false
    Pipeline.restart(peer.pipeline, turn.now)
  }
  Pipeline.blockReceived(peer.pipeline, turn.now, bytes, peer.isFilled)
  Turn.touch(turn, peer)
}

/** Every byte of the block has been sent on to the disk. */
const accepted = (
  torrent: State.Torrent,
  peer: Peer.Peer,
  piece: Geometry.PieceIndex,
  block: Geometry.BlockIndex,
  writes: State.PieceWrites,
  turn: State.Turn,
): void => {
  Stall.moved(torrent, turn.now)
  if (torrent.writers.size > 0 && torrent.writers.get(block) === peer.conn) torrent.writers.delete(block)
  for (const other of Picker.received(torrent.picker, block, peer.conn).others) {
    const rival = torrent.peers.get(other)
    if (rival !== undefined) Requests.cancel(torrent, rival, block, turn)
  }
  hashIfWhole(torrent, piece, writes, turn)
}

const writesOf = (torrent: State.Torrent, piece: Geometry.PieceIndex): State.PieceWrites => {
  let writes = torrent.writes.get(piece)
  if (writes === undefined) {
    writes = { issuedBytes: 0, writtenBytes: 0, isHashing: false }
    torrent.writes.set(piece, writes)
  }
  return writes
}

/** Bytes of a piece have reached the disk. */
export const written = (
  torrent: State.Torrent,
  piece: Geometry.PieceIndex,
  bytes: number,
  turn: State.Turn,
): void => {
  const writes = torrent.writes.get(piece)
  if (writes === undefined) return
  writes.writtenBytes += bytes
  hashIfWhole(torrent, piece, writes, turn)
}

const hashIfWhole = (
  torrent: State.Torrent,
  piece: Geometry.PieceIndex,
  writes: State.PieceWrites,
  turn: State.Turn,
): void => {
  if (writes.isHashing || writes.writtenBytes !== writes.issuedBytes) return
  if (!Picker.isComplete(torrent.picker, piece)) return
  writes.isHashing = true
  turn.out.push({ _tag: "Hash", torrent: torrent.id, piece })
}

/** The verdict on a piece that lies whole on the disk. */
export const hashed = (
  torrent: State.Torrent,
  piece: Geometry.PieceIndex,
  digest: Bytes.Bytes,
  turn: State.Turn,
): void => {
  if (torrent.writes.get(piece)?.isHashing !== true) return
  torrent.writes.delete(piece)
  if (Bytes.equals(digest, pieceHash(torrent.metainfo, piece))) good(torrent, piece, turn)
  else bad(torrent, piece, turn)
  Blame.judged(torrent, piece)
}

/** Each block's digest is here: of a bad piece, which may be fetched again now, or of one that is good at last. */
export const blocksHashed = (
  torrent: State.Torrent,
  piece: Geometry.PieceIndex,
  digests: Bytes.Bytes,
  turn: State.Turn,
): void => {
  if (torrent.phase !== "running") return
  if (Blame.blocksHashed(torrent, piece, digests, turn)) release(torrent, piece, turn)
}

/** The blocks of a bad piece are free again. */
const release = (torrent: State.Torrent, piece: Geometry.PieceIndex, turn: State.Turn): void => {
  Picker.failed(torrent.picker, piece)
  turn.refillAll = true
}

const good = (torrent: State.Torrent, piece: Geometry.PieceIndex, turn: State.Turn): void => {
  Blame.pieceWasGood(torrent, piece, turn)
  Picker.verified(torrent.picker, piece)
  Bitfield.set(torrent.have, piece)
  if (Bitfield.get(torrent.wanted, piece)) {
    torrent.haveBytes += Geometry.pieceLength(torrent.metainfo.geometry, piece)
  }
  Haves.add(torrent, piece)
  turn.out.push({ _tag: "Emit", torrent: torrent.id, event: { _tag: "PieceVerified", piece } })
  for (const peer of torrent.peers.values()) {
    if (peer.interest === piece) Requests.updateInterest(torrent, peer, turn)
  }
}

const bad = (torrent: State.Torrent, piece: Geometry.PieceIndex, turn: State.Turn): void => {
  torrent.hashFailures++
  torrent.wastedBytes += Geometry.pieceLength(torrent.metainfo.geometry, piece)
  // A block that is arriving now began before the verdict: its first part is not on the disk any more.
  for (const peer of torrent.peers.values()) {
    if (
      peer.incoming !== undefined && Geometry.blockPiece(torrent.metainfo.geometry, peer.incoming) === piece
    ) {
      peer.incoming = undefined
    }
  }
  const suspects = Blame.suspects(torrent, piece)
  turn.out.push({
    _tag: "Emit",
    torrent: torrent.id,
    event: { _tag: "PieceFailed", piece, suspects: suspects.senders.map(({ address }) => address) },
  })
  // Held back until its blocks are hashed: what is fetched again would be written over what has to be looked at.
  if (suspects.isShared) Blame.inspect(torrent, piece, turn)
  else release(torrent, piece, turn)
  Blame.pieceWasBad(torrent, suspects, turn)
}
