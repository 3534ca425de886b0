/** What each message of a peer means to a torrent. A broken rule is a value that ends the connection, never a throw. */
import * as Lazy from "../base/Lazy.ts"
import * as Geometry from "../metainfo/Geometry.ts"
import * as Decoder from "../wire/Decoder.ts"
import type * as Message from "../wire/Message.ts"
import * as Bitfield from "./Bitfield.ts"
import * as Blocks from "./Blocks.ts"
import * as Choking from "./Choking.ts"
import * as Connections from "./Connections.ts"
import * as DhtNodes from "./DhtNodes.ts"
import * as Extensions from "./Extensions.ts"
import * as Introductions from "./Introductions.ts"
import * as Limits from "./Limits.ts"
import * as Patience from "./Patience.ts"
import * as Peer from "./Peer.ts"
import * as Picker from "./Picker.ts"
import * as Requests from "./Requests.ts"
import * as State from "./State.ts"
import * as SuperSeed from "./SuperSeed.ts"
import * as Timers from "./Timers.ts"
import * as Turn from "./Turn.ts"
import * as Uploads from "./Uploads.ts"

/** Suggested or allowed-fast pieces remembered of one peer: more is no help but memory (BEP 6 suggests about ten). */
const MAX_HINTS = 100

/** One socket read: every message in it is taken in before anything is decided. */
export const read = (torrent: State.Torrent, peer: Peer.Peer, bytes: Uint8Array, turn: State.Turn): void => {
  // Ourselves, at the other end of a connection: nothing to be learned.
  if (Peer.isMirror(peer)) return
  const items = Decoder.decode(peer.decoder, bytes)
  // A byte now and then is no sign of life: a message has to come to its end, or a block to move on.
  if (items.length > 0) peer.lastReceivedAt = turn.now
  take(torrent, peer, items, turn)
}

/** Messages of a peer, in their order; after a broken rule, or its connection's end, no more of them. */
export const take = (
  torrent: State.Torrent,
  peer: Peer.Peer,
  items: ReadonlyArray<Message.Item>,
  turn: State.Turn,
): void => {
  for (const item of items) {
    const fault = handle(torrent, peer, item, turn)
    if (fault !== undefined) return Connections.close(torrent, peer, turn, `protocol error: ${fault}`)
    // A verdict on bad data, or another connection to the same peer, may have ended this very connection.
    if (turn.isNews && (!torrent.peers.has(peer.conn) || Peer.isMirror(peer))) return
  }
}

/** Takes one message in. Returns the rule that it breaks, if it does. */
const handle = (
  torrent: State.Torrent,
  peer: Peer.Peer,
  item: Message.Item,
  turn: State.Turn,
): string | undefined => {
  // The two that come by far most often say themselves whether anything follows from them.
  if (item._tag !== "Fragment" && item._tag !== "Have") turn.isNews = true
  switch (item._tag) {
    case "Fragment":
      return Blocks.fragment(torrent, peer, item, turn)
    case "Handshake":
      return Introductions.greeted(torrent, peer, item, turn)
    case "Violation":
      return `${item.reason} (${item.section})`
    case "Choke":
      return choke(torrent, peer, turn)
    case "Unchoke":
      return unchoke(peer, turn)
    case "Interested":
    case "NotInterested":
      Choking.interestChanged(torrent, peer, item._tag === "Interested", turn)
      peer.usefulAt = turn.now
      return Patience.strain(peer.patience, turn.now)
    case "Have":
      return have(torrent, peer, item.piece, turn)
    case "Bitfield":
      return bitfield(torrent, peer, item.bits, turn)
    case "HaveAll":
      return haveAll(torrent, peer, turn)
    case "HaveNone":
      return haveNone(torrent, peer, turn)
    case "Suggest":
      return hint(torrent, peer, "suggested", item.piece, turn)
    case "AllowedFast":
      Turn.touch(turn, peer)
      return hint(torrent, peer, "allowedFast", item.piece, turn)
    case "Reject":
      return reject(torrent, peer, item, turn)
    case "Request":
      return Uploads.request(torrent, peer, item, turn)
    case "Cancel":
      Uploads.cancel(torrent, peer, item, turn)
      return Patience.strain(peer.patience, turn.now)
    case "Extended":
      // Addresses to dial, another name for a message, a peer that wants nothing more: seldom, and anything may follow.
      turn.isNews = true
      return Extensions.take(torrent, peer, item, turn)
    case "Port":
      DhtNodes.told(torrent, peer, item.port, turn)
      return Patience.strain(peer.patience, turn.now)
    case "KeepAlive":
    case "Unknown":
      return Patience.strain(peer.patience, turn.now)
  }
}

const choke = (torrent: State.Torrent, peer: Peer.Peer, turn: State.Turn): string | undefined => {
  peer.isChoking = true
  // With the fast extension each request is answered or rejected one by one; without it a choke drops them all.
  const dropped = peer.supportsFast ? 0 : peer.requests.size
  if (dropped > 0) Connections.releaseRequests(torrent, peer, turn)
  return Patience.strain(peer.patience, turn.now, 1 + dropped / Patience.DROPPED_REQUESTS)
}

