/** `shoal inspect`: what a torrent says, without touching its data or its peers. */
import * as Effect from "effect/Effect"
import * as Address from "../core/base/Address.ts"
import { toHex } from "../core/base/Bytes.ts"
import { type Described, isV2Only, type Metainfo, type V2Only } from "../core/metainfo/Metainfo.ts"
import type { Spec } from "./Command.ts"
import { Output } from "./Output.ts"
import * as Source from "./Source.ts"
import * as Text from "./Text.ts"

const SOURCE = "a .torrent file, an http(s) URL of one, a magnet link or an info-hash"

export const spec = {
  name: "inspect",
  summary: "show what a torrent says: name, hashes, trackers, files",
  argument: { name: "SOURCE", isRepeated: false, description: SOURCE },
  flags: {},
  example: "shoal inspect debian.torrent",
  interrupted: "interrupted",
} satisfies Spec

/** Files as they are numbered everywhere on the command line: from 1, by their place in the torrent, without padding. */
export const numbered = (
  metainfo: Pick<Described, "files">,
): ReadonlyArray<{ readonly index: number; readonly path: string; readonly length: number }> =>
  metainfo.files.flatMap((file, index) =>
    file.isPadding ? [] : [{ index: index + 1, path: file.path, length: file.bytes }]
  )

/** Sizes and number of pieces, whatever the version. */
const sizesOf = (torrent: Metainfo | V2Only) => isV2Only(torrent) ? torrent : torrent.geometry

/** The versions of the protocol that the torrent can be had by. */
const versionsOf = (torrent: Metainfo | V2Only): ReadonlyArray<number> =>
  isV2Only(torrent) ? [2] : torrent.v2 === undefined ? [1] : [1, 2]

/** The object of `--json`. */
export const toJson = (metainfo: Metainfo | V2Only): Readonly<Record<string, unknown>> => ({
  name: metainfo.name,
  infoHash: metainfo.infoHash,
  infoHashV2: metainfo.v2?.infoHash,
  versions: versionsOf(metainfo),
  totalLength: sizesOf(metainfo).totalBytes,
  pieceLength: sizesOf(metainfo).pieceBytes,
  pieceCount: sizesOf(metainfo).pieceCount,
  private: metainfo.isPrivate,
  trackers: metainfo.trackers,
  webSeeds: metainfo.webSeeds,
  comment: metainfo.comment,
  createdBy: metainfo.createdBy,
  source: metainfo.source,
  creationDate: metainfo.creationDate,
  files: numbered(metainfo).map((file) => {
    const { pieceLayer, piecesRoot } = metainfo.files[file.index - 1]!
    if (piecesRoot === undefined) return file
    const needsLayer = file.length > sizesOf(metainfo).pieceBytes
    return {
      ...file,
      piecesRoot: toHex(piecesRoot),
      ...(needsLayer && { hasPieceLayer: pieceLayer !== undefined }),
    }
  }),
  warnings: metainfo.warnings,
})

/** The same for people, line by line: a torrent may have a hundred thousand files. */
const linesOf = function* (metainfo: Metainfo | V2Only): Generator<string> {
  const { pieceBytes, pieceCount, totalBytes } = sizesOf(metainfo)
  const pieces = Text.count(pieceCount, "piece")
  const facts: Array<readonly [string, string]> = [
    ["name", metainfo.name],
    ...(isV2Only(metainfo) ? [] : [["info-hash", metainfo.infoHash] as const]),
    ...(metainfo.v2 === undefined ? [] : [["info-hash v2", metainfo.v2.infoHash] as const]),
    ["size", `${Text.bytes(totalBytes)} (${Text.count(totalBytes, "byte")})`],
    ["pieces", `${pieces} of ${Text.bytes(pieceBytes)}`],
    ["private", metainfo.isPrivate ? "yes" : "no"],
    ...metainfo.trackers.map((tier, index) =>
      [metainfo.trackers.length > 1 ? `tracker ${index + 1}` : "tracker", tier.join(", ")] as const
    ),
    ...metainfo.webSeeds.map((url) => ["web seed", url] as const),
    ...(metainfo.comment === undefined ? [] : [["comment", metainfo.comment] as const]),
    ...(metainfo.createdBy === undefined ? [] : [["created by", metainfo.createdBy] as const]),
    ...(metainfo.source === undefined ? [] : [["source", metainfo.source] as const]),
    ...(metainfo.creationDate === undefined ? [] : [["created", dateOf(metainfo.creationDate)] as const]),
    ...metainfo.warnings.map((warning) => ["warning", warning] as const),
  ]
  yield* columns(facts)
  yield "files"
  const { files } = metainfo
  let sizeWidth = 0
  let last = 0
  for (const [i, { bytes, isPadding }] of files.entries()) {
    if (isPadding) continue
    sizeWidth = Math.max(sizeWidth, Text.bytes(bytes).length)
    last = i + 1
  }
  const indexWidth = String(last).length
  for (const [i, { bytes, isPadding, path }] of files.entries()) {
    if (isPadding) continue
    const index = String(i + 1).padStart(indexWidth)
    yield `  ${index}  ${Text.bytes(bytes).padStart(sizeWidth)}  ${Text.printable(path)}`
  }
}

