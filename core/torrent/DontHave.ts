/**
 * A peer loses a piece (BEP 54): what we counted on is taken back. We never lose one ourselves: when a piece that was
 * verified cannot be read any more, the torrent fails as a whole, and its peers see us go.
 */
import type { Bytes } from "../base/Bytes.ts"
import * as Geometry from "../metainfo/Geometry.ts"
import * as ExtendedDontHave from "../wire/ExtendedDontHave.ts"
import * as Bitfield from "./Bitfield.ts"
import * as Patience from "./Patience.ts"
import * as Peer from "./Peer.ts"
import * as Picker from "./Picker.ts"
import * as Requests from "./Requests.ts"
import type * as State from "./State.ts"
import * as SuperSeed from "./SuperSeed.ts"

/** `lt_donthave` has come. Returns the rule that it breaks, if it does. */
export const take = (
  torrent: State.Torrent,
  peer: Peer.Peer,
  payload: Bytes,
  turn: State.Turn,
): string | undefined => {
  const index = ExtendedDontHave.decode(payload)
  const piece = index === undefined ? undefined : Geometry.pieceIndex(torrent.metainfo.geometry, index)
  if (piece === undefined) return "the loss of a piece that doesn't exist (BEP 54)"
  // The HAVE with which it would get it again counts, too: nobody loses one piece after another.
  const fault = Patience.strain(peer.patience, turn.now, 2)
  if (fault !== undefined || !Bitfield.clear(peer.has, piece)) return fault
  if (peer.isSeed) {
    peer.isSeed = false
    Picker.removeSeed(torrent.picker)
    Picker.addPeer(torrent.picker, peer.has)
  } else Picker.removeHave(torrent.picker, piece)
  release(torrent, peer, piece, turn)
  // It may want something again.
  torrent.choking.hasNews = true
  if (torrent.superSeed !== undefined) SuperSeed.changed(torrent.superSeed)
  Requests.updateInterest(torrent, peer, turn)
  return undefined
}

/** What it owes us of the piece is asked of others; what comes all the same is still welcome. */
const release = (
  torrent: State.Torrent,
  peer: Peer.Peer,
  piece: Geometry.PieceIndex,
  turn: State.Turn,
): void => {
  peer.allowedFast.delete(piece)
  peer.suggested.delete(piece)
  for (const block of [...peer.requests.keys()]) {
    if (Geometry.blockPiece(torrent.metainfo.geometry, block) !== piece) continue
    Picker.released(torrent.picker, block, peer.conn)
    Peer.forget(peer, block)
    turn.refillAll = true
  }
}
