/** Magnet links (BEP 9; `so` of BEP 53; `btmh` of BEP 52): what they say of a torrent before its metadata is there. */
import * as Address from "../base/Address.ts"
import { err, ok, type Result } from "../base/Result.ts"
import * as InfoHash from "./InfoHash.ts"
import { MAX_ADDRESSES, MAX_MAGNET_LENGTH, MAX_SELECT_INDEX, MAX_TRACKERS, MAX_WEB_SEEDS } from "./Limits.ts"
import type { InfoHash as Hash } from "./Metainfo.ts"
import * as Percent from "./Percent.ts"
import { webSeedUrl } from "./Sources.ts"

export interface Magnet {
  /** `undefined` in a link to a version 2 torrent alone. At least one of the two is there. */
  readonly infoHash?: Hash
  /** SHA-256 of the info dictionary, 64 lower-case hexadecimal digits (BEP 52). */
  readonly infoHashV2?: string
  /** For display only, until the metadata is there: any text, never part of a path. */
  readonly name?: string
  /** Each is a tier of its own, since a link has no way to group them. */
  readonly trackers: ReadonlyArray<string>
  /** HTTP and HTTPS URLs, percent-encoded. */
  readonly webSeeds: ReadonlyArray<string>
  readonly peers: ReadonlyArray<Address.Address>
  /** Bytes of all files, as the link claims. */
  readonly totalBytes?: number
  /** Indices of the files to download, ascending, from 0 (BEP 53). */
  readonly select?: ReadonlyArray<number>
  /** What was ignored, in words. */
  readonly warnings: ReadonlyArray<string>
}

export type MagnetReason = "NotAMagnet" | "TooLong" | "BadEscape" | "MissingInfoHash" | "BadInfoHash"

export interface MagnetError {
  readonly _tag: "MagnetError"
  readonly reason: MagnetReason
  readonly message: string
}

/**
 * Parses a `magnet:` link. A bad info-hash refuses the link; any other parameter that makes no sense is ignored, and
 * so are `xs` and `as`, which would have shoal fetch from wherever the link says.
 */
export const parse = (link: string): Result<Magnet, MagnetError> => {
  if (!/^magnet:\?/i.test(link)) return fail("NotAMagnet", "a magnet link starts with magnet:?")
  if (link.length > MAX_MAGNET_LENGTH) {
    return fail("TooLong", `the magnet link has ${link.length} characters, the limit is ${MAX_MAGNET_LENGTH}`)
  }
  let infoHash: Hash | undefined
  let infoHashV2: string | undefined
  let name: string | undefined
  let totalBytes: number | undefined
  const trackers = new Set<string>()
  const webSeeds = new Set<string>()
  const peers = new Map<string, Address.Address>()
  const ranges: Array<Range> = []
  const ignored = new Map<string, number>()
  const ignore = (what: string) => ignored.set(what, (ignored.get(what) ?? 0) + 1)
  const add = (set: Set<string>, value: string, max: number, what: string) => {
    if (set.size < max) set.add(value)
    else if (!set.has(value)) ignore(what)
  }

  for (const parameter of link.slice("magnet:?".length).split("&")) {
    const equals = parameter.indexOf("=")
    if (equals < 0) continue
    // `tr.1`, `tr.2`: some writers number what is repeated.
    const key = parameter.slice(0, equals).toLowerCase().replace(/\.\d{1,5}$/, "")
    const raw = parameter.slice(equals + 1)
    const value = Percent.decodeText(raw)
    if (value === undefined) {
      if (key === "xt") return fail("BadEscape", "the info-hash has a % without two hexadecimal digits")
      ignore("parameters with a % without two hexadecimal digits")
      continue
    }
    switch (key) {
      case "xt": {
        const topic = /^urn:(btih|btmh):(.*)$/is.exec(value)
        if (topic === null) break // a topic of another network
        const hash = topic[2]!
        if (topic[1]!.toLowerCase() === "btih") {
          const parsed = InfoHash.parse(hash)
          if (parsed === undefined) {
            return fail("BadInfoHash", "urn:btih needs 40 hexadecimal or 32 base32 digits")
          }
          if (infoHash !== undefined && infoHash !== parsed) ignore("info-hashes after the first")
          infoHash ??= parsed
        } else {
          // A multihash: 0x12 says SHA-256, 0x20 its 32 bytes.
          if (!/^1220[0-9a-f]{64}$/i.test(hash)) {
            return fail("BadInfoHash", "urn:btmh needs 1220 and 64 hexadecimal digits")
          }
          infoHashV2 ??= hash.slice(4).toLowerCase()
        }
        break
      }
      case "dn":
        name ??= Percent.decodeText(raw.replaceAll("+", " "))
        break
      case "xl":
        totalBytes ??= wholeNumber(value, Number.MAX_SAFE_INTEGER)
        break
      case "tr":
        if (value.trim() !== "") add(trackers, value.trim(), MAX_TRACKERS, "trackers beyond the limit")
        break
      case "ws": {
        const url = webSeedUrl(value, false)
        if (url === undefined) ignore("web seeds that are neither HTTP nor HTTPS")
        else add(webSeeds, url, MAX_WEB_SEEDS, "web seeds beyond the limit")
        break
      }
      case "x.pe": {
        const peer = Address.parse(value)
        if (peer === undefined) ignore("peers that are no address")
        else if (peers.size < MAX_ADDRESSES) peers.set(Address.format(peer), peer)
        else ignore("peers beyond the limit")
        break
      }
      case "so":
        for (const part of value.split(",")) {
          const range = readRange(part)
          if (range === undefined) ignore("parts of the file selection that make no sense")
          else ranges.push(range)
        }
        break
    }
  }
  if (infoHash === undefined && infoHashV2 === undefined) {
    return fail("MissingInfoHash", "the link has no urn:btih, so it names no torrent")
  }
  return ok({
    ...(infoHash !== undefined && { infoHash }),
    ...(infoHashV2 !== undefined && { infoHashV2 }),
    ...(name !== undefined && name !== "" && { name }),
    trackers: [...trackers],
    webSeeds: [...webSeeds],
    peers: [...peers.values()],
    ...(totalBytes !== undefined && { totalBytes }),
    ...(ranges.length > 0 && { select: expand(ranges) }),
    warnings: [...ignored].map(([what, count]) => `${what}, ignored: ${count}`),
  })
}

