/** Announcing over HTTP: the URL to get (BEP 3, 7, 23) and what the body says (also BEP 24 and 31). */
import * as Address from "../base/Address.ts"
import { type Bytes, concat, latin1, toLatin1 } from "../base/Bytes.ts"
import * as IpText from "../base/IpText.ts"
import { err, ok, type Result } from "../base/Result.ts"
import { type Millis, MINUTE } from "../base/Time.ts"
import * as Decode from "../bencode/Decode.ts"
import * as Value from "../bencode/Value.ts"
import * as Announce from "./Announce.ts"
import * as Url from "./Url.ts"

/** A response nests three deep, dictionary peers included; strange members may a little more. */
export const MAX_DEPTH = 10
/** Room for 5,000 dictionary peers; bounds the objects that a body of 1 MiB can cost. */
export const MAX_TOKENS = 50_000
/** It is sent back with each announce, in a URL, and servers refuse long ones. */
export const MAX_TRACKER_ID_BYTES = 256

/** What we alone decide; a URL that brings its own must not get to say it. */
const OURS = new Set(["info_hash", "peer_id", "port", "uploaded", "downloaded", "left", "event"])

/**
 * The URL that announces `request` to the tracker at `url`, in ASCII. Its query (a passkey, say) is kept, its fragment
 * dropped; options that it sets itself (`numwant`, `compact`, …) stay as they are. Only `http` and `https`.
 */
export const announceUrl = (
  url: string,
  request: Announce.AnnounceRequest,
): Result<string, Announce.TrackerFailure> => {
  const split = httpParts(url)
  if (!split.ok) return split
  const parts = split.value
  const query = parts.query.split("&").filter((pair) => pair !== "" && !OURS.has(nameOf(pair)))
  const theirs = new Set(query.map(nameOf))
  const add = (name: string, value: string | number | undefined): void => {
    if (value !== undefined && !theirs.has(name)) query.push(`${name}=${value}`)
  }
  add("info_hash", Url.percentEncode(request.infoHash))
  add("peer_id", Url.percentEncode(request.peerId))
  add("port", request.port)
  add("uploaded", request.uploadedBytes)
  add("downloaded", request.downloadedBytes)
  add("left", request.leftBytes)
  add("event", request.event)
  add("compact", 1)
  add("no_peer_id", 1)
  add("numwant", request.numWant)
  add("key", (request.key >>> 0).toString(16).padStart(8, "0"))
  add("trackerid", request.trackerId === undefined ? undefined : Url.percentEncode(latin1(request.trackerId)))
  return ok(
    `${parts.scheme}://${parts.authority}${Url.ascii(parts.path || "/")}?${Url.ascii(query.join("&"))}`,
  )
}

const nameOf = (pair: string): string => pair.split("=", 1)[0]!.toLowerCase()

/** The parts of an `http` or `https` URL. */
export const httpParts = (url: string): Result<Url.UrlParts, Announce.TrackerFailure> => {
  const parts = Url.split(url)
  if (parts === undefined) return Url.badUrl("this is not a URL")
  return parts.scheme === "http" || parts.scheme === "https"
    ? ok(parts)
    : Url.badUrl(`${parts.scheme.toUpperCase()} trackers are not supported`)
}

/**
 * Opens the body of a reply to `asked`: its dictionary, or the tracker's refusal, or what is wrong with a web page and
 * anything else that is none.
 */
export const readReply = (
  body: Bytes,
  asked: "announce" | "scrape",
): Result<Value.Dict, Announce.TrackerFailure> => {
  // Bytes after the end are let pass: some trackers send a newline.
  const decoded = Decode.decode(body, { maxDepth: MAX_DEPTH, maxTokens: MAX_TOKENS, trailing: "allow" })
  if (!decoded.ok) return badReply(asked, describe(body, decoded.error))
  const reply = decoded.value
  if (reply._tag !== "Dict") return badReply(asked, "not a dictionary")
  const refusal = Value.bytes(Value.get(reply, "failure reason"))
  if (refusal === undefined) return ok(reply)
  const message = Announce.printable(refusal) || "the tracker refused without a reason"
  return err(Announce.failure("Refused", message, retryIn(Value.get(reply, "retry in"))))
}

/**
 * Reads the body of an announce response. A refusal, a web page and anything else that is no response are failures;
 * single members and peers that make no sense are left out.
 */
