/**
 * What HTTP clients ask of the tracker (BEP 3, 7, 23, 48): reads the target of a GET, without a URL object and strictly
 * where a mistake would put a peer into the wrong place. `ServerHttpReply.ts` writes the answers.
 */
import type { Bytes } from "../base/Bytes.ts"
import * as IpBytes from "../base/IpBytes.ts"
import { err, ok, type Result } from "../base/Result.ts"
import { HASH_BYTES } from "../base/Sha1.ts"
import * as Percent from "../metainfo/Percent.ts"
import * as Access from "./Access.ts"
import type { AnnounceEvent } from "./Announce.ts"
import type { AnnounceQuery } from "./Server.ts"
import { DEFAULT_NUM_WANT, MAX_NUM_WANT } from "./ServerLimits.ts"

/** A scrape of {@link MAX_SCRAPE_HASHES} is 7,000 characters long; what is longer than this is no client's. */
export const MAX_TARGET_LENGTH = 16_384

/** Torrents of one scrape; those beyond are left out of the answer. */
export const MAX_SCRAPE_HASHES = 100

export interface Options {
  readonly access: Access.Access
  /** Whether a peer may give another address than the one that it connects from (`ip=`). */
  readonly trustsIp: boolean
}

export interface AnnounceAsked {
  readonly _tag: "Announce"
  readonly query: AnnounceQuery
  /** Where the request came from, 4 or 16 bytes: the asker hears it back (BEP 24). */
  readonly from: Bytes
  /** False: peers as a list of dictionaries (BEP 3). */
  readonly isCompact: boolean
  /** Whether those dictionaries have peer ids. */
  readonly withPeerIds: boolean
}

export interface ScrapeAsked {
  readonly _tag: "Scrape"
  readonly infoHashes: ReadonlyArray<Bytes>
}

/**
 * Reads path and query of a request that came from `remoteIp`, 4 or 16 bytes. `undefined`: the path is none of a tracker's;
 * an error is a failure reason, for the client's user.
 */
export const parse = (
  target: string,
  remoteIp: Bytes,
  options: Options,
): Result<AnnounceAsked | ScrapeAsked, string> | undefined => {
  const mark = target.indexOf("?")
  const route = Access.route(mark < 0 ? target : target.slice(0, mark))
  if (route === undefined) return undefined
  if (target.length > MAX_TARGET_LENGTH) return err("the request is too long")
  const from = mark < 0 ? target.length : mark + 1
  return route.action === "announce"
    ? parseAnnounce(target, from, IpBytes.unmapped(remoteIp), route.key, options)
    : parseScrape(target, from, route.key, options)
}

/**
 * The address that a request comes from, if it came through proxies of our own: each appends the address that it saw to
 * `X-Forwarded-For`, so the last `proxies` ones are true, and the first of those is the client's. The socket's address where
 * there are no proxies, or the header is not theirs.
 */
export const clientIp = (remoteIp: Bytes, forwardedFor: string | undefined, proxies: number): Bytes => {
  if (proxies === 0 || forwardedFor === undefined) return remoteIp
  const text = forwardedFor.slice(-MAX_FORWARDED_LENGTH).split(",").at(-proxies)?.trim() ?? ""
  const bare = /^\[(.*)\](?::\d+)?$/.exec(text)?.[1] ?? /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(text)?.[1] ?? text
  return IpBytes.fromText(bare) ?? remoteIp
}

/** Room for the addresses of a dozen proxies. */
const MAX_FORWARDED_LENGTH = 512

