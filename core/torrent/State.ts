/** What one torrent knows. Big tables inside are updated in place: the torrent's step spends them. */
import type { Bytes } from "../base/Bytes.ts"
import * as Deadlines from "../base/Deadlines.ts"
import * as Rate from "../base/Rate.ts"
import * as Rng from "../base/Rng.ts"
import { type Millis, NEVER } from "../base/Time.ts"
import * as Geometry from "../metainfo/Geometry.ts"
import type { Metainfo } from "../metainfo/Metainfo.ts"
import * as Schedules from "../tracker/Schedules.ts"
import * as Bitfield from "./Bitfield.ts"
import * as Candidates from "./Candidates.ts"
import type * as Choker from "./Choker.ts"
import * as Slots from "./choke/Slots.ts"
import * as Crowd from "./Crowd.ts"
import type * as Dials from "./Dials.ts"
import type * as ExternalAddress from "./ExternalAddress.ts"
import type * as Goals from "./Goals.ts"
import * as Haves from "./Haves.ts"
import type { ConnId, TorrentId } from "./Input.ts"
import * as Lookups from "./Lookups.ts"
import * as Limits from "./Limits.ts"
import type { Handover } from "./metadata/Handover.ts"
import type { Peer } from "./Peer.ts"
import * as Pex from "./Pex.ts"
import * as Picker from "./Picker.ts"
import * as SelfDoubt from "./SelfDoubt.ts"
import * as SmartBan from "./SmartBan.ts"
import * as SuperSeed from "./SuperSeed.ts"
import * as Throttle from "./Throttle.ts"
import * as Turnover from "./Turnover.ts"

export type { Turn } from "./Turn.ts"

/** The connections of all torrents of a client together. */
export interface Load {
  maxConnections: number
  /** Dialled or accepted, and not ended. Those that have not named a torrent yet are no torrent's. */
  connections: number
  /** Of those, being dialled. */
  halfOpen: number
  /** How fast. */
  readonly dials: Dials.Dials
}

/** Who we are, the same for all torrents of a client. Mutable only in the counters of connections. */
export interface Local {
  readonly peerId: Bytes
  /** Announced to trackers: where we listen. */
  readonly port: number
  /** Lets a tracker know us again when our address changes (BEP 15). */
  readonly key: number
  /** For the extended handshake's `v` (BEP 10). */
  readonly clientName: string
  /** Where our DHT node listens (BEP 5); absent: we have none. */
  readonly dhtPort?: number | undefined
  /** What others say of our address. */
  readonly external: ExternalAddress.ExternalAddress
  nextConn: ConnId
  readonly load: Load
}

/** What of it is for others to say. */
export type Identity = Omit<Local, "external" | "load" | "nextConn">

/** What a torrent is asked to do. */
export interface Options {
  /** Pieces that are already verified on the disk. Owned by the torrent from here on. */
  readonly have: Bitfield.Bitfield
  /** File indexes to download; absent: all. */
  readonly selection?: ReadonlySet<number>
  readonly strategy: Picker.Strategy
  readonly maxPeers: number
  readonly seed: number
  /** Who may download from us while we download, and once we have all we want; and how many at a time. */
  readonly choker: {
    readonly leeching: Choker.PolicyName
    readonly seeding: Choker.PolicyName
    readonly slots: Slots.Rule
  }
  /** `seed`: what is there is all that is wanted, and nothing is ever written. */
  readonly mode: "download" | "seed"
  /** If everything is there: show each peer other pieces, until every piece has been seen with somebody else (BEP 16). */
  readonly superSeed: boolean
  /** Peers tell each other of others (BEP 11). Never in a private torrent (BEP 27). */
  readonly isPexEnabled: boolean
  /** Everything counts, the protocol's own bytes too; 0: unlimited. */
  readonly maxDownloadRateBytesPerSec: number
  readonly maxUploadRateBytesPerSec: number
  /** When seeding has done its part; `undefined`: never. */
  readonly goals: Goals.Goals
  /** One tracker of every tier hears of us, instead of the first that answers (BEP 12). */
  readonly announceToAllTiers: boolean
  /** Payload of earlier runs, so that the ratio counts them. */
  readonly uploadedBytes: number
  readonly downloadedBytes: number
}

/** What everybody may leave as it is: `{ ...defaults, have, seed }`. */
export const defaults = {
  strategy: "rarest",
  maxPeers: 50,
  choker: { leeching: "tit-for-tat", seeding: "round-robin", slots: { _tag: "Fixed", slots: 8 } },
  mode: "download",
  superSeed: false,
  isPexEnabled: true,
  maxDownloadRateBytesPerSec: 0,
  maxUploadRateBytesPerSec: 0,
  goals: { ratio: undefined, seedMs: undefined },
  announceToAllTiers: false,
  uploadedBytes: 0,
  downloadedBytes: 0,
} as const satisfies Omit<Options, "have" | "selection" | "seed">

/** Bytes of a piece on their way to the disk; the hash may be asked for once none are. */
export interface PieceWrites {
  issuedBytes: number
  writtenBytes: number
  isHashing: boolean
}

/** No connection's number: several have written parts of a block, and none of them can be blamed for it. */
export const MIXED: ConnId = 0

