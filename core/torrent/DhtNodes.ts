/** Peers tell each other where their DHT nodes listen, by PORT (BEP 5); those of private torrents don't (BEP 27). */
import * as Encoder from "../wire/Encoder.ts"
import * as Budget from "./Budget.ts"
import type * as Peer from "./Peer.ts"
import type * as State from "./State.ts"

/** Whether we say in the handshake that we have a node. */
export const isSpoken = ({ local, metainfo }: State.Torrent): boolean =>
  local.dhtPort !== undefined && !metainfo.isPrivate

/** Tells a peer that has a node, too, where ours is. */
export const tell = (torrent: State.Torrent, peer: Peer.Peer): void => {
  if (isSpoken(torrent)) Encoder.port(peer.encoder, torrent.local.dhtPort!)
}

/** A peer says where its node listens: the DHT may want to know. Once a minute, as a node moves seldom. */
export const told = (torrent: State.Torrent, peer: Peer.Peer, port: number, turn: State.Turn): void => {
  if (!isSpoken(torrent) || port === 0) return
  peer.budget ??= Budget.make(turn.now)
  if (Budget.spend(peer.budget, "nodes", turn.now) > 1) return
  const address = { host: peer.address.host, port }
  turn.out.push({ _tag: "Emit", torrent: torrent.id, event: { _tag: "DhtNode", address } })
}