const parseAnnounce = (
  target: string,
  start: number,
  remoteIp: Bytes,
  key: string | undefined,
  options: Options,
): Result<AnnounceAsked, string> => {
  let infoHash: Bytes | undefined
  let peerId: Bytes | undefined
  let port: number | undefined
  // Without a word on it, a peer is taken for one that wants something.
  let leftBytes = 1
  let event: AnnounceEvent
  let numWant = DEFAULT_NUM_WANT
  let isCompact = true
  let withPeerIds = true
  let ip = remoteIp
  for (let at = start, end: number; at < target.length; at = end + 1) {
    end = target.indexOf("&", at)
    if (end < 0) end = target.length
    const equals = target.indexOf("=", at)
    if (equals < 0 || equals >= end) continue
    const from = equals + 1
    switch (target.slice(at, equals)) {
      case "info_hash":
        if (infoHash !== undefined) return err("info_hash is there twice")
        infoHash = bytesOf20(target, from, end)
        if (infoHash === undefined) return err("info_hash must be 20 bytes")
        break
      case "peer_id":
        if (peerId !== undefined) return err("peer_id is there twice")
        peerId = bytesOf20(target, from, end)
        if (peerId === undefined) return err("peer_id must be 20 bytes")
        break
      case "port": {
        if (port !== undefined) return err("port is there twice")
        port = integer(target, from, end)
        if (port === undefined || port < 1 || port > 65_535) return err(BAD_PORT)
        break
      }
      case "left": {
        const value = integer(target, from, end)
        if (value === undefined) return err("left must be a number")
        // Below zero is what some clients make of sizes that they can't count or don't know yet.
        leftBytes = Math.abs(value)
        break
      }
      case "event":
        event = EVENTS.get(target.slice(from, end))
        break
      case "numwant": {
        const value = integer(target, from, end)
        numWant = value === undefined || value < 0 ? DEFAULT_NUM_WANT : Math.min(value, MAX_NUM_WANT)
        break
      }
      case "compact":
        isCompact = target.slice(from, end) !== "0"
        break
      case "no_peer_id":
        withPeerIds = target.slice(from, end) !== "1"
        break
      case "ip": {
        if (!options.trustsIp) break
        const given = IpBytes.fromText(Percent.decodeText(target.slice(from, end)) ?? "")
        if (given === undefined) return err("ip must be an IP address")
        ip = given
        break
      }
    }
  }
  if (infoHash === undefined) return err("info_hash is missing")
  if (peerId === undefined) return err("peer_id is missing")
  if (port === undefined) return err("port is missing")
  const refusal = Access.refusal(options.access, infoHash, key)
  if (refusal !== undefined) return err(refusal)
  return ok({
    _tag: "Announce",
    query: { infoHash, peerId, ip, port, leftBytes, event, numWant },
    from: remoteIp,
    isCompact,
    withPeerIds: withPeerIds && !isCompact,
  })
}

const parseScrape = (
  target: string,
  start: number,
  key: string | undefined,
  options: Options,
): Result<ScrapeAsked, string> => {
  const refusal = Access.keyRefusal(options.access, key)
  if (refusal !== undefined) return err(refusal)
  const infoHashes: Array<Bytes> = []
  for (let at = start, end: number; at < target.length; at = end + 1) {
    end = target.indexOf("&", at)
    if (end < 0) end = target.length
    if (!target.startsWith(INFO_HASH, at)) continue
    const infoHash = bytesOf20(target, at + INFO_HASH.length, end)
    if (infoHash === undefined) return err("info_hash must be 20 bytes")
    if (infoHashes.length < MAX_SCRAPE_HASHES) infoHashes.push(infoHash)
  }
  return infoHashes.length === 0 ? err("a scrape needs an info_hash: all at once is not offered") : ok({
    _tag: "Scrape",
    infoHashes,
  })
}

const INFO_HASH = "info_hash="
const BAD_PORT = "port must be from 1 to 65535"

/** Others, such as `paused` (BEP 21), are regular announces. */
const EVENTS: ReadonlyMap<string, AnnounceEvent> = new Map([
  ["started", "started"],
  ["completed", "completed"],
  ["stopped", "stopped"],
])

/** Percent-decodes exactly 20 bytes from `from` up to `end`; a `+` is itself, as clients mean it. */
const bytesOf20 = (text: string, from: number, end: number): Bytes | undefined => {
  if (end - from < HASH_BYTES || end - from > HASH_BYTES * 3) return undefined
  const bytes = new Uint8Array(HASH_BYTES)
  let at = from
  for (let i = 0; i < HASH_BYTES; i++) {
    if (at >= end) return undefined
    const code = text.charCodeAt(at)
    if (code !== PERCENT) {
      if (code > 0xff) return undefined
      bytes[i] = code
      at++
      continue
    }
    const high = at + 2 < end ? digit(text.charCodeAt(at + 1)) : -1
    const low = at + 2 < end ? digit(text.charCodeAt(at + 2)) : -1
    if (high < 0 || low < 0) return undefined
    bytes[i] = (high << 4) | low
    at += 3
  }
  return at === end ? bytes : undefined
}

const PERCENT = 0x25

const digit = (code: number): number => {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const lower = code | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x61 + 10 : -1
}

/** A whole number in decimal digits, with a minus perhaps; as large as it likes, for only its size class matters then. */
const integer = (text: string, from: number, end: number): number | undefined => {
  const isNegative = text.charCodeAt(from) === 0x2d
  const first = isNegative ? from + 1 : from
  if (first >= end) return undefined
  let value = 0
  for (let at = first; at < end; at++) {
    const code = text.charCodeAt(at)
    if (code < 0x30 || code > 0x39) return undefined
    value = Math.min(value * 10 + (code - 0x30), Number.MAX_SAFE_INTEGER)
  }
  return isNegative ? -value : value
}