const unchoke = (peer: Peer.Peer, turn: State.Turn): string | undefined => {
  peer.isChoking = false
  peer.isSnubbed = false
  peer.rejects = 0
  // What it owes us it has owed all the time.
  if (peer.requests.size === 0) peer.owedSince = turn.now
  Turn.touch(turn, peer)
  return Patience.strain(peer.patience, turn.now)
}

/**
 * `bitfield`, `have_all` and `have_none` come first and once (BEP 3, BEP 6). But aria2 also says one of the former two
 * instead of many HAVEs, at any time: then it adds to what is known.
 */
const bitfield = (
  torrent: State.Torrent,
  peer: Peer.Peer,
  bytes: Uint8Array,
  turn: State.Turn,
): string | undefined => {
  const bits = Bitfield.fromWire(bytes, torrent.metainfo.geometry.pieceCount)
  if (!bits.ok) return `a bitfield that doesn't fit: ${bits.error}`
  if (peer.hasSpoken) return haveAlso(torrent, peer, () => Bitfield.pieces(bits.value), turn)
  peer.hasSpoken = true
  if (Bitfield.isFull(bits.value)) return becameSeed(torrent, peer, turn)
  Bitfield.assign(peer.has, bits.value)
  Picker.addPeer(torrent.picker, peer.has)
  if (torrent.superSeed !== undefined) SuperSeed.changed(torrent.superSeed)
  Requests.updateInterest(torrent, peer, turn)
  Uploads.grant(torrent, peer, turn)
  return undefined
}

const haveNone = (torrent: State.Torrent, peer: Peer.Peer, turn: State.Turn): string | undefined => {
  if (!peer.supportsFast) return "have_none without the fast extension (BEP 6)"
  if (peer.hasSpoken) return "have_none after it has said what it has (BEP 6)"
  peer.hasSpoken = true
  Uploads.grant(torrent, peer, turn)
  return undefined
}

const haveAll = (torrent: State.Torrent, peer: Peer.Peer, turn: State.Turn): string | undefined => {
  if (!peer.supportsFast) return "have_all without the fast extension (BEP 6)"
  const { pieceCount } = torrent.metainfo.geometry
  if (peer.hasSpoken) return haveAlso(torrent, peer, () => Bitfield.pieces(Bitfield.full(pieceCount)), turn)
  peer.hasSpoken = true
  return becameSeed(torrent, peer, turn)
}

const becameSeed = (torrent: State.Torrent, peer: Peer.Peer, turn: State.Turn): undefined => {
  peer.isSeed = true
  Bitfield.fill(peer.has)
  Picker.addSeed(torrent.picker)
  if (torrent.superSeed !== undefined) SuperSeed.changed(torrent.superSeed)
  Turn.touch(turn, peer)
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
  if (!Bitfield.set(peer.has, piece)) return Patience.strain(peer.patience, turn.now)
  Picker.addHave(torrent.picker, piece)
  hasMore(torrent, peer, Picker.isMissing(torrent.picker, piece), turn)
  return undefined
}

/** It has these pieces, too, or has told of them before. */
const haveAlso = (
  torrent: State.Torrent,
  peer: Peer.Peer,
  pieces: () => Iterable<Geometry.PieceIndex>,
  turn: State.Turn,
): string | undefined => {
  let isNews = false
  // Five bytes that say that it has everything are a long list all the same.
  for (const piece of Bitfield.isFull(peer.has) ? [] : pieces()) {
    if (!Bitfield.set(peer.has, piece)) continue
    isNews = true
    Picker.addHave(torrent.picker, piece)
  }
  if (isNews) hasMore(torrent, peer, true, turn)
  return Patience.strain(peer.patience, turn.now, 1 + peer.has.length / Patience.LISTED_PIECES)
}

/** It has more than before, perhaps something that we lack; usually nothing follows from that. */
const hasMore = (torrent: State.Torrent, peer: Peer.Peer, mayBeMissing: boolean, turn: State.Turn): void => {
  if (torrent.superSeed !== undefined) {
    SuperSeed.changed(torrent.superSeed)
    turn.isNews = true
  }
  // Who has more is no less interesting than before.
  if (mayBeMissing && !peer.amInterested) Requests.updateInterest(torrent, peer, turn)
  if (Requests.hasRoom(peer) || (Peer.isDone(peer) && State.isComplete(torrent))) Turn.touch(turn, peer)
}

const hint = (
  torrent: State.Torrent,
  peer: Peer.Peer,
  kind: "suggested" | "allowedFast",
  index: number,
  turn: State.Turn,
): string | undefined => {
  if (!peer.supportsFast) return "a hint without the fast extension (BEP 6)"
  const piece = Geometry.pieceIndex(torrent.metainfo.geometry, index)
  if (piece === undefined) return "a piece that doesn't exist"
  if (peer[kind].size < MAX_HINTS) peer[kind] = Lazy.add(peer[kind], piece)
  // Some ten are of use: more are no help, and one that was refused again and again is none.
  return Patience.strain(peer.patience, turn.now)
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
    if (!peer.isChoking && ++peer.rejects >= Limits.MAX_REJECTS) {
      Timers.snub(torrent, peer, turn, "it refuses one request after another")
    }
  }
  return undefined
}
