/** What people want to know while metadata is fetched, as plain values. */
import type { Millis } from "../../base/Time.ts"
import * as Schedules from "../../tracker/Schedules.ts"
import * as Url from "../../tracker/Url.ts"
import * as Candidates from "../Candidates.ts"
import * as Lookups from "../Lookups.ts"
import * as Attempt from "./Attempt.ts"
import * as Contact from "./Contact.ts"
import type { Fetching } from "./State.ts"

/** How far the metadata of a magnet link is. */
export interface Figures {
  /** Of the attempt that is nearest to its end. */
  readonly haveBytes: number
  /** What its peers claim; 0: nobody has said yet. */
  readonly totalBytes: number
  /** Handshake done. */
  readonly peersConnected: number
  /** Of those, who offer the metadata. */
  readonly holders: number
  readonly peersKnown: number
  /** Wholes whose hash was wrong. */
  readonly mismatches: number
  /** Claims of a size beyond the limit. */
  readonly oversized: number
}

export const of = (fetching: Fetching): Figures => {
  const { attempts, candidates, contacts, foundBytes, mismatches, oversized } = fetching
  let best = { haveBytes: foundBytes, totalBytes: foundBytes }
  for (const attempt of attempts) {
    const haveBytes = Attempt.haveBytes(attempt)
    if (best.totalBytes === 0 || haveBytes > best.haveBytes) {
      best = { haveBytes, totalBytes: attempt.totalBytes }
    }
  }
  let peersConnected = 0
  let holders = 0
  for (const contact of contacts.values()) {
    if (contact.phase === "ready") peersConnected++
    if (Contact.isHolder(contact)) holders++
  }
  const peersKnown = Candidates.size(candidates)
  return { ...best, peersConnected, holders, peersKnown, mismatches, oversized }
}

/**
 * Why nobody is there to give the metadata, in one sentence; `undefined` while there is hope. Hope ends when nobody is
 * connected, and every tracker and every known address has failed `times` times in a row.
 */
export const hopeless = (fetching: Fetching, times: number, now: Millis): string | undefined => {
  const { candidates, contacts, oversized, phase, schedules } = fetching
  if (phase !== "fetching") return undefined
  for (const contact of contacts.values()) if (contact.phase === "ready") return undefined
  if (Lookups.isHopeful(fetching.lookups, times)) return undefined
  const trackers = Schedules.size(schedules)
  if (trackers > 0 && Schedules.allFailedTimes(schedules) < times) return undefined
  let known = 0
  for (const { failures, status } of candidates.byId.values()) {
    // Who was banned, and we ourselves, will never be dialled.
    if (status === "excluded") continue
    if (failures < times) return undefined
    known++
  }
  const isTurnedAway = candidates.banned.size > 0 || candidates.byId.size > known
  if (trackers === 0 && known === 0) {
    return isTurnedAway
      ? "no peer that is left has the torrent's metadata; give another one with --peer HOST:PORT"
      : Lookups.inVain(fetching.lookups) ??
        "the link names neither a tracker nor a peer; give a peer with --peer HOST:PORT"
  }
  const status = Schedules.status(schedules, now).find((one) => one.failureMessage !== undefined)
  if (status !== undefined) {
    const tracker = `tracker ${Url.redact(status.url)}: ${status.failureMessage}`
    return `no peers to get the metadata from: ${tracker}; try again later, or give a peer with --peer HOST:PORT`
  }
  return oversized > 0
    ? "the peers offer more metadata than any torrent has"
    : "no peer gave the metadata; check the addresses of the link and of --peer"
}