export const decodeAnnounce = (body: Bytes): Result<Announce.AnnounceResponse, Announce.TrackerFailure> => {
  const opened = readReply(body, "announce")
  if (!opened.ok) return opened
  const reply = opened.value
  const peers = Value.get(reply, "peers")
  const peers6 = Value.get(reply, "peers6")
  const interval = number(Value.get(reply, "interval"))
  // The answer to `stopped` often has no peers.
  if (peers === undefined && peers6 === undefined && interval === undefined) {
    return badReply("announce", "it has no peers and no interval")
  }

  const minInterval = number(Value.get(reply, "min interval"))
  const minIntervalMs = minInterval === undefined ? undefined : Announce.clampInterval(minInterval)
  const intervalMs = interval === undefined ? Announce.DEFAULT_INTERVAL_MS : Announce.clampInterval(interval)
  const trackerId = Value.bytes(Value.get(reply, "tracker id"))
  const warning = Value.bytes(Value.get(reply, "warning message"))
  return ok(defined({
    // Who says that it wants nobody within `min interval` means it, whatever its `interval` says.
    intervalMs: Math.max(intervalMs, minIntervalMs ?? 0),
    minIntervalMs,
    peers: readPeers(peers, peers6),
    seeders: Value.integer(Value.get(reply, "complete"), 0),
    leechers: Value.integer(Value.get(reply, "incomplete"), 0),
    downloads: Value.integer(Value.get(reply, "downloaded"), 0),
    trackerId: trackerId !== undefined && trackerId.length > 0 && trackerId.length <= MAX_TRACKER_ID_BYTES
      ? toLatin1(trackerId)
      : undefined,
    warning: (warning && Announce.printable(warning)) || undefined,
    externalIp: readIp(Value.bytes(Value.get(reply, "external ip"))),
  }))
}

/** `why` completes "the reply is no announce response". */
export const badReply = (asked: "announce" | "scrape", why: string): Result<never, Announce.TrackerFailure> =>
  err(Announce.failure("BadReply", `the reply is no ${asked} response: ${why}`))

const describe = (body: Bytes, error: Decode.DecodeError): string => {
  const head = toLatin1(body.subarray(0, 512)).trimStart()
  if (head === "") return "it is empty"
  if (head.startsWith("<")) return "it is a web page; is this a tracker's URL?"
  return `${error.reason} at byte ${error.offset}`
}

/** `retry in` of a refusal: minutes, or `never` (BEP 31). */
const retryIn = (value: Value.Value | undefined): Millis | "never" | undefined => {
  const minutes = number(value)
  if (minutes !== undefined) {
    return Math.min(Math.max(minutes * MINUTE, Announce.MIN_INTERVAL_MS), Announce.MAX_INTERVAL_MS)
  }
  return Value.utf8(value) === "never" ? "never" : undefined
}

/** Any integer, also beyond 2^53, whose digits don't matter because it is clamped. */
const number = (value: Value.Value | undefined): number | undefined =>
  value?._tag === "Integer" ? Number(value.value) : undefined

/** Up to {@link Announce.MAX_PEERS} of `peers`, compact or not, and `peers6`; a cut-off last one is left out. */
const readPeers = (
  peers: Value.Value | undefined,
  peers6: Value.Value | undefined,
): ReadonlyArray<Address.Address> => {
  const compact = Value.bytes(peers)
  const found = compact === undefined ? listed(peers) : Announce.compactPeers(compact, 4)
  const compact6 = Value.bytes(peers6)
  if (compact6 !== undefined) found.push(...Announce.compactPeers(compact6, 6))
  return found.slice(0, Announce.MAX_PEERS)
}

/** Dictionary peers, of both families. */
const listed = (peers: Value.Value | undefined): Array<Address.Address> => {
  const found: Array<Address.Address> = []
  for (const item of Value.list(peers) ?? []) {
    const peer = readPeer(item)
    if (peer !== undefined) found.push(peer)
    if (found.length === Announce.MAX_PEERS) break
  }
  return found
}

/** One dictionary peer (BEP 3): its `ip` is an IPv4 or IPv6 literal or a name. */
const readPeer = (item: Value.Value): Address.Address | undefined => {
  const port = Value.integer(Value.get(item, "port"), 1, 65_535)
  const ip = Value.bytes(Value.get(item, "ip"))
  if (port === undefined || ip === undefined || ip.length > 253) return undefined
  const host = toLatin1(ip)
  const v6 = IpText.parse6(host)
  if (v6 !== undefined) return { host: readIp(v6)!, port }
  // A name's last part has a letter; all digits and dots is a literal, right or wrong.
  const isName = /^[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?$/.test(host) && /[A-Za-z][^.]*$/.test(host)
  return isName || IpText.parse4(host) !== undefined ? { host, port } : undefined
}

/** The text of 4 or 16 bytes. */
const readIp = (bytes: Bytes | undefined): string | undefined => {
  const port = new Uint8Array(2)
  if (bytes?.length === 4) return Address.fromCompact4(concat([bytes, port]), 0).host
  if (bytes?.length === 16) return Address.fromCompact6(concat([bytes, port]), 0).host
  return undefined
}

type Defined<A> =
  & { [K in keyof A as undefined extends A[K] ? never : K]: A[K] }
  & {
    [K in keyof A as undefined extends A[K] ? K : never]?: Exclude<A[K], undefined>
  }

/** Without the members that are `undefined`. */
const defined = <A extends object>(members: A): Defined<A> =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as Defined<A>
