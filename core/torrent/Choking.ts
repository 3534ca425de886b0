/**
 * Carries out what `Choker.ts` decides: a round every ten seconds while anybody wants something from us, and in between
 * whenever a slot is free for somebody who wants it. Only a round takes a slot away from who still wants it: whoever
 * comes and goes in between changes nothing for the others, and nobody is choked and unchoked in quick succession
 * (fibrillation, BEP 3).
 */
import * as Rate from "../base/Rate.ts"
import { type Millis, NEVER } from "../base/Time.ts"
import * as Choker from "./Choker.ts"
import * as Slots from "./choke/Slots.ts"
import * as Peer from "./Peer.ts"
import * as State from "./State.ts"
import * as Throttle from "./Throttle.ts"
import * as Uploads from "./Uploads.ts"

/** Free slots are filled at once, but not more often than this: a peer that changes its mind all the time is no work. */
const MIN_PAUSE_MS = 100

/** When {@link run} next does something. */
export const nextWake = ({ choking }: State.Torrent): Millis =>
  choking.hasNews ? Math.min(choking.roundAt, choking.ranAt + MIN_PAUSE_MS) : choking.roundAt

/** The peer wants something from us, or doesn't any more. */
export const interestChanged = (torrent: State.Torrent, peer: Peer.Peer, isInterested: boolean): void => {
  if (peer.isInterested === isInterested) return
  peer.isInterested = isInterested
  torrent.choking.hasNews = true
}

/** Holds a round if one is due, or else fills slots that are free. */
export const run = (torrent: State.Torrent, turn: State.Turn): void => {
  if (turn.now < nextWake(torrent)) return
  const { choking } = torrent
  const isRound = turn.now >= choking.roundAt
  const peers: Array<Peer.Peer> = []
  for (const peer of torrent.peers.values()) if (peer.phase === "ready") peers.push(peer)
  if (isRound) choking.slots = Slots.adjust(choking.slots, observe(torrent, peers, turn.now))
  const decision = decide(torrent, peers, turn.now)
  if (isRound) {
    for (const peer of peers) apply(torrent, peer, decision, decision.unchoked.has(peer.conn), turn)
  } else fill(torrent, peers, decision, turn)
  choking.hasNews = false
  choking.ranAt = turn.now
  if (!peers.some(wantsData)) choking.roundAt = NEVER
  else if (isRound || choking.roundAt === NEVER) choking.roundAt = turn.now + Choker.ROUND_MS
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
const fill = (
  torrent: State.Torrent,
  peers: ReadonlyArray<Peer.Peer>,
  decision: Choker.Decision,
  turn: State.Turn,
): void => {
  let free = torrent.choking.slots.count
  for (const peer of peers) {
    if (peer.amChoking) continue
    if (wantsData(peer)) free--
    else apply(torrent, peer, decision, false, turn)
  }
  for (const conn of decision.unchoked) {
    const peer = torrent.peers.get(conn)!
    if (!peer.amChoking || free <= 0) continue
    apply(torrent, peer, decision, true, turn)
    free--
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
  const reason = reasons.get(peer.conn)!
  peer.reason = reason
  peer.isOptimistic = optimistic.has(peer.conn)
  if (isUnchoked !== peer.amChoking) return
  if (isUnchoked) Uploads.unchoke(peer, turn)
  else Uploads.choke(torrent, peer, turn)
  const { address } = peer
  const event = isUnchoked
    ? { _tag: "PeerUnchoked", address, reason } as const
    : { _tag: "PeerChoked", address, reason } as const
  turn.out.push({ _tag: "Emit", torrent: torrent.id, event })
}
