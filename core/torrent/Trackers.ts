/** The torrent's side of announcing: what the schedule decides, filled with our numbers, and what comes of the answers. */
import * as IpBytes from "../base/IpBytes.ts"
import type { Millis } from "../base/Time.ts"
import type { AnnounceResponse, TrackerFailure } from "../tracker/Announce.ts"
import * as Geometry from "../metainfo/Geometry.ts"
import type * as Schedule from "../tracker/Schedule.ts"
import * as Schedules from "../tracker/Schedules.ts"
import * as Bitfield from "./Bitfield.ts"
import * as Candidates from "./Candidates.ts"
import * as Connections from "./Connections.ts"
import * as ExternalAddress from "./ExternalAddress.ts"
import * as Limits from "./Limits.ts"
import * as Places from "./Places.ts"
import * as State from "./State.ts"
import * as TrackerNews from "./TrackerNews.ts"

/** Lets the schedule take an input and sends what it decides. */
export const step = (torrent: State.Torrent, input: Schedule.Input, turn: State.Turn): void => {
  const [schedules, announces] = Schedules.step(torrent.schedules, input)
  torrent.schedules = schedules
  torrent.announceAt = Schedules.nextWake(schedules)
  for (const { tracker, url, event, trackerId } of announces) {
    turn.out.push({
      _tag: "Announce",
      torrent: torrent.id,
      tracker,
      url,
      request: {
        infoHash: torrent.metainfo.infoHashBytes,
        peerId: torrent.local.peerId,
        port: torrent.local.port,
        uploadedBytes: torrent.uploadRate.totalBytes,
        downloadedBytes: torrent.downloadRate.totalBytes,
        leftBytes: missingBytes(torrent),
        event,
        // A seeder looks for peers as well: those that cannot be reached from outside wait to be dialled.
        numWant: event === "stopped" || !Places.wantsPeers(torrent) ? 0 : Limits.NUM_WANT,
        key: torrent.local.key,
        ...(trackerId === undefined ? {} : { trackerId }),
      },
    })
  }
}

/** Of the whole torrent, not of the selected files: with nothing left a tracker would count us as a seeder (BEP 3). */
const missingBytes = ({ have, metainfo: { geometry } }: State.Torrent): number => {
  let bytes = 0
  for (const piece of Geometry.pieces(geometry)) {
    if (!Bitfield.get(have, piece)) bytes += Geometry.pieceLength(geometry, piece)
  }
  return bytes
}

/** A tracker has answered: its peers become candidates. */
export const announced = (
  torrent: State.Torrent,
  tracker: number,
  response: AnnounceResponse,
  turn: State.Turn,
): void => {
  Connections.found(torrent, response.peers, "tracker")
  const seen = response.externalIp === undefined ? undefined : IpBytes.fromText(response.externalIp)
  if (seen !== undefined) ExternalAddress.told(torrent, TrackerNews.urlOf(torrent, tracker), seen, turn)
  turn.out.push(TrackerNews.announced(torrent, tracker, response))
  step(torrent, { _tag: "Succeeded", now: turn.now, tracker, response }, turn)
}

/** A tracker could not be asked, or refused. */
export const failed = (
  torrent: State.Torrent,
  tracker: number,
  failure: TrackerFailure,
  turn: State.Turn,
): void => {
  step(torrent, { _tag: "Failed", now: turn.now, tracker, failure }, turn)
  turn.out.push(TrackerNews.failed(torrent, tracker, failure, turn.now))
}

/** Asks for more peers before the interval is over, where so few are left that the download would stall. */
export const askIfStarved = (torrent: State.Torrent, turn: State.Turn): void => {
  const { now } = turn
  // A download from one peer is starved at every step.
  if (now < torrent.announceAt && !Schedules.canHurry(torrent.schedules, now)) return
  if (isStarved(torrent, now)) step(torrent, { _tag: "WantPeers", now }, turn)
}

/** Something is missing, and there are too few peers that it could come from. */
export const isStarved = (torrent: State.Torrent, now: Millis): boolean => {
  if (torrent.phase !== "running" || State.isComplete(torrent)) return false
  // Counting candidates walks through them: not on every step of a torrent that has peers.
  if (torrent.peers.size >= Limits.STARVED_BELOW) return false
  return torrent.peers.size + Candidates.dialableCount(torrent.candidates, now) < Limits.STARVED_BELOW
}
