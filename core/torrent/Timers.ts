/**
 * What happens to a peer when nothing happens. One due-queue holds a lower bound of each peer's next deadline; most
 * inputs only push deadlines back, so they don't touch the queue, and a peer that comes up early is just put back.
 */
import * as Deadlines from "../base/Deadlines.ts"
import * as Encoder from "../wire/Encoder.ts"
import * as Connections from "./Connections.ts"
import * as Limits from "./Limits.ts"
import * as Peer from "./Peer.ts"
import * as Picker from "./Picker.ts"
import type * as State from "./State.ts"
import * as Turn from "./Turn.ts"

/** Looks at every peer whose time may have come. */
export const run = (torrent: State.Torrent, turn: State.Turn): void => {
  for (;;) {
    const conn = Deadlines.popDue(torrent.timers, turn.now)
    if (conn === undefined) return
    const peer = torrent.peers.get(conn)
    if (peer === undefined) continue
    due(torrent, peer, turn)
    if (torrent.peers.has(conn)) Deadlines.set(torrent.timers, conn, Peer.nextWake(peer))
  }
}

/** Brings a peer's place in the queue forward: call where a new deadline may come before the queued one. */
export const rearm = (torrent: State.Torrent, peer: Peer.Peer): void => {
  Deadlines.set(torrent.timers, peer.conn, Peer.nextWake(peer))
}

const due = (torrent: State.Torrent, peer: Peer.Peer, turn: State.Turn): void => {
  const { now } = turn
  if (peer.phase !== "ready") {
    if (now >= Peer.nextWake(peer)) Connections.close(torrent, peer, turn, "no handshake in time")
    return
  }
  if (now >= peer.lastSentAt + Limits.KEEP_ALIVE_INTERVAL) {
    Encoder.keepAlive(peer.encoder)
    peer.lastSentAt = now
    Turn.touch(turn, peer)
  }
  if (peer.isPaused) return
  if (now >= peer.lastReceivedAt + Limits.INACTIVITY_TIMEOUT) {
    return Connections.close(torrent, peer, turn, "it has been silent for too long")
  }
  if (!peer.amInterested && !peer.isInterested && now >= peer.usefulAt + Limits.USELESS_TIMEOUT) {
    return Connections.close(torrent, peer, turn, "neither side wants anything")
  }
  if (peer.isSnubbed && now >= peer.owedSince + Limits.SNUB_TIMEOUT) {
    return Connections.close(torrent, peer, turn, "it doesn't send what it promises")
  }
  if (!peer.isSnubbed && peer.requests.size > 0 && now >= peer.owedSince + Limits.OWED_TIMEOUT) {
    snub(torrent, peer, turn, "it owes us blocks and has sent none for too long")
  }
  dropOverdueRequests(torrent, peer, turn)
}

/** The peer owes us blocks and sends none: others may fetch them. A late block is taken and ends the snub. */
export const snub = (torrent: State.Torrent, peer: Peer.Peer, turn: State.Turn, reason: string): void => {
  if (++peer.snubs >= Limits.MAX_SNUBS) {
    return Connections.close(torrent, peer, turn, "it doesn't send what it promises")
  }
  peer.isSnubbed = true
  Connections.releaseRequests(torrent, peer, turn)
  turn.out.push({
    _tag: "Emit",
    torrent: torrent.id,
    event: { _tag: "PeerSnubbed", address: peer.address, reason },
  })
  rearm(torrent, peer)
}

/** The peer sends other blocks but not these: it has dropped the requests. */
const dropOverdueRequests = (torrent: State.Torrent, peer: Peer.Peer, turn: State.Turn): void => {
  for (const [block, askedAt] of peer.requests) {
    if (turn.now < Peer.dueAt(peer, askedAt)) return
    Picker.released(torrent.picker, block, peer.conn)
    Peer.forget(peer, block)
    turn.refillAll = true
  }
}
