/**
 * Who sent the bad data? A piece that fails its hash and came from one peer convicts it at once, and so does one that came
 * by several connections of one host, or from a peer that has gone meanwhile. Of one that came from
 * several, each block is hashed before it is fetched again, and compared when the piece is good at last (`SmartBan.ts`):
 * that convicts exactly those who sent a wrong block.
 *
 * For the piece to become good at all while they are still at it, each of the several is put on parole until then: it
 * gets whole pieces of its own, so that the next failure is its alone. A peer whose shared pieces keep failing is
 * dropped even so: it may be evading parole by being slow.
 */
import * as Address from "../base/Address.ts"
import type { Bytes } from "../base/Bytes.ts"
import * as Geometry from "../metainfo/Geometry.ts"
import type { PieceIndex } from "../metainfo/Geometry.ts"
import * as Connections from "./Connections.ts"
import type { ConnId } from "./Input.ts"
import * as Limits from "./Limits.ts"
import type * as Peer from "./Peer.ts"
import * as Picker from "./Picker.ts"
import * as SelfDoubt from "./SelfDoubt.ts"
import * as SmartBan from "./SmartBan.ts"
import * as State from "./State.ts"

/** Those who sent blocks of a piece. */
export interface Suspects {
  /** More than one host had a part in it, if only a part of a block that another one sent again. */
  readonly isShared: boolean
  /** As far as they are remembered. */
  readonly senders: ReadonlyArray<SmartBan.Sender>
  /** As far as they are still connected. */
  readonly peers: ReadonlyArray<Peer.Peer>
}

/** Who sent blocks of a piece. Ask before the picker forgets it. */
export const suspects = (torrent: State.Torrent, piece: PieceIndex): Suspects => {
  const conns = Picker.contributors(torrent.picker, piece)
  const senders: Array<SmartBan.Sender> = []
  const peers: Array<Peer.Peer> = []
  for (const conn of conns) {
    const sender = senderOf(torrent, conn)
    if (sender !== undefined) senders.push(sender)
    const peer = torrent.peers.get(conn)
    if (peer !== undefined) peers.push(peer)
  }
  const isOne = conns.length === 1 ||
    (senders.length === conns.length && new Set(senders.map(({ address }) => whose(address))).size === 1)
  const isShared = !isOne ||
    (torrent.writers.size > 0 && blocks(torrent, piece).some((block) => isMixed(torrent, block)))
  return { isShared, senders, peers }
}

/** Who has this connection, or had it; `undefined`: not known any more. */
const senderOf = ({ peers, smartBan }: State.Torrent, conn: ConnId): SmartBan.Sender | undefined => {
  const peer = peers.get(conn)
  return peer === undefined ? smartBan.departed.get(conn) : Connections.senderOf(peer)
}

/** A host is one, however many connections it makes; on this machine each port is. */
const whose = (address: Address.Address): string =>
  Address.isLoopback(address) ? Address.format(address) : address.host

/** The verdict on a piece is there: who wrote its blocks is of no more interest. */
export const judged = (torrent: State.Torrent, piece: PieceIndex): void => {
  if (torrent.writers.size === 0) return
  for (const block of blocks(torrent, piece)) torrent.writers.delete(block)
}

const isMixed = ({ writers }: State.Torrent, block: Geometry.BlockIndex): boolean =>
  writers.get(block) === State.MIXED

const blocks = ({ metainfo: { geometry } }: State.Torrent, piece: PieceIndex): Array<Geometry.BlockIndex> => {
  const first = Geometry.blockAt(geometry, piece, 0)
  return Array.from(
    { length: Geometry.blockCount(geometry, piece) },
    (_, i) => first + i as Geometry.BlockIndex,
  )
}

/** Asks for the digests of a bad piece's blocks; until they are here nothing of it may be fetched. */
export const inspect = (torrent: State.Torrent, piece: PieceIndex, turn: State.Turn): void => {
  const known = new Map<ConnId, SmartBan.Sender | undefined>()
  const mixed = blocks(torrent, piece).map((block) => isMixed(torrent, block))
  const senders = Picker.senders(torrent.picker, piece).map((conn, block) => {
    if (mixed[block] === true) return undefined
    if (!known.has(conn)) known.set(conn, senderOf(torrent, conn))
    return known.get(conn)
  })
  SmartBan.askedBad(torrent.smartBan, piece, senders)
  turn.out.push({ _tag: "HashBlocks", torrent: torrent.id, piece })
}

/** Marks the suspects of a bad piece, and bans those of whom it is certain or likely enough. */
export const pieceWasBad = (
  torrent: State.Torrent,
  { isShared, peers, senders }: Suspects,
  turn: State.Turn,
): void => {
  if (!isShared) {
    const reason = "it sent a piece whose hash is wrong"
    for (const sender of senders) ban(torrent, sender, turn, reason)
    return
  }
  const reason = `it had a part in ${Limits.MAX_SHARED_FAILURES} pieces whose hash was wrong`
  for (const peer of peers) {
    peer.isOnParole = true
    if (++peer.sharedFailures < Limits.MAX_SHARED_FAILURES) continue
    ban(torrent, Connections.senderOf(peer), turn, reason)
  }
}

/** For what our own disk holds of it, which says nothing of who spoiled it if that goes on. */
const ban = (
  torrent: State.Torrent,
  sender: SmartBan.Sender,
  turn: State.Turn,
  reason: string,
): void => {
  Connections.ban(torrent, sender, turn, reason)
  SelfDoubt.banned(torrent, sender, turn)
}

/** A good piece clears a peer that sent the whole of it, and shows who spoiled it before. */
export const pieceWasGood = (torrent: State.Torrent, piece: PieceIndex, turn: State.Turn): void => {
  if (SmartBan.askedGood(torrent.smartBan, piece)) {
    turn.out.push({ _tag: "HashBlocks", torrent: torrent.id, piece })
  }
  SelfDoubt.pieceWasGood(torrent)
  const { isShared, peers } = suspects(torrent, piece)
  if (!isShared) { for (const peer of peers) clear(peer) }
}

/** The digests of a piece's blocks are here. True if the piece was bad and may be fetched again now. */
export const blocksHashed = (
  torrent: State.Torrent,
  piece: PieceIndex,
  digests: Bytes,
  turn: State.Turn,
): boolean => {
  const finding = SmartBan.answered(torrent.smartBan, piece, digests)
  if (finding._tag === "Verdict") {
    const reason = `it sent a wrong block of piece ${piece}`
    for (const sender of finding.guilty) Connections.ban(torrent, sender, turn, reason)
    for (const { conn } of finding.innocent) {
      const peer = torrent.peers.get(conn)
      if (peer !== undefined && --peer.sharedFailures <= 0) clear(peer)
    }
  }
  return finding._tag === "Sampled"
}

const clear = (peer: Peer.Peer): void => {
  peer.isOnParole = false
  peer.sharedFailures = 0
}
