/**
 * Carries out what `Choker.ts` decides: a round every ten seconds while anybody wants something from us, and in between
 * whenever a slot is free for somebody who wants it. Only a round takes a slot away from who still wants it: whoever
 * comes and goes in between changes nothing for the others, and nobody is choked and unchoked in quick succession
 * (fibrillation, BEP 3).
 *
 *      wants ──(NOT_INTERESTED)──▶ grace ──(GRACE_MS)──▶ idle ──(somebody else wants the slot, or a round)──▶ choked
 *        ▲                           │                     │
 *        └────────(INTERESTED)───────┴─────────────────────┘
 */
import * as Rate from "../base/Rate.ts"
import { type Millis, NEVER } from "../base/Time.ts"
import * as Choker from "./Choker.ts"
import * as Slots from "./choke/Slots.ts"
import * as Peer from "./Peer.ts"
import * as State from "./State.ts"
import * as Throttle from "./Throttle.ts"
import type * as Turn from "./Turn.ts"
import * as Uploads from "./Uploads.ts"

/** Free slots are filled at once, but not more often than this: a peer that changes its mind all the time is no work. */
const MIN_PAUSE_MS: Millis = 100

/**
 * Who has a slot and wants nothing keeps it for so long, though others wait: in a young swarm two peers have the same
 * pieces every other moment, until one of them verifies the next. Longer, and the line is idle meanwhile: a second made
 * simulated flash crowds some 3 % slower, a quarter none.
 */
export const GRACE_MS: Millis = 250

/** When {@link run} next does something. */
export const nextWake = ({ choking }: State.Torrent): Millis =>
  Math.min(choking.roundAt, choking.idleAt, choking.hasNews ? choking.ranAt + MIN_PAUSE_MS : NEVER)

/** The peer wants something from us, or doesn't any more. Most often nothing follows, and this costs next to nothing. */
export const interestChanged = (
  torrent: State.Torrent,
  peer: Peer.Peer,
  isInterested: boolean,
  turn: Turn.Turn,
): void => {
  if (peer.isInterested === isInterested) return
  const { choking } = torrent
  peer.isInterested = isInterested
  if (peer.amChoking) {
    if (isInterested && (choking.roundAt === NEVER || countFree(torrent, turn.now) > 0)) {
      choking.hasNews = true
    } else if (peer.reason !== undefined) {
      peer.reason = Choker.whyChoked(factsOf(peer), State.isComplete(torrent))
    }
  } else if (!isInterested) {
    peer.idleSince = turn.now
    choking.idleAt = Math.min(choking.idleAt, turn.now + GRACE_MS)
  }
}

/** A connection has ended: its slot, if it had one, is free. */
export const left = ({ choking }: State.Torrent, peer: Peer.Peer): void => {
  if (peer.amChoking) return
  choking.unchoked.splice(choking.unchoked.indexOf(peer.conn), 1)
  choking.hasNews = true
}

/** Holds a round if one is due, or else fills slots that are free. */
export const run = (torrent: State.Torrent, turn: State.Turn): void => {
  if (turn.now < nextWake(torrent)) return
  const { choking } = torrent
  if (turn.now >= choking.roundAt) round(torrent, turn)
  else if (countFree(torrent, turn.now) > 0) fill(torrent, turn)
  choking.hasNews = false
  choking.ranAt = turn.now
  choking.idleAt = nextIdleAt(torrent, turn.now)
}

const round = (torrent: State.Torrent, turn: State.Turn): void => {
  const { choking } = torrent
  const peers = [...Peer.ready(torrent.peers)]
  choking.slots = Slots.adjust(choking.slots, observe(torrent, peers, turn.now))
  const decision = decide(torrent, peers, turn.now)
  for (const peer of peers) apply(torrent, peer, decision, decision.unchoked.has(peer.conn), turn)
  choking.roundAt = peers.some(wantsData) ? turn.now + Choker.ROUND_MS : NEVER
}

/** Slots that nobody has, or that their holders have no use for. */
const countFree = (torrent: State.Torrent, now: Millis): number => {
  const { slots, unchoked } = torrent.choking
  let free = slots.count - unchoked.length
  for (const conn of unchoked) if (isIdle(torrent.peers.get(conn)!, now)) free++
  return free
}

/** It has had no use for its slot for long enough. */
const isIdle = (peer: Peer.Peer, now: Millis): boolean =>
  Peer.isDone(peer) || (!peer.isInterested && now >= peer.idleSince + GRACE_MS)

