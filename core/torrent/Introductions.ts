/** How two peers make each other out: handshakes, which of two connections stays, and what is told first. */
import * as Bytes from "../base/Bytes.ts"
import * as Deadlines from "../base/Deadlines.ts"
import * as Encoder from "../wire/Encoder.ts"
import type { Features } from "../wire/Handshake.ts"
import type * as Message from "../wire/Message.ts"
import * as PeerId from "../wire/PeerId.ts"
import * as Bitfield from "./Bitfield.ts"
import * as Candidates from "./Candidates.ts"
import * as Connections from "./Connections.ts"
import * as DhtNodes from "./DhtNodes.ts"
import * as Duplicates from "./Duplicates.ts"
import * as Extensions from "./Extensions.ts"
import * as Haves from "./Haves.ts"
import * as Peer from "./Peer.ts"
import * as Pex from "./Pex.ts"
import type * as State from "./State.ts"
import * as SuperSeed from "./SuperSeed.ts"
import * as Turn from "./Turn.ts"

/** Our 68 bytes, the first ones of each connection (BEP 3). */
export const greet = (torrent: State.Torrent, peer: Peer.Peer, turn: State.Turn): void => {
  Encoder.handshake(peer.encoder, {
    infoHash: torrent.metainfo.infoHashBytes,
    peerId: torrent.local.peerId,
    features: { fast: true, extended: true, dht: DhtNodes.isSpoken(torrent) },
  })
  Turn.touch(turn, peer)
}

/** The peer's handshake is here. Returns the rule that it breaks, if it does; a peer that we have already is closed. */
export const greeted = (
  torrent: State.Torrent,
  peer: Peer.Peer,
  handshake: Message.Handshake,
  turn: State.Turn,
): string | undefined => {
  if (!Bytes.equals(handshake.infoHash, torrent.metainfo.infoHashBytes)) return "it serves another torrent"
  if (Bytes.equals(handshake.peerId, torrent.local.peerId)) {
    ourselves(torrent, peer, turn)
    return undefined
  }
  const peerId = Bytes.toLatin1(handshake.peerId)
  if (!isOnly(torrent, peer, handshake.peerId, turn)) return undefined
  peer.phase = "ready"
  peer.peerId = peerId
  peer.client = PeerId.clientName(handshake.peerId)
  peer.supportsFast = handshake.features.fast
  peer.usefulAt = turn.now
  peer.connectedAt = turn.now
  if (torrent.superSeed !== undefined) SuperSeed.changed(torrent.superSeed)
  Deadlines.set(torrent.timers, peer.conn, Peer.nextWake(peer))
  introduce(torrent, peer, handshake.features)
  Pex.joined(torrent, peer, turn)
  Turn.touch(turn, peer)
  turn.out.push({
    _tag: "Emit",
    torrent: torrent.id,
    event: { _tag: "PeerConnected", address: peer.address, client: peer.client },
  })
  return undefined
}

/** Who dialled knows the address and strikes it off; who was dialled only answers, so that the other end finds out. */
const ourselves = (torrent: State.Torrent, peer: Peer.Peer, turn: State.Turn): void => {
  if (peer.isIncoming) {
    peer.phase = "mirror"
    return
  }
  Candidates.exclude(torrent.candidates, peer.address)
  Connections.close(torrent, peer, turn, "it is ourselves")
}

/** True unless another connection to the same peer stays; if this one does, the other is closed here. */
const isOnly = (
  torrent: State.Torrent,
  peer: Peer.Peer,
  peerId: Bytes.Bytes,
  turn: State.Turn,
): boolean => {
  const text = Bytes.toLatin1(peerId)
  for (const other of Peer.ready(torrent.peers)) {
    if (other.peerId !== text) continue
    const ids = { ours: torrent.local.peerId, theirs: peerId }
    const isKept = Duplicates.isNewerKept(other, peer, ids, turn.now)
    const [kept, closed] = isKept ? [peer, other] : [other, peer]
    // Where it was dialled is known now, and not to be dialled again while the other connection lasts.
    if (kept.listening === undefined) {
      kept.listening = closed.listening
      closed.listening = undefined
      Pex.joined(torrent, kept, turn)
    }
    Connections.close(torrent, closed, turn, "it is connected already")
    return isKept
  }
  return true
}

/** What we have, as the first message (BEP 3, BEP 6), and what we can do (BEP 10). */
const introduce = (torrent: State.Torrent, peer: Peer.Peer, features: Features): void => {
  Haves.toldAll(torrent, peer)
  const saysNothing = torrent.superSeed !== undefined || Bitfield.isEmpty(torrent.have)
  if (peer.supportsFast && saysNothing) Encoder.haveNone(peer.encoder)
  else if (peer.supportsFast && Bitfield.isFull(torrent.have)) Encoder.haveAll(peer.encoder)
  else if (!saysNothing) Encoder.bitfield(peer.encoder, torrent.have.bytes)
  if (features.extended) Extensions.greet(torrent, peer)
  if (features.dht) DhtNodes.tell(torrent, peer)
}
