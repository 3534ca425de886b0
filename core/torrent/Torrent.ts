/**
 * One torrent as a machine: dispatch only. A step records what the input says, then decides once: due timers, trackers,
 * dialling, requests, HAVEs; and sends each peer what it has to hear as one write.
 *
 *      where is …?   choosing blocks   Picker, Requests       who gets uploads   Choker, Choking
 *                    depth of queue    Pipeline               from disk to peer  Uploads
 *                    wire messages     Messages               rate limits        Throttle
 *                    data and hashes   Blocks                 bad data           Blame, SmartBan
 *                    who has a place   Places, Turnover       time-outs          Timers
 *                    extensions        Extensions             peers of peers     Pex
 *                    the DHT           Lookups, DhtNodes      no end of it       Patience, Stall, SelfDoubt
 *                    handshakes        Introductions          ends, bans         Connections
 */
import type { Address } from "../base/Address.ts"
import type { Bytes } from "../base/Bytes.ts"
import * as Deadlines from "../base/Deadlines.ts"
import type { Millis } from "../base/Time.ts"
import type { Metainfo } from "../metainfo/Metainfo.ts"
import * as Encoder from "../wire/Encoder.ts"
import * as Bitfield from "./Bitfield.ts"
import * as Blocks from "./Blocks.ts"
import * as Candidates from "./Candidates.ts"
import * as Choking from "./Choking.ts"
import type { Command } from "./Command.ts"
import * as Connections from "./Connections.ts"
import * as Goals from "./Goals.ts"
import * as Haves from "./Haves.ts"
import type { ConnId, Input, TorrentId } from "./Input.ts"
import * as Extensions from "./Extensions.ts"
import * as Lookups from "./Lookups.ts"
import * as Messages from "./Messages.ts"
import type { Contact } from "./metadata/Contact.ts"
import type { Handover } from "./metadata/Handover.ts"
import type * as Peer from "./Peer.ts"
import * as Pex from "./Pex.ts"
import * as Places from "./Places.ts"
import * as Requests from "./Requests.ts"
import * as Reveals from "./Reveals.ts"
import * as Stall from "./Stall.ts"
import * as State from "./State.ts"
import type * as Throttle from "./Throttle.ts"
import * as Timers from "./Timers.ts"
import * as Trackers from "./Trackers.ts"
import * as Turn from "./Turn.ts"
import * as Uploads from "./Uploads.ts"

export type Torrent = State.Torrent

/** A torrent that has just been started, with its first commands; `inherited`: by the search for its metadata. */
export const start = (
  id: TorrentId,
  local: State.Local,
  throttle: Throttle.Throttle,
  metainfo: Metainfo,
  options: State.Options,
  now: Millis,
  inherited?: Handover,
): readonly [Torrent, ReadonlyArray<Command>] => {
  const torrent = State.make(id, local, throttle, metainfo, options, now, inherited)
  const turn = Turn.make(now, true)
  for (const contact of inherited?.contacts ?? []) adopt(torrent, contact, turn)
  if (State.isComplete(torrent)) completed(torrent, turn)
  Trackers.step(torrent, { _tag: "Start", now }, turn)
  decide(torrent, turn)
  return [torrent, turn.out]
}

/** One transition. Spends `torrent`. */
export const step = (torrent: Torrent, input: Input): readonly [Torrent, ReadonlyArray<Command>] => {
  // These two come for every few blocks, and say themselves whether anything follows from them.
  const turn = Turn.make(input.now, input._tag !== "ConnRead" && input._tag !== "Written")
  const before = torrent.haveBytes
  take(torrent, input, turn)
  if (Turn.isQuiet(turn) && turn.now < torrent.wakeAt) return [torrent, turn.out]
  if (torrent.haveBytes !== before && State.isComplete(torrent)) {
    completed(torrent, turn)
    // Of a part of the files nobody is told: to a tracker, who has completed is a seeder (BEP 3).
    if (Bitfield.isFull(torrent.have)) Trackers.step(torrent, { _tag: "Completed", now: turn.now }, turn)
  }
  decide(torrent, turn)
  return [torrent, turn.out]
}

/**
 * A peer that connected to us at `since` has named this torrent; `bytes` is all that it has sent so far. Spends `torrent`.
 */
