/** What each message of a peer means to a torrent. A broken rule is a value that ends the connection, never a throw. */
import * as Geometry from "../metainfo/Geometry.ts"
import * as Decoder from "../wire/Decoder.ts"
import * as Encoder from "../wire/Encoder.ts"
import * as Extended from "../wire/Extended.ts"
import type * as Message from "../wire/Message.ts"
import * as Bitfield from "./Bitfield.ts"
import * as Blocks from "./Blocks.ts"
import * as Connections from "./Connections.ts"
import * as Limits from "./Limits.ts"
import * as Peer from "./Peer.ts"
import * as Picker from "./Picker.ts"
import * as Requests from "./Requests.ts"
import type * as State from "./State.ts"
import * as Timers from "./Timers.ts"

/** Suggested or allowed-fast pieces remembered of one peer: more is no help but memory (BEP 6 suggests about ten). */
const MAX_HINTS = 100

/** One socket read: every message in it is taken in before anything is decided. */
export const read = (torrent: State.Torrent, peer: Peer.Peer, bytes: Uint8Array, turn: State.Turn): void => {
  peer.lastReceivedAt = turn.now
  for (const item of Decoder.decode(peer.decoder, bytes)) {
    const fault = handle(torrent, peer, item, turn)
    if (fault !== undefined) return Connections.close(torrent, peer, turn, `protocol error: ${fault}`)
    // A verdict on bad data may have ended this very connection.
    if (!torrent.peers.has(peer.conn)) return
  }
}

/** Takes one message in. Returns the rule that it breaks, if it does. */
const handle = (
  torrent: State.Torrent,
  peer: Peer.Peer,
  item: Message.Item,
  turn: State.Turn,
): string | undefined => {
  switch (item._tag) {
    case "Fragment":
      return Blocks.fragment(torrent, peer, item, turn)
    case "Handshake":
      return Connections.greeted(torrent, peer, item, turn)
    case "Violation":
      return `${item.reason} (${item.section})`
    case "Choke":
      return choke(torrent, peer, turn)
    case "Unchoke":
      return unchoke(peer, turn)
    case "Interested":
    case "NotInterested":
      peer.isInterested = item._tag === "Interested"
      peer.usefulAt = turn.now
      return undefined
    case "Have":
      return have(torrent, peer, item.piece, turn)
    case "Bitfield":
      return bitfield(torrent, peer, item.bits, turn)
    case "HaveAll":
      return haveAll(torrent, peer, turn)
    case "HaveNone":
      return peer.supportsFast ? firstWord(peer) : "have_none without the fast extension (BEP 6)"
    case "Suggest":
      return hint(torrent, peer, peer.suggested, item.piece)
    case "AllowedFast":
      turn.touched.add(peer)
      return hint(torrent, peer, peer.allowedFast, item.piece)
    case "Reject":
      return reject(torrent, peer, item, turn)
    case "Request":
      return refuse(torrent, peer, item, turn)
    case "Extended":
      return extended(peer, item)
    case "KeepAlive":
    case "Cancel":
    case "Port":
    case "Unknown":
      return undefined
  }
}

const choke = (torrent: State.Torrent, peer: Peer.Peer, turn: State.Turn): undefined => {
  peer.isChoking = true
  // With the fast extension each request is answered or rejected one by one; without it a choke drops them all.
  if (!peer.supportsFast) Connections.releaseRequests(torrent, peer, turn)
}

const unchoke = (peer: Peer.Peer, turn: State.Turn): undefined => {
  peer.isChoking = false
  peer.isSnubbed = false
  peer.rejects = 0
  peer.owedSince = turn.now
  turn.touched.add(peer)
}

/** `bitfield`, `have_all` and `have_none` may only come once, before any `have` (BEP 3, BEP 6). */
const firstWord = (peer: Peer.Peer): string | undefined => {
  if (peer.hasSpoken) return "a second account of what it has (BEP 3)"
  peer.hasSpoken = true
  return undefined
}

