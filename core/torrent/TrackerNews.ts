/** What whoever listens hears of a tracker, whether the torrent has its metadata or not. */
import type { Millis } from "../base/Time.ts"
import type { AnnounceResponse, TrackerFailure } from "../tracker/Announce.ts"
import * as Schedules from "../tracker/Schedules.ts"
import * as Url from "../tracker/Url.ts"
import type { Command } from "./Command.ts"
import type { TorrentId } from "./Input.ts"

/** A torrent, or the search for its metadata. */
interface Subject {
  readonly id: TorrentId
  readonly schedules: Schedules.Schedules
}

/** A tracker has answered. */
export const announced = (subject: Subject, tracker: number, response: AnnounceResponse): Command => ({
  _tag: "Emit",
  torrent: subject.id,
  event: {
    _tag: "TrackerAnnounced",
    url: Url.redact(urlOf(subject, tracker)),
    peers: response.peers.length,
    seeders: response.seeders,
    leechers: response.leechers,
    warning: response.warning,
    externalIp: response.externalIp,
  },
})

/** A tracker could not be asked, or refused; its schedule knows already when it is asked again. */
export const failed = (subject: Subject, tracker: number, failure: TrackerFailure, now: Millis): Command => ({
  _tag: "Emit",
  torrent: subject.id,
  event: {
    _tag: "TrackerFailed",
    url: Url.redact(urlOf(subject, tracker)),
    message: failure.message,
    retryInMs: Schedules.status(subject.schedules, now).find((status) => status.tracker === tracker)
      ?.nextAnnounceInMs,
  },
})

/** The announce URL of a tracker that was asked. */
export const urlOf = ({ schedules }: Subject, tracker: number): string => Schedules.urlOf(schedules, tracker)!