export const accept = (
  torrent: Torrent,
  conn: ConnId,
  address: Address,
  since: Millis,
  bytes: Bytes,
  now: Millis,
): readonly [Torrent, ReadonlyArray<Command>] => {
  const turn = Turn.make(now, true)
  const peer = Places.accept(torrent, conn, address, since, turn)
  if (peer !== undefined) Messages.read(torrent, peer, bytes, turn)
  decide(torrent, turn)
  return [torrent, turn.out]
}

/** A connection goes on here: what its peer has said so far is taken in as if it came now. */
const adopt = (torrent: Torrent, contact: Contact, turn: State.Turn): void => {
  const news = turn.out.length
  const peer = Places.adopt(torrent, contact, turn)
  Messages.take(torrent, peer, contact.kept, turn)
  // Who listens has heard of this connection when it was made.
  const isOld = (command: Command) => command._tag === "Emit" && command.event._tag === "PeerConnected"
  turn.out.push(...turn.out.splice(news).filter((command) => !isOld(command)))
}

/** When a `Tick` would next change something; asked for anew after each decision, and by {@link rearm}. */
export const nextWake = (torrent: Torrent): Millis => torrent.wakeAt

/** Something besides its own steps has changed what the torrent may do, or when: asks anew. */
export const rearm = (torrent: Torrent, now: Millis): void => {
  torrent.wakeAt = torrent.phase === "running"
    ? Math.min(
      torrent.announceAt,
      torrent.lookups.at,
      Deadlines.next(torrent.timers),
      Places.nextDialAt(torrent, now),
      Places.nextTurnoverAt(torrent),
      Reveals.nextWake(torrent),
      Goals.nextWake(torrent),
      Haves.nextWake(torrent),
      Choking.nextWake(torrent),
      Pex.nextWake(torrent),
      Uploads.nextWake(torrent),
      Stall.nextWake(torrent),
    )
    : torrent.announceAt
}

/** The client has stopped or resumed reading from a peer: while it does not read, the peer cannot be late. */
export const setPaused = (torrent: Torrent, conn: ConnId, isPaused: boolean, now: Millis): void => {
  const peer = Connections.peerOf(torrent, conn)
  if (peer === undefined) return
  peer.isPaused = isPaused
  if (isPaused) return
  peer.resumedAt = now
  peer.lastReceivedAt = now
  peer.owedSince = now
  Timers.rearm(torrent, peer)
}

/** Facts first: what the input says, without choosing anything. */
const take = (torrent: Torrent, input: Input, turn: State.Turn): void => {
  switch (input._tag) {
    case "Tick":
      return
    case "ConnRead": {
      const peer = Connections.peerOf(torrent, input.conn)
      if (peer !== undefined) Messages.read(torrent, peer, input.bytes, turn)
      return
    }
    case "BlockRead":
      return Uploads.blockRead(torrent, input.conn, input.piece, input.begin, input.bytes, turn)
    case "BlocksRead":
      for (const { begin, bytes, conn, piece } of input.blocks) {
        Uploads.blockRead(torrent, conn, piece, begin, bytes, turn)
      }
      return
    case "ConnCongested":
    case "ConnDrained": {
      const peer = Connections.peerOf(torrent, input.conn)
      if (peer !== undefined) Uploads.setCongested(torrent, peer, input._tag === "ConnCongested")
      return
    }
    case "Written":
      return Blocks.written(torrent, input.piece, input.bytes, turn)
    case "PieceHashed":
      return Blocks.hashed(torrent, input.piece, input.digest, turn)
    case "BlocksHashed":
      return Blocks.blocksHashed(torrent, input.piece, input.digests, turn)
    case "ConnOpened": {
      const peer = Connections.peerOf(torrent, input.conn)
      if (peer !== undefined) Places.opened(torrent, peer, turn)
      return
    }
    case "ConnFailed":
    case "ConnClosed": {
      const peer = Connections.peerOf(torrent, input.conn)
      if (peer !== undefined) {
        Connections.gone(torrent, peer, turn, input.reason ?? "it closed the connection")
      }
      return
    }
    case "PeersFound":
      return Connections.found(torrent, input.addresses, input.source)
    case "LookedUp":
      return Lookups.end(
        torrent.lookups,
        input.answers === 0,
        Trackers.isStarved(torrent, turn.now),
        turn.now,
      )
    case "Announced":
      return Trackers.announced(torrent, input.tracker, input.response, turn)
    case "AnnounceFailed":
      return Trackers.failed(torrent, input.tracker, input.failure, turn)
    case "ReadFailed":
    case "StorageFailed":
      return storageFailed(torrent, input.reason, input.message, turn)
    case "Stop":
      torrent.phase = "stopped"
      return leave(torrent, turn, "stopped")
  }
}

