/** What a session tells, as JSON events for scripts and as remarks for people. */
import * as Effect from "effect/Effect"
import * as Address from "../core/base/Address.ts"
import type { Metainfo } from "../core/metainfo/Metainfo.ts"
import type { Reason } from "../core/torrent/Choker.ts"
import type { FileFault, Problem } from "../shell/Faults.ts"
import type { TorrentEvent, TorrentSnapshot } from "../shell/Session.ts"
import * as Inspect from "./Inspect.ts"
import type { Fields, Output } from "./Output.ts"
import * as Progress from "./Progress.ts"
import * as Text from "./Text.ts"

type Out = typeof Output.Service

/** What a torrent is called, whether its metadata is there or not. */
type Subject = Pick<Metainfo, "infoHash" | "name">

/** The event's name and fields, as `cli/README.md` documents them; how it ended is told by the command itself. */
export const toJson = (metainfo: Metainfo, event: TorrentEvent): readonly [string, Fields] | undefined =>
  event._tag === "Started"
    ? ["started", {
      infoHash: metainfo.infoHash,
      name: metainfo.name,
      totalLength: metainfo.geometry.totalBytes,
      pieces: event.pieceCount,
      piecesHave: event.piecesHave,
    }]
    : searchToJson(metainfo, event)

/** The same for what needs no metadata. */
const searchToJson = (
  { infoHash }: Subject,
  event: TorrentEvent,
): readonly [string, Fields] | undefined => {
  switch (event._tag) {
    case "Checking":
      return ["checking", { infoHash, doneBytes: event.doneBytes, totalBytes: event.totalBytes }]
    case "FilesFaulty":
      return ["faulty", {
        infoHash,
        files: event.faults.map(({ fileIndex, path, problem, pieceCount, piecesHave }) => ({
          index: fileIndex + 1,
          path,
          problem,
          pieces: pieceCount,
          piecesHave,
        })),
      }]
    case "PieceVerified":
      return ["piece", { infoHash, piece: event.piece, ok: true }]
    case "PieceFailed":
      return ["piece", {
        infoHash,
        piece: event.piece,
        ok: false,
        suspects: event.suspects.map(Address.format),
      }]
    case "PeerConnected":
      return ["peer", {
        infoHash,
        state: "connected",
        address: Address.format(event.address),
        client: event.client,
      }]
    case "PeerDisconnected":
      return ["peer", {
        infoHash,
        state: "disconnected",
        address: Address.format(event.address),
        reason: event.reason,
      }]
    case "PeerBanned":
      return ["peer", {
        infoHash,
        state: "banned",
        address: Address.format(event.address),
        reason: event.reason,
      }]
    case "TrackerAnnounced":
      return ["tracker", {
        infoHash,
        url: event.url,
        ok: true,
        peers: event.peers,
        seeders: event.seeders,
        leechers: event.leechers,
        warning: event.warning,
        externalIp: event.externalIp,
      }]
    case "TrackerFailed":
      return ["tracker", {
        infoHash,
        url: event.url,
        ok: false,
        message: event.message,
        retrySeconds: event.retryInMs === undefined ? undefined : Math.ceil(event.retryInMs / 1_000),
      }]
    case "Warning":
      return ["warning", { infoHash, message: event.message }]
    case "MetadataFailed":
      return ["metadata", { infoHash, ok: false, suspects: event.suspects.map(Address.format) }]
    case "PeerSnubbed":
      return ["peer", {
        infoHash,
        state: "snubbed",
        address: Address.format(event.address),
        reason: event.reason,
      }]
    case "PeerUnchoked":
    case "PeerChoked":
      return ["peer", {
        infoHash,
        state: event._tag === "PeerChoked" ? "choked" : "unchoked",
        address: Address.format(event.address),
        reason: event.reason,
      }]
    default:
      return undefined
  }
}

/** Files that are named one by one. */
const FAULTS_SHOWN = 5

/** `seeding what is right of NAME: 37 of 40 files; a.txt is missing, b.txt is too short and 1 more`. */
const faultsOf = (metainfo: Metainfo, faults: ReadonlyArray<FileFault>): string => {
  const count = Inspect.numbered(metainfo).length
  const shown = faults.slice(0, FAULTS_SHOWN).map(({ path, problem }) => `${path} ${PROBLEMS[problem]}`)
  const hidden = faults.length - shown.length
  return `seeding what is right of ${metainfo.name}: ${count - faults.length} of ${
    Text.count(count, "file")
  }; ${shown.join(", ")}${hidden > 0 ? ` and ${hidden} more` : ""}`
}

const PROBLEMS: { readonly [problem in Problem]: string } = {
  missing: "is missing",
  short: "is too short",
  different: "is different",
  unverifiable: "shares pieces with a wrong one",
}

/** Why somebody gets what he asks for, or doesn't. */
const REASONS: { readonly [reason in Reason]: string } = {
  "best-uploader": "it gives us most in return",
  "round-robin": "it is its turn",
  "fastest-upload": "it takes fastest",
  "anti-leech": "it has just begun or is nearly done",
  "optimistic": "luck, to find out what it gives in return",
  "not-interested": "it wants nothing that we have",
  "seed": "it has everything itself",
  "snubbed": "it does not send what we asked for",
  "no-slot": "all slots are taken by others",
}

