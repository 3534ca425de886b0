/** Connections end: everything is given back, and who is to blame is not let in again. */
import * as Address from "../base/Address.ts"
import * as Deadlines from "../base/Deadlines.ts"
import * as Bitfield from "./Bitfield.ts"
import * as Candidates from "./Candidates.ts"
import * as Choking from "./Choking.ts"
import * as Crowd from "./Crowd.ts"
import type { ConnId } from "./Input.ts"
import * as Peer from "./Peer.ts"
import * as Pex from "./Pex.ts"
import * as Picker from "./Picker.ts"
import * as SmartBan from "./SmartBan.ts"
import * as State from "./State.ts"
import * as SuperSeed from "./SuperSeed.ts"
import * as Turn from "./Turn.ts"

/** Ends a connection on which nothing will ever be asked for, in either direction (BEP 21). */
export const closeIfPointless = (torrent: State.Torrent, peer: Peer.Peer, turn: State.Turn): void => {
  if (peer.phase !== "ready" || !State.isComplete(torrent) || !Peer.isDone(peer)) return
  const haveAll = Bitfield.isFull(torrent.have) && Bitfield.isFull(peer.has)
  close(torrent, peer, turn, haveAll ? "both have everything" : "neither side wants anything more")
}

/** Ends a connection from our side, for a reason that people may read. */
export const close = (torrent: State.Torrent, peer: Peer.Peer, turn: State.Turn, reason: string): void => {
  turn.out.push({ _tag: "Close", conn: peer.conn })
  gone(torrent, peer, turn, reason)
}

/** A connection has ended: its blocks are free again, its pieces no longer counted, its address rests. */
export const gone = (torrent: State.Torrent, peer: Peer.Peer, turn: State.Turn, reason: string): void => {
  releaseRequests(torrent, peer, turn)
  if (peer.isSeed) Picker.removeSeed(torrent.picker)
  else Picker.removePeer(torrent.picker, peer.has)
  torrent.peers.delete(peer.conn)
  Crowd.leave(torrent.crowd, peer.address.host)
  torrent.local.load.connections--
  if (torrent.superSeed !== undefined) SuperSeed.left(torrent.superSeed, peer.conn)
  torrent.serving.delete(peer.conn)
  Pex.left(torrent, peer, turn)
  Choking.left(torrent, peer)
  Turn.forget(turn, peer)
  turn.isNews = true
  Deadlines.remove(torrent.timers, peer.conn)
  if (peer.phase === "dialling") {
    torrent.halfOpen--
    torrent.local.load.halfOpen--
  }
  const wasUseful = peer.downloadRate.totalBytes + peer.uploadRate.totalBytes > 0
  if (wasUseful) SmartBan.departed(torrent.smartBan, senderOf(peer))
  if (peer.listening !== undefined) {
    if (Peer.isDone(peer)) Candidates.markSeed(torrent.candidates, peer.listening)
    if (peer.phase !== "ready") Candidates.failed(torrent.candidates, peer.listening, turn.now)
    else Candidates.disconnected(torrent.candidates, peer.listening, turn.now, wasUseful)
  }
  if (peer.phase !== "ready") return
  turn.out.push({
    _tag: "Emit",
    torrent: torrent.id,
    event: { _tag: "PeerDisconnected", address: peer.address, reason },
  })
}

/** Takes back every request of a peer, so that others may fetch those blocks; late answers are still welcome. */
export const releaseRequests = (torrent: State.Torrent, peer: Peer.Peer, turn: State.Turn): void => {
  if (peer.requests.size === 0) return
  for (const block of [...peer.requests.keys()]) {
    Picker.released(torrent.picker, block, peer.conn)
    Peer.forget(peer, block)
  }
  turn.refillAll = true
}

/** Who is to blame for what this peer sent, even after it has gone. */
export const senderOf = (peer: Peer.Peer): SmartBan.Sender => ({
  conn: peer.conn,
  address: peer.listening ?? peer.address,
})

/** Every program of this machine shares the loopback host: only there the port tells who it was. */
const isBanned = ({ candidates }: State.Torrent, address: Address.Address): boolean =>
  Address.isLoopback(address)
    ? Candidates.isExcluded(candidates, address)
    : Candidates.isBanned(candidates, address.host)

/** Drops every connection with that peer's host, and neither dials nor accepts it again. */
export const ban = (
  torrent: State.Torrent,
  peer: SmartBan.Sender,
  turn: State.Turn,
  reason: string,
): void => {
  const { address, conn } = peer
  if (isBanned(torrent, address)) return
  if (Address.isLoopback(address)) {
    Candidates.add(torrent.candidates, address, "incoming", torrent.rng)
    Candidates.exclude(torrent.candidates, address)
  } else Candidates.ban(torrent.candidates, address)
  turn.out.push({ _tag: "Emit", torrent: torrent.id, event: { _tag: "PeerBanned", address, reason } })
  for (const other of [...torrent.peers.values()]) {
    const isSame = other.conn === conn ||
      (other.address.host === address.host && Candidates.isBanned(torrent.candidates, address.host))
    if (isSame) close(torrent, other, turn, reason)
  }
}

/** Adds addresses that somebody told us. */
export const found = (
  torrent: State.Torrent,
  addresses: ReadonlyArray<Address.Address>,
  source: Candidates.Source,
): void => {
  // Nobody but the tracker of a private torrent says who takes part in it (BEP 27); who comes to us heard it there.
  if (torrent.metainfo.isPrivate && !Candidates.PRIVATE_SOURCES.has(source)) return
  for (const address of addresses) Candidates.add(torrent.candidates, address, source, torrent.rng)
}

/** The peer behind a connection, if it is still ours: the shell may report on one that we closed meanwhile. */
export const peerOf = (torrent: State.Torrent, conn: ConnId): Peer.Peer | undefined => torrent.peers.get(conn)
