/** Peers come and go: dialling candidates, greeting, and giving everything back when a connection ends. */
import * as Address from "../base/Address.ts"
import * as Bytes from "../base/Bytes.ts"
import * as Deadlines from "../base/Deadlines.ts"
import { type Millis, NEVER } from "../base/Time.ts"
import * as Encoder from "../wire/Encoder.ts"
import * as Extended from "../wire/Extended.ts"
import * as Message from "../wire/Message.ts"
import * as PeerId from "../wire/PeerId.ts"
import * as Bitfield from "./Bitfield.ts"
import * as Candidates from "./Candidates.ts"
import type { ConnId } from "./Input.ts"
import * as Limits from "./Limits.ts"
import * as Peer from "./Peer.ts"
import * as Picker from "./Picker.ts"
import * as State from "./State.ts"

/** What we say that we speak, in the handshake's reserved bytes. */
const FEATURES = { fast: true, extended: true, dht: false }

/** True while another peer would be of use. */
const wantsPeers = (torrent: State.Torrent): boolean =>
  torrent.phase === "running" && !State.isComplete(torrent) && torrent.peers.size < torrent.maxPeers

/** When the next candidate may be dialled. */
export const nextDialAt = (torrent: State.Torrent, now: Millis): Millis =>
  wantsPeers(torrent) && torrent.halfOpen < Limits.MAX_HALF_OPEN
    ? Candidates.nextDialAt(torrent.candidates, now)
    : NEVER

/** Dials as many candidates as there is room for. */
export const dial = (torrent: State.Torrent, turn: State.Turn): void => {
  while (wantsPeers(torrent) && torrent.halfOpen < Limits.MAX_HALF_OPEN) {
    const address = Candidates.next(torrent.candidates, turn.now)
    if (address === undefined) return
    Candidates.connecting(torrent.candidates, address)
    const conn = torrent.local.nextConn++
    const peer = Peer.make(conn, address, torrent.metainfo.geometry, turn.now)
    torrent.peers.set(conn, peer)
    torrent.halfOpen++
    Deadlines.set(torrent.timers, conn, Peer.nextWake(peer))
    turn.out.push({ _tag: "Dial", torrent: torrent.id, conn, address })
  }
}

/** The dial succeeded: we speak first (BEP 3). */
export const opened = (torrent: State.Torrent, peer: Peer.Peer, turn: State.Turn): void => {
  torrent.halfOpen--
  peer.phase = "handshaking"
  peer.lastReceivedAt = turn.now
  Candidates.connected(torrent.candidates, peer.address)
  Encoder.handshake(peer.encoder, {
    infoHash: torrent.metainfo.infoHashBytes,
    peerId: torrent.local.peerId,
    features: FEATURES,
  })
  turn.touched.add(peer)
  Deadlines.set(torrent.timers, peer.conn, turn.now + Limits.HANDSHAKE_TIMEOUT)
}

/** The peer's handshake is here. Returns why the connection must end, if it must. */
export const greeted = (
  torrent: State.Torrent,
  peer: Peer.Peer,
  handshake: Message.Handshake,
  turn: State.Turn,
): string | undefined => {
  if (!Bytes.equals(handshake.infoHash, torrent.metainfo.infoHashBytes)) return "it serves another torrent"
  if (Bytes.equals(handshake.peerId, torrent.local.peerId)) {
    Candidates.exclude(torrent.candidates, peer.address)
    return "it is ourselves"
  }
  const peerId = Bytes.toLatin1(handshake.peerId)
  for (const other of torrent.peers.values()) {
    if (other.peerId === peerId && other !== peer) return "it is connected already"
  }
  peer.phase = "ready"
  peer.peerId = peerId
  peer.client = PeerId.clientName(handshake.peerId)
  peer.supportsFast = handshake.features.fast
  peer.usefulAt = turn.now
  Deadlines.set(torrent.timers, peer.conn, Peer.nextWake(peer))
  introduce(torrent, peer, handshake.features.extended)
  turn.touched.add(peer)
  turn.out.push({
    _tag: "Emit",
    torrent: torrent.id,
    event: { _tag: "PeerConnected", address: peer.address, client: peer.client },
  })
  return undefined
}

/** What we have, as the first message (BEP 3, BEP 6), and what we can do (BEP 10). */
const introduce = (torrent: State.Torrent, peer: Peer.Peer, extended: boolean): void => {
  if (peer.supportsFast && Bitfield.isEmpty(torrent.have)) Encoder.haveNone(peer.encoder)
  else if (peer.supportsFast && Bitfield.isFull(torrent.have)) Encoder.haveAll(peer.encoder)
  else if (!Bitfield.isEmpty(torrent.have)) Encoder.bitfield(peer.encoder, torrent.have.bytes)
  if (!extended) return
  const hello = Extended.encodeHandshake({
    messages: new Map(),
    clientVersion: torrent.local.clientName,
    listenPort: torrent.local.port,
    reqq: Limits.DEFAULT_REQQ,
  })
  Encoder.extended(peer.encoder, Extended.HANDSHAKE_ID, hello)
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
  turn.touched.delete(peer)
  Deadlines.remove(torrent.timers, peer.conn)
  if (peer.phase === "dialling") torrent.halfOpen--
  if (peer.phase === "ready") {
    Candidates.disconnected(torrent.candidates, peer.address, turn.now, peer.downloadRate.totalBytes > 0)
    turn.out.push({
      _tag: "Emit",
      torrent: torrent.id,
      event: { _tag: "PeerDisconnected", address: peer.address, reason },
    })
  } else {
    Candidates.failed(torrent.candidates, peer.address, turn.now)
  }
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

/** Drops the connection and never dials that host again. */
export const ban = (torrent: State.Torrent, peer: Peer.Peer, turn: State.Turn, reason: string): void => {
  // Every program of this machine shares the loopback host: only there the port tells who it was.
  if (Address.isLoopback(peer.address)) Candidates.exclude(torrent.candidates, peer.address)
  else Candidates.ban(torrent.candidates, peer.address)
  turn.out.push({
    _tag: "Emit",
    torrent: torrent.id,
    event: { _tag: "PeerBanned", address: peer.address, reason },
  })
  close(torrent, peer, turn, reason)
}

/** Adds addresses that somebody told us. */
export const found = (
  torrent: State.Torrent,
  addresses: ReadonlyArray<Address.Address>,
  source: Candidates.Source,
): void => {
  for (const address of addresses) Candidates.add(torrent.candidates, address, source, torrent.rng)
}

/** The peer behind a connection, if it is still ours: the shell may report on one that we closed meanwhile. */
export const peerOf = (torrent: State.Torrent, conn: ConnId): Peer.Peer | undefined => torrent.peers.get(conn)
