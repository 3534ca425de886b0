/** What one torrent knows. Big tables inside are updated in place: the torrent's step spends them. */
import type { Bytes } from "../base/Bytes.ts"
import * as Deadlines from "../base/Deadlines.ts"
import * as Rate from "../base/Rate.ts"
import * as Rng from "../base/Rng.ts"
import type { Millis } from "../base/Time.ts"
import * as Geometry from "../metainfo/Geometry.ts"
import type { Metainfo } from "../metainfo/Metainfo.ts"
import * as Schedule from "../tracker/Schedule.ts"
import * as Bitfield from "./Bitfield.ts"
import * as Candidates from "./Candidates.ts"
import type { Command } from "./Command.ts"
import type { ConnId, TorrentId } from "./Input.ts"
import type { Peer } from "./Peer.ts"
import * as Picker from "./Picker.ts"

/** Who we are, the same for all torrents of a client. Mutable only in the counter of connections. */
export interface Local {
  readonly peerId: Bytes
  /** Announced to trackers: where we listen. */
  readonly port: number
  /** Lets a tracker know us again when our address changes (BEP 15). */
  readonly key: number
  /** For the extended handshake's `v` (BEP 10). */
  readonly clientName: string
  nextConn: ConnId
}

/** What a torrent is asked to do. */
export interface Options {
  /** Pieces that are already verified on the disk. Owned by the torrent from here on. */
  readonly have: Bitfield.Bitfield
  /** File indexes to download; absent: all. */
  readonly selection?: ReadonlySet<number>
  readonly strategy: Picker.Strategy
  readonly maxPeers: number
  readonly seed: number
}

/** Bytes of a piece on their way to the disk; the hash may be asked for once none are. */
export interface PieceWrites {
  issuedBytes: number
  writtenBytes: number
  isHashing: boolean
}

export interface Torrent {
  readonly id: TorrentId
  readonly local: Local
  readonly metainfo: Metainfo
  /** `failed`: the disk; `stopped`: the user. Neither ends. */
  phase: "running" | "stopped" | "failed"
  readonly have: Bitfield.Bitfield
  readonly wanted: Bitfield.Bitfield
  /** Bytes of wanted pieces, in all and verified. */
  readonly wantedBytes: number
  haveBytes: number
  readonly picker: Picker.Picker
  readonly peers: Map<ConnId, Peer>
  readonly maxPeers: number
  /** Peers that are being dialled. */
  halfOpen: number
  readonly candidates: Candidates.Candidates
  schedule: Schedule.Schedule
  readonly rng: Rng.Rng
  /** When each peer's own timers are next looked at: never later than they are due. */
  readonly timers: Deadlines.Deadlines
  readonly writes: Map<Geometry.PieceIndex, PieceWrites>
  /** Verified, and not yet told to the peers. */
  readonly untold: Array<Geometry.PieceIndex>
  readonly downloadRate: Rate.Rate
  /** Payload that was of no use: duplicates, blocks that came too late, bad pieces. */
  wastedBytes: number
  uploadedBytes: number
  hashFailures: number
}

/** One step's working set: the time, the commands so far, and the peers that it touched. */
export interface Turn {
  readonly now: Millis
  readonly out: Array<Command>
  /** Peers that may have something to be sent or could take another request. */
  readonly touched: Set<Peer>
  /** Blocks have become free, or end game has begun: every peer may take a request. */
  refillAll: boolean
}

export const make = (
  id: TorrentId,
  local: Local,
  metainfo: Metainfo,
  options: Options,
  now: Millis,
): Torrent => {
  const { geometry } = metainfo
  const rng = Rng.make(options.seed)
  const wanted = wantedPieces(metainfo, options.selection)
  let wantedBytes = 0
  let haveBytes = 0
  for (const piece of Geometry.pieces(geometry)) {
    if (!Bitfield.get(wanted, piece)) continue
    const bytes = Geometry.pieceLength(geometry, piece)
    wantedBytes += bytes
    if (Bitfield.get(options.have, piece)) haveBytes += bytes
  }
  return {
    id,
    local,
    metainfo,
    phase: "running",
    have: options.have,
    wanted,
    wantedBytes,
    haveBytes,
    picker: Picker.make(geometry, { have: options.have, wanted, strategy: options.strategy, rng }),
    peers: new Map(),
    maxPeers: options.maxPeers,
    halfOpen: 0,
    candidates: Candidates.make(),
    schedule: Schedule.make({ tiers: metainfo.trackers, rng }),
    rng,
    timers: Deadlines.make(),
    writes: new Map(),
    untold: [],
    downloadRate: Rate.make(now),
    wastedBytes: 0,
    uploadedBytes: 0,
    hashFailures: 0,
  }
}

/** The pieces that selected files lie in; padding files are never selected for their own sake. */
export const wantedPieces = (
  metainfo: Metainfo,
  selection: ReadonlySet<number> | undefined,
): Bitfield.Bitfield => {
  const { geometry } = metainfo
  if (selection === undefined) return Bitfield.full(geometry.pieceCount)
  const wanted = Bitfield.make(geometry.pieceCount)
  for (const fileIndex of selection) {
    const span = Geometry.piecesOfFile(geometry, fileIndex)
    if (span === undefined || metainfo.files[fileIndex]!.isPadding) continue
    for (let piece = span.first; piece <= span.last; piece++) Bitfield.set(wanted, piece)
  }
  return wanted
}

/** Every wanted piece is verified. */
export const isComplete = (torrent: Torrent): boolean => torrent.haveBytes === torrent.wantedBytes
