/**
 * Who gets a connection: candidates that are dialled, peers that come to us, and who goes for them where there is no room.
 *
 *      Limits    maxPeers, MAX_HALF_OPEN                       of one torrent
 *                MAX_PER_ADDRESS, MAX_PER_NETWORK              of them, to one address and one network: Crowd.ts
 *                maxConnections, MAX_HALF_OPEN_OVERALL         of all together
 *                Dials.PER_SECOND                              of all together, for dials
 */
import type * as Address from "../base/Address.ts"
import * as Deadlines from "../base/Deadlines.ts"
import { type Millis, NEVER } from "../base/Time.ts"
import * as Candidates from "./Candidates.ts"
import * as Connections from "./Connections.ts"
import * as Crowd from "./Crowd.ts"
import * as Dials from "./Dials.ts"
import type { ConnId } from "./Input.ts"
import * as Introductions from "./Introductions.ts"
import * as Limits from "./Limits.ts"
import type { Contact } from "./metadata/Contact.ts"
import * as Peer from "./Peer.ts"
import * as PeerPriority from "./PeerPriority.ts"
import * as State from "./State.ts"
import * as Turnover from "./Turnover.ts"

/** All torrents together have as many connections as they may. */
const hasNoPlace = (load: State.Load): boolean => load.connections >= load.maxConnections

/** All torrents together dial as many as they may. */
const hasNoDial = (load: State.Load): boolean => load.halfOpen >= Limits.MAX_HALF_OPEN_OVERALL

/** The limits of all torrents together leave room for another connection. */
export const hasPlace = (load: State.Load): boolean => !hasNoPlace(load)

/** They leave room for another dial. */
export const hasDial = (load: State.Load): boolean => !hasNoDial(load)

/** Which of the common limits are reached: when that changes, every torrent may want to act at another time. */
export const crowding = (load: State.Load): number => Number(hasNoPlace(load)) * 2 + Number(hasNoDial(load))

/** True while another peer would be of use, to download from or to upload to, and there is a place for it. */
export const wantsPeers = (torrent: State.Torrent): boolean =>
  torrent.phase === "running" && torrent.peers.size < torrent.maxPeers && !hasNoPlace(torrent.local.load)

const mayDial = (torrent: State.Torrent): boolean =>
  wantsPeers(torrent) && torrent.halfOpen < Limits.MAX_HALF_OPEN && !hasNoDial(torrent.local.load)

/** When the next candidate may be dialled. */
export const nextDialAt = (torrent: State.Torrent, now: Millis): Millis =>
  mayDial(torrent)
    ? Math.max(Candidates.nextDialAt(torrent.candidates, now), Dials.nextAt(torrent.local.load.dials, now))
    : NEVER

/** Dials as many candidates as there is room for. */
export const dial = (torrent: State.Torrent, turn: State.Turn): void => {
  Candidates.rankFrom(torrent.candidates, torrent.local.external.self)
  const { dials } = torrent.local.load
  while (mayDial(torrent) && Dials.isAllowed(dials, turn.now)) {
    const address = Candidates.next(torrent.candidates, turn.now)
    if (address === undefined) return
    // Whom the user names is wanted, wherever it is.
    const isWanted = Candidates.sourceOf(torrent.candidates, address) === "user"
    if (!isWanted && !Crowd.hasRoom(torrent.crowd, address.host)) {
      Candidates.postponed(torrent.candidates, address, turn.now)
      continue
    }
    Candidates.connecting(torrent.candidates, address)
    Dials.spend(dials, turn.now)
    const peer = enter(torrent, torrent.local.nextConn++, address, false, turn)
    torrent.halfOpen++
    torrent.local.load.halfOpen++
    turn.out.push({ _tag: "Dial", torrent: torrent.id, conn: peer.conn, address })
  }
}

/**
 * A peer that came to us at `since` has named this torrent now. `undefined`: it is refused, and its connection closed. The
 * time for a handshake is one for the whole of it.
 */
export const accept = (
  torrent: State.Torrent,
  conn: ConnId,
  address: Address.Address,
  since: Millis,
  turn: State.Turn,
): Peer.Peer | undefined => {
  const isRefused = Candidates.isBanned(torrent.candidates, address.host) ||
    isCrowded(torrent, address, turn.now) || !makeRoom(torrent, address, turn)
  if (isRefused) {
    turn.out.push({ _tag: "Close", conn })
    return undefined
  }
  const peer = enter(torrent, conn, address, true, turn)
  peer.startedAt = since
  Deadlines.set(torrent.timers, conn, Peer.nextWake(peer))
  Introductions.greet(torrent, peer, turn)
  return peer
}

/**
 * True if there are connections enough with that address, or its network. Connections that cross are one peer: which of
 * them stays is for {@link "./Duplicates.ts"} to say, so that both ends keep the same one.
 */
