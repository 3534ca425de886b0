/**
 * The tracker's side of UDP (BEP 15, 41): one datagram in, at most one out. Whoever has no valid connection id gets nothing
 * but a connection id, in as many bytes as it sent, so that the tracker amplifies nobody's attack.
 */
import { type Bytes, toLatin1 } from "../base/Bytes.ts"
import * as IpBytes from "../base/IpBytes.ts"
import type { Millis } from "../base/Time.ts"
import * as Access from "./Access.ts"
import * as ConnectionId from "./ConnectionId.ts"
import * as Server from "./Server.ts"
import { DEFAULT_NUM_WANT, MAX_NUM_WANT } from "./ServerLimits.ts"
import * as Udp from "./Udp.ts"

/** What every IPv6 network carries in one piece (RFC 8200, section 5), less its header and that of UDP. */
export const MAX_REPLY_BYTES = 1_280 - 40 - 8

/** Of the URL that a client announces to; longer ones have no key of ours in them. */
const MAX_URL_BYTES = 255

export interface Options {
  /** Of the connection ids: 16 secret random bytes, new for each start. */
  readonly key: Bytes
  readonly access: Access.Access
  /** Whether a peer may give another IPv4 address than the one that it sends from. */
  readonly trustsIp: boolean
}

/** What a datagram asks for. */
export type Asked =
  /** Nothing that is answered. */
  | undefined
  /** The answer itself. */
  | { readonly _tag: "Reply"; readonly bytes: Bytes }
  /** An answer by {@link announced} or {@link refused}. */
  | { readonly _tag: "Announce"; readonly transactionId: number; readonly query: Server.AnnounceQuery }
  /** An answer by {@link Udp.encodeScraped}, with an entry for each. */
  | {
    readonly _tag: "Scrape"
    readonly transactionId: number
    readonly infoHashes: ReadonlyArray<Bytes>
  }

/** Reads a datagram that came from `ip`, 4 or 16 bytes. What it gives refers to the datagram's buffer. */
export const read = (options: Options, now: Millis, packet: Bytes, ip: Bytes): Asked => {
  const from = IpBytes.unmapped(ip)
  const decoded = Udp.decodeRequest(packet)
  if (!decoded.ok) {
    // Who has connected, and only who has, is told what is wrong.
    if (packet.length < MIN_REQUEST_BYTES || decoded.error === "WrongProtocol") return undefined
    if (!ConnectionId.isValid(options.key, now, from, packet.subarray(0, ConnectionId.BYTES))) {
      return undefined
    }
    return refused(transactionIdOf(packet), MALFORMED[decoded.error])
  }
  const request = decoded.value
  const { transactionId } = request
  if (request._tag === "Connect") {
    const id = ConnectionId.make(options.key, now, from)
    return { _tag: "Reply", bytes: Udp.encodeConnected(transactionId, id) }
  }
  if (!ConnectionId.isValid(options.key, now, from, request.connectionId)) return undefined
  if (request._tag === "Scrape") {
    // A scrape has no room for a key.
    const refusal = Access.keyRefusal(options.access, undefined)
    if (refusal !== undefined) return refused(transactionId, refusal)
    return { _tag: "Scrape", transactionId, infoHashes: request.infoHashes.slice(0, Udp.MAX_SCRAPE_HASHES) }
  }
  const refusal = Access.refusal(options.access, request.infoHash, keyOf(options.access, request.urlData))
  if (refusal !== undefined) return refused(transactionId, refusal)
  const query: Server.AnnounceQuery = {
    infoHash: request.infoHash,
    peerId: request.peerId,
    ip: options.trustsIp && from.length === 4 && request.ip.some((byte) => byte !== 0) ? request.ip : from,
    port: request.port,
    leftBytes: request.leftBytes,
    event: request.event,
    numWant: Math.min(
      request.numWant < 0 ? DEFAULT_NUM_WANT : request.numWant,
      Math.floor((MAX_REPLY_BYTES - REPLY_HEAD_BYTES) / (from.length + 2)),
      MAX_NUM_WANT,
    ),
  }
  return { _tag: "Announce", transactionId, query }
}

/** The packet that answers an announce. */
export const announced = (transactionId: number, reply: Server.AnnounceReply): Bytes =>
  Udp.encodeAnnounced(transactionId, reply)

/** Reads a datagram and answers it from a server in memory; `undefined`: it is not answered. */
export const handle = (
  options: Options,
  server: Server.Server,
  now: Millis,
  packet: Bytes,
  ip: Bytes,
): Bytes | undefined => {
  const asked = read(options, now, packet, ip)
  if (asked === undefined) return undefined
  switch (asked._tag) {
    case "Reply":
      return asked.bytes
    case "Announce": {
      const result = Server.announce(server, now, asked.query, false)
      return result.ok
        ? announced(asked.transactionId, result.value)
        : Udp.encodeRefused(asked.transactionId, result.error)
    }
    case "Scrape":
      return Udp.encodeScraped(asked.transactionId, Server.scrape(server, asked.infoHashes))
  }
}

const MIN_REQUEST_BYTES = 16
const REPLY_HEAD_BYTES = 20

const MALFORMED: { readonly [reason in Exclude<Udp.Malformed, "WrongProtocol">]: string } = {
  TooShort: "the packet is too short",
  UnknownAction: "unknown action",
  NoHashes: "the scrape names no torrent",
}

const refused = (transactionId: number, reason: string): Asked => ({
  _tag: "Reply",
  bytes: Udp.encodeRefused(transactionId, reason),
})

const transactionIdOf = (packet: Bytes): number =>
  (packet[12]! << 24) | (packet[13]! << 16) | (packet[14]! << 8) | packet[15]!

/** The key in the path of the client's URL (BEP 41), if it matters. */
const keyOf = (access: Access.Access, urlData: Bytes): string | undefined => {
  if (access.keys === undefined || urlData.length > MAX_URL_BYTES) return undefined
  const route = Access.route(toLatin1(urlData).split("?", 1)[0]!)
  return route?.action === "announce" ? route.key : undefined
}