/** The choker's calendar. */
export interface Choking {
  slots: Slots.Slots
  /** The next round; NEVER while nobody wants anything. */
  roundAt: Millis
  /** When somebody was last looked at. */
  ranAt: Millis
  /** A slot has fallen free, or somebody wants one: free slots are filled without waiting for the round. */
  hasNews: boolean
  /** Who has a slot, in the order of getting it. */
  readonly unchoked: Array<ConnId>
  /** When one of them may have gone without a use for it for too long. */
  idleAt: Millis
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
  /** Whom they lead to. */
  readonly crowd: Crowd.Crowd
  /** Peers that are being dialled. */
  halfOpen: number
  readonly candidates: Candidates.Candidates
  /** `undefined`: the torrent is private, or the user wants none. */
  readonly pex: Pex.Pex | undefined
  /** When the next peers may have to go for better ones. */
  turnoverAt: Millis
  readonly smartBan: SmartBan.SmartBan
  readonly selfDoubt: SelfDoubt.SelfDoubt
  /** When a download that gets no block any more is told to be stalled. */
  stalledAt: Millis
  /** `undefined`: we seed as anybody does, or don't. */
  superSeed: SuperSeed.SuperSeed | undefined
  readonly goals: Goals.Goals
  /** Since when every wanted piece is verified, in this run. */
  seedingSince: Millis | undefined
  isGoalReached: boolean
  readonly lookups: Lookups.Lookups
  schedules: Schedules.Schedules
  /** When the schedule next wants a tick: kept, since every step asks. */
  announceAt: Millis
  /** When the torrent next wants a tick, as of its last decision. */
  wakeAt: Millis
  readonly rng: Rng.Rng
  /** When each peer's own timers are next looked at: never later than they are due. */
  readonly timers: Deadlines.Deadlines
  readonly writes: Map<Geometry.PieceIndex, PieceWrites>
  /** Who writes each block that comes in parts, or {@link MIXED}; forgotten when it is whole, or its piece is judged. */
  readonly writers: Map<Geometry.BlockIndex, ConnId>
  /** Verified pieces, as far as the peers are to hear of them. */
  readonly haves: Haves.Haves
  /** Shared by all torrents of the client. */
  readonly throttle: Throttle.Throttle
  readonly buckets: Throttle.Buckets
  readonly choker: Options["choker"]
  readonly choking: Choking
  /** Peers for whom something could be read from the disk, next first; not empty between two steps only while a limit holds them. */
  readonly serving: Set<ConnId>
  /** Payload of this run, as in `uploadRate`. */
  readonly downloadRate: Rate.Rate
  readonly uploadRate: Rate.Rate
  /** Payload of earlier runs. */
  readonly earlier: { readonly uploadedBytes: number; readonly downloadedBytes: number }
  /** Payload that was of no use: duplicates, blocks that came too late, bad pieces. */
  wastedBytes: number
  hashFailures: number
}

export const make = (
  id: TorrentId,
  local: Local,
  throttle: Throttle.Throttle,
  metainfo: Metainfo,
  options: Options,
  now: Millis,
  inherited?: Handover,
): Torrent => {
  const { geometry } = metainfo
  const rng = Rng.make(options.seed)
  const wanted = options.mode === "seed"
    ? Bitfield.copy(options.have)
    : wantedPieces(metainfo, options.selection)
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
    crowd: Crowd.make(),
    halfOpen: 0,
    candidates: inherited?.candidates ?? Candidates.make(),
    pex: options.isPexEnabled && !metainfo.isPrivate ? Pex.make() : undefined,
    turnoverAt: now + Turnover.INTERVAL_MS,
    smartBan: SmartBan.make(),
    selfDoubt: SelfDoubt.make(),
    stalledAt: now + Limits.STALLED_AFTER,
    superSeed: options.superSeed && Bitfield.isFull(options.have) ? SuperSeed.make() : undefined,
    goals: options.goals,
    seedingSince: undefined,
    isGoalReached: false,
    lookups: lookupsOf(local, metainfo, now, inherited),
    schedules: inherited?.schedules ?? Schedules.make({
      tiers: metainfo.trackers,
      isParallel: options.announceToAllTiers,
      rng,
    }),
    announceAt: NEVER,
    wakeAt: NEVER,
    rng,
    timers: Deadlines.make(),
    writes: new Map(),
    writers: new Map(),
    haves: Haves.make(),
    throttle,
    buckets: Throttle.makeBuckets(options, now),
    choker: options.choker,
    choking: {
      slots: Slots.make(options.choker.slots),
      roundAt: NEVER,
      ranAt: -Infinity,
      hasNews: false,
      unchoked: [],
      idleAt: NEVER,
    },
    serving: new Set(),
    downloadRate: Rate.make(now),
    uploadRate: Rate.make(now),
    earlier: { uploadedBytes: options.uploadedBytes, downloadedBytes: options.downloadedBytes },
    wastedBytes: 0,
    hashFailures: 0,
  }
}

/** Those that the search for metadata has begun go on, but not for a torrent that turns out to be private. */
const lookupsOf = (
  local: Local,
  metainfo: Metainfo,
  now: Millis,
  inherited: Handover | undefined,
): Lookups.Lookups =>
  metainfo.isPrivate
    ? Lookups.make(false, now)
    : inherited?.lookups ?? Lookups.make(local.dhtPort !== undefined, now)

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

/** What a ratio of 1 has given away: all that is wanted; all that is here, where nothing as a whole is. */
export const ratioBytes = ({ have, metainfo, wantedBytes }: Torrent): number =>
  wantedBytes > 0 ? wantedBytes : have.count * metainfo.geometry.pieceBytes

/** Payload given away, all runs together, for each byte that is wanted; 0 where there is nothing to give. */
export const ratio = (torrent: Torrent): number => {
  const base = ratioBytes(torrent)
  return base > 0 ? (torrent.earlier.uploadedBytes + torrent.uploadRate.totalBytes) / base : 0
}