const bitfield = (
  torrent: State.Torrent,
  peer: Peer.Peer,
  bytes: Uint8Array,
  turn: State.Turn,
): string | undefined => {
  const fault = firstWord(peer)
  if (fault !== undefined) return fault
  const bits = Bitfield.fromWire(bytes, torrent.metainfo.geometry.pieceCount)
  if (!bits.ok) return `a bitfield that doesn't fit: ${bits.error}`
  if (Bitfield.isFull(bits.value)) return becameSeed(torrent, peer, turn)
  Bitfield.assign(peer.has, bits.value)
  Picker.addPeer(torrent.picker, peer.has)
  Requests.updateInterest(torrent, peer, turn)
  return undefined
}

const haveAll = (torrent: State.Torrent, peer: Peer.Peer, turn: State.Turn): string | undefined => {
  if (!peer.supportsFast) return "have_all without the fast extension (BEP 6)"
  return firstWord(peer) ?? becameSeed(torrent, peer, turn)
}

const becameSeed = (torrent: State.Torrent, peer: Peer.Peer, turn: State.Turn): undefined => {
  peer.isSeed = true
  Bitfield.fill(peer.has)
  Picker.addSeed(torrent.picker)
  Requests.updateInterest(torrent, peer, turn)
}

const have = (
  torrent: State.Torrent,
  peer: Peer.Peer,
  index: number,
  turn: State.Turn,
): string | undefined => {
  const piece = Geometry.pieceIndex(torrent.metainfo.geometry, index)
  if (piece === undefined) return "a piece that doesn't exist"
  peer.hasSpoken = true
  if (Bitfield.get(peer.has, piece)) return undefined
  Bitfield.set(peer.has, piece)
  Picker.addHave(torrent.picker, piece)
  Requests.updateInterest(torrent, peer, turn)
  turn.touched.add(peer)
  return undefined
}

const hint = (
  torrent: State.Torrent,
  peer: Peer.Peer,
  hints: Set<Geometry.PieceIndex>,
  index: number,
): string | undefined => {
  if (!peer.supportsFast) return "a hint without the fast extension (BEP 6)"
  const piece = Geometry.pieceIndex(torrent.metainfo.geometry, index)
  if (piece === undefined) return "a piece that doesn't exist"
  if (hints.size < MAX_HINTS) hints.add(piece)
  return undefined
}

const reject = (
  torrent: State.Torrent,
  peer: Peer.Peer,
  item: Message.Reject,
  turn: State.Turn,
): string | undefined => {
  const { geometry } = torrent.metainfo
  if (!peer.supportsFast) return "a reject without the fast extension (BEP 6)"
  const block = Geometry.blockIndex(geometry, item.piece, item.begin, item.length)
  if (block === undefined) return "a reject of a block that doesn't exist"
  const wasWaitedFor = Peer.answer(peer, block)
  if (wasWaitedFor === undefined) return "a reject of what was never requested (BEP 6)"
  if (wasWaitedFor) {
    Picker.released(torrent.picker, block, peer.conn)
    peer.allowedFast.delete(Geometry.blockPiece(geometry, block))
    turn.refillAll = true
    // Asking again for what was just refused would go on at the speed of the line.
    if (!peer.isChoking && ++peer.rejects >= Limits.MAX_REJECTS) Timers.snub(torrent, peer, turn)
  }
  return undefined
}

/** We choke everybody: with the fast extension a request gets its refusal, without it none is owed. */
const refuse = (
  torrent: State.Torrent,
  peer: Peer.Peer,
  item: Message.Request,
  turn: State.Turn,
): string | undefined => {
  const { geometry } = torrent.metainfo
  const piece = Geometry.pieceIndex(geometry, item.piece)
  if (piece === undefined || item.length === 0 || item.length > Geometry.BLOCK_BYTES) {
    return "a request out of range"
  }
  if (item.begin + item.length > Geometry.pieceLength(geometry, piece)) return "a request beyond its piece"
  if (!peer.supportsFast) return undefined
  Encoder.reject(peer.encoder, item.piece, item.begin, item.length)
  turn.touched.add(peer)
  return undefined
}

const extended = (peer: Peer.Peer, item: Message.Extended): string | undefined => {
  if (item.id !== Extended.HANDSHAKE_ID) return undefined
  const hello = Extended.decodeHandshake(item.payload)
  if (!hello.ok) return "an extended handshake that is no dictionary (BEP 10)"
  if (hello.value.reqq !== undefined) peer.reqq = hello.value.reqq
  if (hello.value.clientVersion !== undefined) peer.client = hello.value.clientVersion
  return undefined
}