/** Then decide, once for all that the input brought. */
const decide = (torrent: Torrent, turn: State.Turn): void => {
  if (torrent.phase === "running") {
    Timers.run(torrent, turn)
    if (State.isComplete(torrent)) closePointless(torrent, turn)
    Places.turnover(torrent, turn)
    Reveals.run(torrent, turn)
    Trackers.askIfStarved(torrent, turn)
    Lookups.run(torrent.lookups, lookupOf(torrent), turn.now, turn.out)
    Places.dial(torrent, turn)
    Choking.run(torrent, turn)
    Uploads.serve(torrent, turn)
    refill(torrent, turn)
    Haves.run(torrent, turn)
    Pex.run(torrent, turn)
    Goals.check(torrent, turn)
    Stall.run(torrent, turn)
  }
  if (turn.now >= torrent.announceAt) Trackers.step(torrent, { _tag: "Tick", now: turn.now }, turn)
  for (const peer of turn.touched) {
    flush(torrent, peer, turn)
    peer.isTouched = false
  }
  rearm(torrent, turn.now)
}

/** Those that were touched may have become of no use to us, nor we to them. */
const closePointless = (torrent: Torrent, turn: State.Turn): void => {
  for (const peer of [...turn.touched]) Connections.closeIfPointless(torrent, peer, turn)
}

/** Who has just answered goes first: between two blocks it must not look as if it had stopped. */
const refill = (torrent: Torrent, turn: State.Turn): void => {
  const { touched } = turn
  // Whoever is touched by this has been asked already.
  for (let i = 0, end = touched.length; i < end; i++) Requests.refill(torrent, touched[i]!, turn)
  if (turn.refillAll) { for (const peer of torrent.peers.values()) Requests.refill(torrent, peer, turn) }
}

/** What the step has to say to a peer leaves as one write. */
const flush = (torrent: Torrent, peer: Peer.Peer, turn: State.Turn): void => {
  if (Encoder.isEmpty(peer.encoder)) return
  Haves.join(torrent, peer, turn)
  peer.lastSentAt = turn.now
  Uploads.meter(torrent, peer, peer.encoder.length, turn.now)
  turn.out.push({ _tag: "Send", conn: peer.conn, chunks: Encoder.takeChunks(peer.encoder) })
}

const lookupOf = ({ have, id, metainfo }: Torrent) => ({
  id,
  infoHash: metainfo.infoHashBytes,
  isSeed: Bitfield.isFull(have),
})

/** Nothing is missing any more: from here on we are a seeder, and a connection between two seeds serves nobody. */
const completed = (torrent: Torrent, turn: State.Turn): void => {
  torrent.seedingSince = turn.now
  Candidates.seeding(torrent.candidates)
  turn.out.push({ _tag: "Emit", torrent: torrent.id, event: { _tag: "Completed" } })
  Extensions.tellUploadOnly(torrent, turn)
  for (const peer of [...torrent.peers.values()]) Connections.closeIfPointless(torrent, peer, turn)
}

/** The disk is the user's to mend: nothing is fetched that could not be kept. */
const storageFailed = (torrent: Torrent, reason: string, message: string, turn: State.Turn): void => {
  if (torrent.phase !== "running") return
  torrent.phase = "failed"
  turn.out.push({ _tag: "Emit", torrent: torrent.id, event: { _tag: "Failed", reason, message } })
  leave(torrent, turn, "the disk failed")
}

const leave = (torrent: Torrent, turn: State.Turn, reason: string): void => {
  Lookups.stop(torrent.lookups)
  for (const peer of [...torrent.peers.values()]) Connections.close(torrent, peer, turn, reason)
  Trackers.step(torrent, { _tag: "Stop", now: turn.now }, turn)
}
