/** Carries out what `SuperSeed.ts` decides: shows pieces by HAVE, and all of them once super-seeding has done its part. */
import { type Millis, NEVER } from "../base/Time.ts"
import * as Geometry from "../metainfo/Geometry.ts"
import * as Encoder from "../wire/Encoder.ts"
import * as Bitfield from "./Bitfield.ts"
import * as Connections from "./Connections.ts"
import * as Extensions from "./Extensions.ts"
import type * as Peer from "./Peer.ts"
import * as Picker from "./Picker.ts"
import type * as State from "./State.ts"
import * as SuperSeed from "./SuperSeed.ts"
import * as Turn from "./Turn.ts"

/** When {@link run} next does something by itself. */
export const nextWake = ({ superSeed }: State.Torrent): Millis => superSeed?.wakeAt ?? NEVER

/** Shows peers what they may see next, if we super-seed and anything has changed. */
export const run = (torrent: State.Torrent, turn: State.Turn): void => {
  const { metainfo: { geometry }, picker, rng, superSeed } = torrent
  if (superSeed === undefined || !SuperSeed.isDue(superSeed, turn.now)) return
  const leechers: Array<Peer.Peer> = []
  for (const peer of torrent.peers.values()) {
    if (peer.phase === "ready" && !Bitfield.isFull(peer.has)) leechers.push(peer)
  }
  const swarm: SuperSeed.Swarm = {
    now: turn.now,
    pieceCount: geometry.pieceCount,
    leechers,
    owners: (piece) => Picker.availability(picker, piece),
    rng,
  }
  if (SuperSeed.isOver(superSeed, swarm)) return end(torrent, superSeed, leechers, turn)
  for (const { conn, piece } of SuperSeed.reveal(superSeed, swarm)) {
    const peer = torrent.peers.get(conn)!
    Encoder.have(peer.encoder, piece)
    peer.usefulAt = turn.now
    Turn.touch(turn, peer)
  }
}

/** We are a seeder as any other from now on, and say so. */
const end = (
  torrent: State.Torrent,
  superSeed: SuperSeed.SuperSeed,
  leechers: ReadonlyArray<Peer.Peer>,
  turn: State.Turn,
): void => {
  torrent.superSeed = undefined
  for (const peer of leechers) {
    for (const piece of Geometry.pieces(torrent.metainfo.geometry)) {
      if (Bitfield.get(peer.has, piece) || SuperSeed.isVisible(superSeed, peer.conn, piece)) continue
      Encoder.have(peer.encoder, piece)
    }
    Turn.touch(turn, peer)
  }
  Extensions.tellUploadOnly(torrent, turn)
  for (const peer of [...torrent.peers.values()]) Connections.closeIfPointless(torrent, peer, turn)
}