/** When the next grace ends; NEVER if none is running. */
const nextIdleAt = ({ choking, peers }: State.Torrent, now: Millis): Millis => {
  let at = NEVER
  for (const conn of choking.unchoked) {
    const { idleSince, isInterested } = peers.get(conn)!
    if (!isInterested && now < idleSince + GRACE_MS) at = Math.min(at, idleSince + GRACE_MS)
  }
  return at
}

const wantsData = (peer: Peer.Peer): boolean => peer.isInterested && !Peer.isDone(peer)

const observe = (
  torrent: State.Torrent,
  peers: ReadonlyArray<Peer.Peer>,
  now: Millis,
): Slots.Observation => ({
  now,
  uploadRateBytesPerSec: Rate.bytesPerSec(torrent.uploadRate, now),
  uploadLimitBytesPerSec: Throttle.uploadLimit(torrent.throttle, torrent.buckets),
  waiting: peers.filter((peer) => peer.amChoking && wantsData(peer)).length,
})

/** What alone decides why somebody is choked. */
const factsOf = (peer: Peer.Peer): Parameters<typeof Choker.whyChoked>[0] => ({
  isInterested: peer.isInterested,
  isSeedOrUploadOnly: Peer.isDone(peer),
  isSnubbed: peer.isSnubbed,
})

const decide = (torrent: State.Torrent, peers: ReadonlyArray<Peer.Peer>, now: Millis): Choker.Decision => {
  const { choker, choking, metainfo: { geometry }, rng } = torrent
  const isSeeding = State.isComplete(torrent)
  return Choker.decide(Choker.policies[isSeeding ? choker.seeding : choker.leeching], {
    now,
    isSeeding,
    slots: choking.slots.count,
    pieceBytes: geometry.pieceBytes,
    peers: peers.map((peer): Choker.ChokePeer => ({
      key: peer.conn,
      isInterested: peer.isInterested,
      isUnchoked: !peer.amChoking,
      isOptimistic: peer.isOptimistic,
      isSnubbed: peer.isSnubbed,
      downloadRateBytesPerSec: Rate.bytesPerSec(peer.downloadRate, now),
      uploadRateBytesPerSec: Rate.bytesPerSec(peer.uploadRate, now),
      uploadedSinceUnchokeBytes: peer.uploadRate.totalBytes - peer.uploadedAtUnchoke,
      lastUnchokedAt: peer.lastUnchokedAt,
      connectedAt: peer.connectedAt,
      isSeedOrUploadOnly: Peer.isDone(peer),
      pieceFraction: peer.has.count / geometry.pieceCount,
    })),
    rng,
  })
}

/** Gives the free slots to those who would get one by the decision; who has one and still wants it keeps it. */
const fill = (torrent: State.Torrent, turn: State.Turn): void => {
  const { choking } = torrent
  const peers = [...Peer.ready(torrent.peers)]
  if (!peers.some((peer) => peer.amChoking && wantsData(peer))) return
  if (choking.roundAt === NEVER) choking.roundAt = turn.now + Choker.ROUND_MS
  const decision = decide(torrent, peers, turn.now)
  const idle = choking.unchoked.filter((conn) => isIdle(torrent.peers.get(conn)!, turn.now))
  for (const conn of decision.unchoked) {
    const peer = torrent.peers.get(conn)!
    if (!peer.amChoking) continue
    if (choking.unchoked.length >= choking.slots.count) {
      const holder = idle.shift()
      if (holder === undefined) break
      apply(torrent, torrent.peers.get(holder)!, decision, false, turn)
    }
    apply(torrent, peer, decision, true, turn)
  }
  for (const peer of peers) {
    // Whom a round would have given somebody else's slot has to wait for the round.
    if (peer.amChoking) {
      peer.reason = decision.unchoked.has(peer.conn) ? "no-slot" : decision.reasons.get(peer.conn)
    }
  }
}

const apply = (
  torrent: State.Torrent,
  peer: Peer.Peer,
  { optimistic, reasons }: Choker.Decision,
  isUnchoked: boolean,
  turn: State.Turn,
): void => {
  const { choking } = torrent
  const reason = reasons.get(peer.conn)!
  peer.reason = reason
  peer.isOptimistic = optimistic.has(peer.conn)
  if (isUnchoked !== peer.amChoking) return
  if (isUnchoked) {
    choking.unchoked.push(peer.conn)
    Uploads.unchoke(peer, turn)
  } else {
    choking.unchoked.splice(choking.unchoked.indexOf(peer.conn), 1)
    Uploads.choke(torrent, peer, turn)
  }
  const { address } = peer
  const event = isUnchoked
    ? { _tag: "PeerUnchoked", address, reason } as const
    : { _tag: "PeerChoked", address, reason } as const
  turn.out.push({ _tag: "Emit", torrent: torrent.id, event })
}