/** The link that {@link parse} reads back to the same value, warnings apart. */
export const format = (magnet: Omit<Magnet, "warnings">): string => {
  const parts: Array<string> = []
  if (magnet.infoHash !== undefined) parts.push(`xt=urn:btih:${magnet.infoHash}`)
  if (magnet.infoHashV2 !== undefined) parts.push(`xt=urn:btmh:1220${magnet.infoHashV2}`)
  if (magnet.name !== undefined) parts.push(`dn=${Percent.encode(magnet.name)}`)
  if (magnet.totalBytes !== undefined) parts.push(`xl=${magnet.totalBytes}`)
  for (const url of magnet.trackers) parts.push(`tr=${Percent.encode(url)}`)
  for (const url of magnet.webSeeds) parts.push(`ws=${Percent.encode(url)}`)
  for (const peer of magnet.peers) {
    // Readable where it can be: `:` and brackets need no encoding in a query.
    parts.push(`x.pe=${Address.format(peer).replace(/[^\w.:[\]-]/gu, Percent.encode)}`)
  }
  if (magnet.select !== undefined && magnet.select.length > 0) parts.push(`so=${formatSelect(magnet.select)}`)
  return `magnet:?${parts.join("&")}`
}

const fail = (reason: MagnetReason, message: string): Result<never, MagnetError> =>
  err({ _tag: "MagnetError", reason, message })

const wholeNumber = (text: string, max: number): number | undefined =>
  /^\d{1,16}$/.test(text) && Number(text) <= max ? Number(text) : undefined

/** First and last index, both included. */
type Range = readonly [number, number]

const readRange = (text: string): Range | undefined => {
  const dash = text.indexOf("-")
  const first = wholeNumber(dash < 0 ? text : text.slice(0, dash), MAX_SELECT_INDEX)
  const last = dash < 0 ? first : wholeNumber(text.slice(dash + 1), MAX_SELECT_INDEX)
  return first === undefined || last === undefined || last < first ? undefined : [first, last]
}

/** Each index once, in order; in time of the ranges' number and the highest index, however they overlap. */
const expand = (ranges: Array<Range>): Array<number> => {
  const indices: Array<number> = []
  let next = 0
  for (const [first, last] of ranges.sort(([a], [b]) => a - b)) {
    for (next = Math.max(next, first); next <= last; next++) indices.push(next)
  }
  return indices
}

const formatSelect = (indices: ReadonlyArray<number>): string => {
  const parts: Array<string> = []
  for (let i = 0; i < indices.length;) {
    const start = i
    do i++
    while (i < indices.length && indices[i] === indices[i - 1]! + 1)
    parts.push(i - start === 1 ? `${indices[start]}` : `${indices[start]}-${indices[i - 1]}`)
  }
  return parts.join(",")
}
