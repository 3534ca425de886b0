/** Announcing a torrent whose size nobody knows yet. */
import type { Millis } from "../../base/Time.ts"
import * as Candidates from "../Candidates.ts"
import * as Limits from "../Limits.ts"
import type { AnnounceResponse, TrackerFailure } from "../../tracker/Announce.ts"
import type * as Schedule from "../../tracker/Schedule.ts"
import * as Schedules from "../../tracker/Schedules.ts"
import type * as State from "./State.ts"
import * as TrackerNews from "../TrackerNews.ts"

/** What is said to be missing: with 0 we would count as a seeder, and get no seeders' addresses (libtorrent: 16 KiB). */
export const LEFT_BYTES = 16_384

/** Lets the schedule take an input and sends what it decides. */
export const step = (fetching: State.Fetching, input: Schedule.Input, turn: State.Turn): void => {
  const [schedules, announces] = Schedules.step(fetching.schedules, input)
  fetching.schedules = schedules
  fetching.announceAt = Schedules.nextWake(schedules)
  const { infoHash, local } = fetching
  for (const { tracker, url, event, trackerId } of announces) {
    turn.out.push({
      _tag: "Announce",
      torrent: fetching.id,
      tracker,
      url,
      request: {
        infoHash,
        peerId: local.peerId,
        port: local.port,
        uploadedBytes: 0,
        downloadedBytes: 0,
        leftBytes: LEFT_BYTES,
        event,
        numWant: event === "stopped" ? 0 : Limits.NUM_WANT,
        key: local.key,
        ...(trackerId === undefined ? {} : { trackerId }),
      },
    })
  }
}

/** A tracker has answered: its peers become candidates. */
export const announced = (
  fetching: State.Fetching,
  tracker: number,
  response: AnnounceResponse,
  turn: State.Turn,
): void => {
  for (const address of response.peers) {
    Candidates.add(fetching.candidates, address, "tracker", fetching.rng)
  }
  turn.out.push(TrackerNews.announced(fetching, tracker, response))
  step(fetching, { _tag: "Succeeded", now: turn.now, tracker, response }, turn)
}

/** A tracker could not be asked, or refused. */
export const failed = (
  fetching: State.Fetching,
  tracker: number,
  failure: TrackerFailure,
  turn: State.Turn,
): void => {
  step(fetching, { _tag: "Failed", now: turn.now, tracker, failure }, turn)
  turn.out.push(TrackerNews.failed(fetching, tracker, failure, turn.now))
}

/** Asks for more peers before the interval is over, where too few are left that could have the metadata. */
export const askIfStarved = (fetching: State.Fetching, turn: State.Turn): void => {
  if (isStarved(fetching, turn.now)) step(fetching, { _tag: "WantPeers", now: turn.now }, turn)
}

/** The metadata is missing, and there are too few peers that it could come from. */
export const isStarved = (fetching: State.Fetching, now: Millis): boolean => {
  if (fetching.phase !== "fetching" || fetching.contacts.size >= Limits.STARVED_BELOW) return false
  return fetching.contacts.size + Candidates.dialableCount(fetching.candidates, now) < Limits.STARVED_BELOW
}
