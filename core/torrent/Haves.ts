/**
 * Tells peers which pieces we have verified (BEP 3, HAVE): at once where something may follow from it, and otherwise with
 * whatever is said next, within {@link MAX_DELAY_MS}.
 *
 *      log     [ 7  2  9  4 ]      verified in this run, oldest first
 *                     └─ peer.told = 2: it is still to hear of 9 and 4
 *
 * In a swarm nearly all HAVEs go to peers that we choke and that know already that they want something from us. All that
 * they do with one is count how rare the piece is. Sent one by one, these messages outnumber the blocks: as many as there
 * are pieces times connections, each a packet, and a wake-up of both sides, for nine bytes.
 */
import { type Millis, NEVER, SECOND } from "../base/Time.ts"
import type { PieceIndex } from "../metainfo/Geometry.ts"
import * as Encoder from "../wire/Encoder.ts"
import * as Bitfield from "./Bitfield.ts"
import * as Patience from "./Patience.ts"
import type * as Peer from "./Peer.ts"
import * as State from "./State.ts"
import * as Turn from "./Turn.ts"

/** A tenth of a choker's round: what is known of the rarity of pieces is never older, and no decision waits for it. */
export const MAX_DELAY_MS: Millis = SECOND

/** Mutable, one owner. */
export interface Haves {
  /** Each piece once, so never more than there are. */
  readonly log: Array<PieceIndex>
  /** How many of them have been looked at for peers that must hear of them at once. */
  looked: number
  /** When everybody must have heard of all. */
  dueAt: Millis
}

export const make = (): Haves => ({ log: [], looked: 0, dueAt: NEVER })

/** A piece has been verified. */
export const add = ({ haves }: State.Torrent, piece: PieceIndex): void => {
  haves.log.push(piece)
}

/** When {@link run} next does something by itself. */
export const nextWake = ({ haves }: State.Torrent): Millis => haves.dueAt

/** The peer was told of all that we have, by its first message. */
export const toldAll = ({ haves }: State.Torrent, peer: Peer.Peer): void => {
  peer.told = haves.log.length
}

/**
 * Tells those who must hear at once of what is new; everybody, once it is due or we are complete. Those that have a piece
 * are told of it, too, since a super-seeder shows the next piece when it hears of the last one (BEP 16).
 */
export const run = (torrent: State.Torrent, turn: State.Turn): void => {
  const { haves, peers } = torrent
  const isNew = haves.looked < haves.log.length
  const isDue = turn.now >= haves.dueAt || (isNew && State.isComplete(torrent))
  if (!isNew && !isDue) return
  for (const peer of peers.values()) {
    // Most are not in a hurry, which is the cheaper of the two to see.
    if ((isDue || isUrgent(haves, peer)) && isBehind(haves, peer)) tell(haves, peer, turn)
  }
  haves.looked = haves.log.length
  if (isDue) haves.dueAt = NEVER
  else if (haves.dueAt === NEVER) haves.dueAt = turn.now + MAX_DELAY_MS
}

/** Something leaves for the peer anyway: what it has not heard of yet goes with it. */
export const join = ({ haves }: State.Torrent, peer: Peer.Peer, turn: State.Turn): void => {
  if (isBehind(haves, peer)) tell(haves, peer, turn)
}

/** Seeds don't need to know, ever. */
const isBehind = (haves: Haves, peer: Peer.Peer): boolean =>
  peer.told < haves.log.length && peer.phase === "ready" && !Bitfield.isFull(peer.has)

/** It may ask for the new pieces at once, or want something from us only now, or wait for our word (a super-seeder). */
const isUrgent = (haves: Haves, peer: Peer.Peer): boolean =>
  !peer.amChoking || (!peer.isChoking && peer.requests.size === 0) ||
  (!peer.isInterested && lacksNew(haves, peer))

const lacksNew = ({ log, looked }: Haves, { has }: Peer.Peer): boolean => {
  for (let i = looked; i < log.length; i++) if (!Bitfield.get(has, log[i]!)) return true
  return false
}

const tell = ({ log }: Haves, peer: Peer.Peer, turn: State.Turn): void => {
  for (let i = peer.told; i < log.length; i++) Encoder.have(peer.encoder, log[i]!)
  Patience.soothe(peer.patience, (log.length - peer.told) * Patience.HAVE)
  peer.told = log.length
  Turn.touch(turn, peer)
}