const isCrowded = (torrent: State.Torrent, { host }: Address.Address, now: Millis): boolean => {
  if (Crowd.hasRoom(torrent.crowd, host)) return false
  let crossing = 0
  for (const peer of torrent.peers.values()) {
    if (peer.isIncoming || peer.address.host !== host) continue
    if (peer.phase !== "ready" || now - peer.connectedAt <= Limits.HANDSHAKE_TIMEOUT) crossing++
  }
  return !Crowd.hasRoom(torrent.crowd, host, crossing)
}

/** A place for one more, if need be that of a dial, of a peer which serves nobody, or of one with a lesser claim. */
const makeRoom = (torrent: State.Torrent, address: Address.Address, turn: State.Turn): boolean => {
  if (torrent.peers.size < torrent.maxPeers && !hasNoPlace(torrent.local.load)) return true
  return giveUpDial(torrent, turn) || giveAway(torrent, 1, turn) > 0 || outrank(torrent, address, turn)
}

/** A swarm whose peers are all full has room for newcomers all the same, if both ends agree on who goes (BEP 40). */
const outrank = (torrent: State.Torrent, address: Address.Address, turn: State.Turn): boolean => {
  const { self } = torrent.local.external
  const priority = PeerPriority.between(self, address)
  if (priority === undefined) return false
  const priorityOf = ({ conn }: Turnover.Standing): number | undefined =>
    PeerPriority.between(self, torrent.peers.get(conn)!.address)
  const conn = Turnover.outranked(Peer.ready(torrent.peers), priority, priorityOf, turn.now)
  if (conn === undefined) return false
  Connections.close(torrent, torrent.peers.get(conn)!, turn, "its place goes to another peer")
  return true
}

/** Who is here is worth more than who may be: the dial that has taken longest is likely to be in vain. */
const giveUpDial = (torrent: State.Torrent, turn: State.Turn): boolean => {
  for (const peer of torrent.peers.values()) {
    if (peer.phase !== "dialling") continue
    Connections.close(torrent, peer, turn, "its place goes to another peer")
    return true
  }
  return false
}

/** Drops up to `count` of the peers that serve nobody; returns how many. */
const giveAway = (torrent: State.Torrent, count: number, turn: State.Turn): number => {
  const context = { now: turn.now, isSeeding: State.isComplete(torrent) }
  const worst = Turnover.worst(Peer.ready(torrent.peers), count, context)
  for (const conn of worst) {
    Connections.close(torrent, torrent.peers.get(conn)!, turn, "its place goes to another peer")
  }
  return worst.length
}

/** When {@link turnover} is next due. */
export const nextTurnoverAt = (torrent: State.Torrent): Millis =>
  torrent.phase === "running" &&
    (Turnover.isNearlyFull(torrent.peers.size, torrent.maxPeers) || hasNoPlace(torrent.local.load))
    ? torrent.turnoverAt
    : NEVER

/** Every so often, where there is little room: a few places of peers that serve nobody go to addresses that wait. */
export const turnover = (torrent: State.Torrent, turn: State.Turn): void => {
  if (turn.now < nextTurnoverAt(torrent)) return
  torrent.turnoverAt = turn.now + Turnover.INTERVAL_MS
  const waiting = Candidates.dialableCount(torrent.candidates, turn.now)
  giveAway(torrent, Turnover.quota(torrent.peers.size, waiting), turn)
}

/** Takes over a connection on which both handshakes are done, from the search for the metadata, which has counted it. */
export const adopt = (torrent: State.Torrent, contact: Contact, turn: State.Turn): Peer.Peer => {
  const { address, conn, decoder, isIncoming } = contact
  const peer = Peer.make(conn, address, isIncoming, torrent.metainfo.geometry, turn.now, decoder)
  peer.phase = "handshaking"
  peer.listening = contact.listening
  peer.isCongested = contact.isCongested
  peer.lastSentAt = contact.lastSentAt
  torrent.peers.set(conn, peer)
  Crowd.enter(torrent.crowd, address.host)
  Deadlines.set(torrent.timers, conn, Peer.nextWake(peer))
  return peer
}

const enter = (
  torrent: State.Torrent,
  conn: ConnId,
  address: Address.Address,
  isIncoming: boolean,
  turn: State.Turn,
): Peer.Peer => {
  const peer = Peer.make(conn, address, isIncoming, torrent.metainfo.geometry, turn.now)
  torrent.peers.set(conn, peer)
  Crowd.enter(torrent.crowd, address.host)
  torrent.local.load.connections++
  Deadlines.set(torrent.timers, conn, Peer.nextWake(peer))
  return peer
}

/** The dial succeeded: we speak first (BEP 3). */
export const opened = (torrent: State.Torrent, peer: Peer.Peer, turn: State.Turn): void => {
  torrent.halfOpen--
  torrent.local.load.halfOpen--
  peer.phase = "handshaking"
  peer.lastReceivedAt = turn.now
  Candidates.connected(torrent.candidates, peer.address)
  Introductions.greet(torrent, peer, turn)
  Deadlines.set(torrent.timers, peer.conn, turn.now + Limits.HANDSHAKE_TIMEOUT)
}