/** What happens with a peer, in a line of the log. */
const logLine = (event: TorrentEvent): string | undefined => {
  switch (event._tag) {
    case "PeerConnected":
      return `is connected: ${event.client}`
    case "PeerUnchoked":
      return `may download from us: ${REASONS[event.reason]} (${event.reason})`
    case "PeerChoked":
      return `may not download from us: ${REASONS[event.reason]} (${event.reason})`
    case "PeerSnubbed":
      return `is snubbed: ${event.reason}`
    case "PeerDisconnected":
      return `is disconnected: ${event.reason}`
    case "PeerBanned":
      return `is banned: ${event.reason}`
    default:
      return undefined
  }
}

const log = ({ name }: Subject, event: TorrentEvent): Effect.Effect<void> => {
  const line = logLine(event)
  return line === undefined || !("address" in event)
    ? Effect.void
    : Effect.annotateLogs(Effect.logDebug(`peer ${Address.format(event.address)} ${line}`), "torrent", name)
}

/**
 * Tells each event: all of them as JSON, to people those that they may want to act on, and to the log why a peer is
 * connected, choked or dropped.
 */
export const teller = (output: Out, metainfo: Metainfo): (event: TorrentEvent) => Effect.Effect<void> =>
  tellerOf(output, metainfo, (event) => toJson(metainfo, event), (faults) => faultsOf(metainfo, faults))

/** The same while metadata is fetched. */
export const searchTeller = (output: Out, subject: Subject): (event: TorrentEvent) => Effect.Effect<void> =>
  tellerOf(output, subject, (event) => searchToJson(subject, event), () => undefined)

const tellerOf = (
  output: Out,
  subject: Subject,
  fieldsOf: (event: TorrentEvent) => readonly [string, Fields] | undefined,
  describe: (faults: ReadonlyArray<FileFault>) => string | undefined,
): (event: TorrentEvent) => Effect.Effect<void> => {
  // A tracker that stays away is told once, not at every retry.
  const silent = new Set<string>()
  const remark = (event: TorrentEvent): string | undefined => {
    switch (event._tag) {
      case "PieceFailed":
        return `piece ${event.piece} was corrupt and is fetched again`
      case "FilesFaulty":
        return describe(event.faults)
      case "MetadataFailed":
        return "what peers sent is not the torrent's metadata; fetching it again"
      case "PeerBanned":
        return `peer ${Address.format(event.address)} is banned: ${event.reason}`
      case "TrackerAnnounced":
        silent.delete(event.url)
        return event.warning === undefined ? undefined : `tracker ${event.url}: ${event.warning}`
      case "TrackerFailed":
        if (silent.has(event.url)) return undefined
        silent.add(event.url)
        return `tracker ${event.url}: ${event.message}`
      case "Warning":
        return event.message
      default:
        return undefined
    }
  }
  const tell = (event: TorrentEvent): Effect.Effect<void> => {
    const json = output.isJson ? fieldsOf(event) : undefined
    if (json !== undefined) return output.event(...json)
    const text = output.isJson ? undefined : remark(event)
    return text === undefined ? Effect.void : output.note(`warning: ${Text.printable(text)}`)
  }
  return (event) => Effect.zipRight(log(subject, event), tell(event))
}

/** A warning of the command line itself. */
export const warn = (output: Out, message: string, infoHash?: string): Effect.Effect<void> =>
  Effect.zipRight(
    output.event("warning", { infoHash, message }),
    output.note(`warning: ${Text.printable(message)}`),
  )

/** In thousandths. */
export const ratio = (snapshot: TorrentSnapshot): number => Math.floor(snapshot.ratio * 1_000) / 1_000

/** The `progress` event: bytes are of the wanted files, and verified. */
export const progress = (output: Out, subject: Subject, snapshot: TorrentSnapshot): Effect.Effect<void> => {
  const etaMs = Progress.etaMs(snapshot.wantedBytes - snapshot.haveBytes, snapshot.downloadRateBytesPerSec)
  return output.event("progress", {
    infoHash: subject.infoHash,
    state: snapshot.state,
    metadataBytes: snapshot.metadata?.haveBytes,
    metadataTotalBytes: snapshot.metadata?.totalBytes,
    bytes: snapshot.haveBytes,
    totalBytes: snapshot.wantedBytes,
    downloaded: snapshot.downloadedBytes,
    uploaded: snapshot.uploadedBytes,
    downloadRate: Math.round(snapshot.downloadRateBytesPerSec),
    uploadRate: Math.round(snapshot.uploadRateBytesPerSec),
    ratio: ratio(snapshot),
    peers: snapshot.peersConnected,
    peersKnown: snapshot.peersKnown,
    pieces: snapshot.pieceCount,
    piecesHave: snapshot.piecesHave,
    etaSeconds: Number.isFinite(etaMs) ? Math.ceil(etaMs / 1_000) : undefined,
  })
}
