/**
 * Who sent the bad data? A piece that fails its hash and came from one peer convicts it. One that came from several
 * puts each of them on parole: from then on it gets whole pieces of its own, so that the next failure is its alone,
 * and the first good one clears it. A peer whose shared pieces keep failing is dropped even so: it may be evading
 * parole by being slow.
 */
import type { PieceIndex } from "../metainfo/Geometry.ts"
import * as Limits from "./Limits.ts"
import type * as Peer from "./Peer.ts"
import * as Picker from "./Picker.ts"
import type * as State from "./State.ts"

/** Those who sent blocks of a piece: `senderCount` in all, of which these are still connected. */
export interface Suspects {
  readonly senderCount: number
  readonly peers: ReadonlyArray<Peer.Peer>
}

/** Who sent blocks of a piece. Ask before the picker forgets it. */
export const suspects = (torrent: State.Torrent, piece: PieceIndex): Suspects => {
  const senders = Picker.contributors(torrent.picker, piece)
  const peers: Array<Peer.Peer> = []
  for (const conn of senders) {
    const peer = torrent.peers.get(conn)
    if (peer !== undefined) peers.push(peer)
  }
  return { senderCount: senders.length, peers }
}

/** Marks the suspects of a bad piece and returns those that have to go, with the reason. */
export const pieceWasBad = (
  { senderCount, peers }: Suspects,
): { readonly culprits: ReadonlyArray<Peer.Peer>; readonly reason: string } => {
  if (senderCount === 1) return { culprits: peers, reason: "it sent a piece whose hash is wrong" }
  for (const peer of peers) {
    peer.sharedFailures++
    peer.isOnParole = true
  }
  return {
    culprits: peers.filter((peer) => peer.sharedFailures >= Limits.MAX_SHARED_FAILURES),
    reason: `it had a part in ${Limits.MAX_SHARED_FAILURES} pieces whose hash was wrong`,
  }
}

/** A good piece clears a peer that sent the whole of it. */
export const pieceWasGood = (torrent: State.Torrent, piece: PieceIndex): void => {
  const { senderCount, peers } = suspects(torrent, piece)
  if (senderCount !== 1) return
  for (const peer of peers) {
    peer.isOnParole = false
    peer.sharedFailures = 0
  }
}
