/** What people want to know of a torrent, as plain values. */
import type { Address } from "../base/Address.ts"
import * as Rate from "../base/Rate.ts"
import type { Millis } from "../base/Time.ts"
import * as Geometry from "../metainfo/Geometry.ts"
import type { Metainfo } from "../metainfo/Metainfo.ts"
import * as Bitfield from "../torrent/Bitfield.ts"
import * as Candidates from "../torrent/Candidates.ts"
import type * as Choker from "../torrent/Choker.ts"
import type { ConnId, PeerSource } from "../torrent/Input.ts"
import type { Fetching } from "../torrent/metadata/Fetching.ts"
import * as Figures from "../torrent/metadata/Figures.ts"
import * as Lookups from "../torrent/Lookups.ts"
import * as State from "../torrent/State.ts"
import * as Schedules from "../tracker/Schedules.ts"
import * as Url from "../tracker/Url.ts"

/** How far the check of existing data is. */
export interface Checked {
  readonly doneBytes: number
  readonly totalBytes: number
}

export interface Snapshot {
  /** `metadata`: of a magnet link whose metadata is not here yet; all figures but those of peers are 0 then. */
  readonly state: "metadata" | "checking" | "downloading" | "complete" | "stopped" | "failed"
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
  /** Bytes given away for each byte wanted, earlier runs included. */
  readonly ratio: number
  /** Handshake done. */
  readonly peersConnected: number
  readonly peersKnown: number
  readonly piecesHave: number
  readonly pieceCount: number
  readonly hashFailures: number
  /** While `state` is `checking`. */
  readonly checked?: Checked
  /** While `state` is `metadata`. */
  readonly metadata?: Figures.Figures
}

/** What people want to know of one connected peer. */
export interface PeerSnapshot {
  readonly conn: ConnId
  readonly address: Address
  /** The peer's program, as it says. */
  readonly client: string
  /** The peer connected to us. */
  readonly isIncoming: boolean
  /** Who told us of its address; `incoming`: itself. */
  readonly source: PeerSource
  /** The peer chokes us. */
  readonly isChoking: boolean
  /** The peer wants something from us. */
  readonly isInterested: boolean
  /** We choke the peer. */
  readonly amChoking: boolean
  /** We want something from the peer. */
  readonly amInterested: boolean
  readonly isSnubbed: boolean
  /** It has every piece. */
  readonly isSeed: boolean
  /** Why we choke it or don't; `undefined` until that was first decided. */
  readonly reason: Choker.Reason | undefined
  /** How much of the torrent it says that it has, 0 to 1. */
  readonly pieceFraction: number
  /** From the peer to us; payload, as the next three. */
  readonly downloadRateBytesPerSec: number
  readonly uploadRateBytesPerSec: number
  readonly downloadedBytes: number
  readonly uploadedBytes: number
}

/** The figures of a torrent at `now`. */
export const of = (torrent: State.Torrent, now: Millis): Snapshot => ({
  state: torrent.phase !== "running" ? torrent.phase : State.isComplete(torrent) ? "complete" : "downloading",
  wantedBytes: torrent.wantedBytes,
  haveBytes: torrent.haveBytes,
  downloadedBytes: torrent.downloadRate.totalBytes,
  uploadedBytes: torrent.uploadRate.totalBytes,
  wastedBytes: torrent.wastedBytes,
  downloadRateBytesPerSec: Rate.bytesPerSec(torrent.downloadRate, now),
  uploadRateBytesPerSec: Rate.bytesPerSec(torrent.uploadRate, now),
  ratio: State.ratio(torrent),
  peersConnected: readyPeers(torrent),
  peersKnown: Candidates.size(torrent.candidates),
  piecesHave: torrent.have.count,
  pieceCount: torrent.metainfo.geometry.pieceCount,
  hashFailures: torrent.hashFailures,
})

/** What a torrent is before it has begun. */
const NOTHING = {
  wantedBytes: 0,
  haveBytes: 0,
  downloadedBytes: 0,
  uploadedBytes: 0,
  wastedBytes: 0,
  downloadRateBytesPerSec: 0,
  uploadRateBytesPerSec: 0,
  ratio: 0,
  peersConnected: 0,
  peersKnown: 0,
  piecesHave: 0,
  pieceCount: 0,
  hashFailures: 0,
} as const

/** The figures of a magnet link whose metadata is being fetched; `undefined`: it has not begun, or is over. */
export const fetching = (search: Fetching | undefined): Snapshot => {
  if (search === undefined) return { state: "metadata", ...NOTHING }
  const metadata = Figures.of(search)
  const { peersConnected, peersKnown } = metadata
  return { state: "metadata", ...NOTHING, peersConnected, peersKnown, metadata }
}

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
    ...NOTHING,
    wantedBytes,
    pieceCount: metainfo.geometry.pieceCount,
    checked,
  }
}

/** The connected peers of a torrent, in the order in which they were dialled or accepted. */
export const peers = (torrent: State.Torrent, now: Millis): ReadonlyArray<PeerSnapshot> => {
  const pieceCount = Math.max(1, torrent.metainfo.geometry.pieceCount)
  const list: Array<PeerSnapshot> = []
  for (const peer of torrent.peers.values()) {
    if (peer.phase !== "ready") continue
    list.push({
      conn: peer.conn,
      address: peer.address,
      client: peer.client,
      isIncoming: peer.conn < 0,
      source: Candidates.sourceOf(torrent.candidates, peer.listening ?? peer.address) ?? "incoming",
      isChoking: peer.isChoking,
      isInterested: peer.isInterested,
      amChoking: peer.amChoking,
      amInterested: peer.amInterested,
      isSnubbed: peer.isSnubbed,
      isSeed: Bitfield.isFull(peer.has),
      reason: peer.reason,
      pieceFraction: peer.has.count / pieceCount,
      downloadRateBytesPerSec: Rate.bytesPerSec(peer.downloadRate, now),
      uploadRateBytesPerSec: Rate.bytesPerSec(peer.uploadRate, now),
      downloadedBytes: peer.downloadRate.totalBytes,
      uploadedBytes: peer.uploadRate.totalBytes,
    })
  }
  return list
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
  if (Lookups.isHopeful(torrent.lookups, times)) return undefined
  const trackers = Schedules.size(torrent.schedules)
  if (trackers > 0 && Schedules.allFailedTimes(torrent.schedules) < times) return undefined
  for (const { failures } of torrent.candidates.byId.values()) if (failures < times) return undefined
  if (trackers === 0 && torrent.candidates.byId.size === 0) {
    return Lookups.inVain(torrent.lookups) ??
      "the torrent names no tracker; give a peer with --peer HOST:PORT"
  }
  const status = Schedules.status(torrent.schedules, 0).find((one) => one.failureMessage !== undefined)
  if (status === undefined) return "no peer could be reached; check the addresses given with --peer"
  const tracker = `tracker ${Url.redact(status.url)}: ${status.failureMessage}`
  return `no peers: ${tracker}; try again later, or give a peer with --peer HOST:PORT`
}
