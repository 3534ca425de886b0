/** What a session tells, as JSON events for scripts and as remarks for people. */
import * as Effect from "effect/Effect"
import * as Address from "../core/base/Address.ts"
import type { Metainfo } from "../core/metainfo/Metainfo.ts"
import type { TorrentEvent, TorrentSnapshot } from "../shell/Session.ts"
import type { Fields, Output } from "./Output.ts"
import * as Progress from "./Progress.ts"
import * as Text from "./Text.ts"

type Out = typeof Output.Service

/** The event's name and fields, as `cli/README.md` documents them; how it ended is told by the command itself. */
export const toJson = (metainfo: Metainfo, event: TorrentEvent): readonly [string, Fields] | undefined => {
  const { infoHash } = metainfo
  switch (event._tag) {
    case "Checking":
      return ["checking", { infoHash, doneBytes: event.doneBytes, totalBytes: event.totalBytes }]
    case "Started":
      return ["started", {
        infoHash,
        name: metainfo.name,
        totalLength: metainfo.geometry.totalBytes,
        pieces: event.pieceCount,
        piecesHave: event.piecesHave,
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
    case "PeerSnubbed":
      return ["peer", { infoHash, state: "snubbed", address: Address.format(event.address) }]
    case "Completed":
    case "Failed":
      return undefined
  }
}

/** Tells each event: all of them as JSON, to people those that they may want to act on. */
export const teller = (output: Out, metainfo: Metainfo): (event: TorrentEvent) => Effect.Effect<void> => {
  // A tracker that stays away is told once, not at every retry.
  const silent = new Set<string>()
  const remark = (event: TorrentEvent): string | undefined => {
    switch (event._tag) {
      case "PieceFailed":
        return `piece ${event.piece} was corrupt and is fetched again`
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
  return (event) => {
    const json = output.isJson ? toJson(metainfo, event) : undefined
    if (json !== undefined) return output.event(...json)
    const text = output.isJson ? undefined : remark(event)
    return text === undefined ? Effect.void : output.note(`warning: ${Text.printable(text)}`)
  }
}

/** A warning of the command line itself. */
export const warn = (output: Out, infoHash: string, message: string): Effect.Effect<void> =>
  Effect.zipRight(
    output.event("warning", { infoHash, message }),
    output.note(`warning: ${Text.printable(message)}`),
  )

/** The `progress` event: bytes are of the wanted files, and verified. */
export const progress = (output: Out, metainfo: Metainfo, snapshot: TorrentSnapshot): Effect.Effect<void> => {
  const etaMs = Progress.etaMs(snapshot.wantedBytes - snapshot.haveBytes, snapshot.downloadRateBytesPerSec)
  return output.event("progress", {
    infoHash: metainfo.infoHash,
    state: snapshot.state,
    bytes: snapshot.haveBytes,
    totalBytes: snapshot.wantedBytes,
    downloaded: snapshot.downloadedBytes,
    uploaded: snapshot.uploadedBytes,
    downloadRate: Math.round(snapshot.downloadRateBytesPerSec),
    uploadRate: Math.round(snapshot.uploadRateBytesPerSec),
    peers: snapshot.peersConnected,
    peersKnown: snapshot.peersKnown,
    pieces: snapshot.pieceCount,
    piecesHave: snapshot.piecesHave,
    etaSeconds: Number.isFinite(etaMs) ? Math.ceil(etaMs / 1_000) : undefined,
  })
}
