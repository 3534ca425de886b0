/** What people want to know of a torrent, as plain values. */
import * as Rate from "../base/Rate.ts"
import type { Millis } from "../base/Time.ts"
import * as Geometry from "../metainfo/Geometry.ts"
import type { Metainfo } from "../metainfo/Metainfo.ts"
import * as Bitfield from "../torrent/Bitfield.ts"
import * as Candidates from "../torrent/Candidates.ts"
import * as State from "../torrent/State.ts"
import * as Http from "../tracker/Http.ts"
import * as Schedule from "../tracker/Schedule.ts"

/** How far the check of existing data is. */
export interface Checked {
  readonly doneBytes: number
  readonly totalBytes: number
}

export interface Snapshot {
  readonly state: "checking" | "downloading" | "complete" | "stopped" | "failed"
  /** Bytes of the pieces that were selected. */
  readonly wantedBytes: number
  /** Of those, verified on the disk. */
  readonly haveBytes: number
  /** Payload received in this run, wasted bytes included. */
  readonly downloadedBytes: number
  readonly uploadedBytes: number
  /** Payload of no use: duplicates, late blocks, bad pieces. */
  readonly wastedBytes: number
  readonly downloadRateBytesPerSec: number
  readonly uploadRateBytesPerSec: number
  /** Handshake done. */
  readonly peersConnected: number
  readonly peersKnown: number
  readonly piecesHave: number
  readonly pieceCount: number
  readonly hashFailures: number
  /** While `state` is `checking`. */
  readonly checked?: Checked
}

/** The figures of a torrent at `now`. */
export const of = (torrent: State.Torrent, now: Millis): Snapshot => ({
  state: torrent.phase !== "running" ? torrent.phase : State.isComplete(torrent) ? "complete" : "downloading",
  wantedBytes: torrent.wantedBytes,
  haveBytes: torrent.haveBytes,
  downloadedBytes: torrent.downloadRate.totalBytes,
  uploadedBytes: torrent.uploadedBytes,
  wastedBytes: torrent.wastedBytes,
  downloadRateBytesPerSec: Rate.bytesPerSec(torrent.downloadRate, now),
  uploadRateBytesPerSec: 0,
  peersConnected: readyPeers(torrent),
  peersKnown: Candidates.size(torrent.candidates),
  piecesHave: torrent.have.count,
  pieceCount: torrent.metainfo.geometry.pieceCount,
  hashFailures: torrent.hashFailures,
})

/** The figures of a torrent whose existing data is still being looked at. */
export const checking = (
  metainfo: Metainfo,
  selection: ReadonlySet<number> | undefined,
  checked: Checked,
): Snapshot => {
  let wantedBytes = 0
  for (const piece of Bitfield.pieces(State.wantedPieces(metainfo, selection))) {
    wantedBytes += Geometry.pieceLength(metainfo.geometry, piece)
  }
  return {
    state: "checking",
    wantedBytes,
    haveBytes: 0,
    downloadedBytes: 0,
    uploadedBytes: 0,
    wastedBytes: 0,
    downloadRateBytesPerSec: 0,
    uploadRateBytesPerSec: 0,
    peersConnected: 0,
    peersKnown: 0,
    piecesHave: 0,
    pieceCount: metainfo.geometry.pieceCount,
    hashFailures: 0,
    checked,
  }
}

const readyPeers = (torrent: State.Torrent): number => {
  let count = 0
  for (const peer of torrent.peers.values()) if (peer.phase === "ready") count++
  return count
}

/**
 * Why there is nobody to download from, in one sentence with the last failure; `undefined` while there is hope. Hope
 * ends when nothing was ever received, and every tracker and every known address has failed `times` times in a row.
 */
export const hopeless = (torrent: State.Torrent, times: number): string | undefined => {
  if (torrent.phase !== "running" || State.isComplete(torrent)) return undefined
  if (torrent.downloadRate.totalBytes > 0 || readyPeers(torrent) > 0) return undefined
  const { trackers } = torrent.schedule
  if (trackers.length > 0 && Schedule.allFailedTimes(torrent.schedule) < times) return undefined
  for (const { failures } of torrent.candidates.byId.values()) if (failures < times) return undefined
  if (trackers.length === 0 && torrent.candidates.byId.size === 0) {
    return "the torrent names no tracker; give a peer with --peer HOST:PORT"
  }
  const status = Schedule.status(torrent.schedule, 0).find((one) => one.failureMessage !== undefined)
  if (status === undefined) return "no peer could be reached; check the addresses given with --peer"
  const tracker = `tracker ${Http.redact(status.url)}: ${status.failureMessage}`
  return `no peers: ${tracker}; try again later, or give a peer with --peer HOST:PORT`
}