/** All of it as one text. */
export const toText = (metainfo: Metainfo | V2Only): string => [...linesOf(metainfo)].join("\n")

/** Lines that are printed at once, so that not all of them are in memory. */
const PORTION = 1_000

const print = (torrent: Metainfo | V2Only) =>
  Effect.gen(function* () {
    const output = yield* Output
    if (output.isJson) return yield* output.object(toJson(torrent))
    let lines: Array<string> = []
    for (const line of linesOf(torrent)) {
      lines.push(line)
      if (lines.length < PORTION) continue
      yield* output.result(lines)
      lines = []
    }
    if (lines.length > 0) yield* output.result(lines)
  })

const columns = (facts: ReadonlyArray<readonly [string, string]>): ReadonlyArray<string> => {
  const column = Math.max(...facts.map(([name]) => name.length)) + 2
  return facts.map(([name, value]) => `${name.padEnd(column)}${Text.printable(value)}`)
}

/** The object of `--json` for a link: what it says itself, for nobody is asked. Files are numbered from 1. */
export const linkToJson = ({ infoHash, magnet }: Source.Link): Readonly<Record<string, unknown>> => ({
  name: magnet.name,
  infoHash,
  infoHashV2: magnet.infoHashV2,
  totalLength: magnet.totalBytes,
  trackers: magnet.trackers.map((url) => [url]),
  webSeeds: magnet.webSeeds,
  peers: magnet.peers.map(Address.format),
  select: magnet.select?.map((index) => index + 1),
  warnings: magnet.warnings,
})

/** The same for people. */
export const linkToText = ({ infoHash, magnet }: Source.Link): string =>
  columns([
    ...(magnet.name === undefined ? [] : [["name", magnet.name] as const]),
    ...(magnet.infoHash === undefined ? [] : [["info-hash", infoHash] as const]),
    ...(magnet.infoHashV2 === undefined ? [] : [["info-hash v2", magnet.infoHashV2] as const]),
    ...(magnet.totalBytes === undefined
      ? []
      : [["size", `${Text.bytes(magnet.totalBytes)}, as the link claims`] as const]),
    ...magnet.trackers.map((url) => ["tracker", url] as const),
    ...magnet.webSeeds.map((url) => ["web seed", url] as const),
    ...magnet.peers.map((peer) => ["peer", Address.format(peer)] as const),
    ...(magnet.select === undefined
      ? []
      : [["selects", magnet.select.map((index) => index + 1).join(", ")] as const]),
    ...magnet.warnings.map((warning) => ["warning", warning] as const),
    ["files", "known to peers; 'shoal download --metadata-only' fetches the .torrent file"],
  ]).join("\n")

/** A date that a torrent made up is shown as its number. */
const dateOf = (seconds: number): string => {
  const date = new Date(seconds * 1_000)
  return Number.isNaN(date.getTime()) ? String(seconds) : date.toISOString().replace(".000Z", "Z")
}

export const run = (source: string) =>
  Effect.gen(function* () {
    const output = yield* Output
    if (Source.kindOf(source) === "magnet") {
      const link = yield* Source.parseAnyLink(source)
      yield* output.object(linkToJson(link))
      return yield* output.result(linkToText(link).split("\n"))
    }
    const torrent = yield* Source.loadAny(source)
    yield* print(torrent)
  })
