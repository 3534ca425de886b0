/**
 * The packets of the UDP tracker protocol (BEP 15) in both directions, for clients and for trackers: no state, no
 * sockets. Numbers are big endian. A packet may be longer than its fields; what comes after them is let pass.
 *
 * ```
 *            0          8           12             16
 * request    connection action      transaction    …     of a connect request, the connection is PROTOCOL
 *            0          4           8
 * reply      action     transaction …
 * ```
 * What a decoder gives refers to the packet's buffer.
 */
import { assert } from "../base/Assert.ts"
import { type Bytes, concat, empty } from "../base/Bytes.ts"
import { err, ok, type Result } from "../base/Result.ts"
import { u32 } from "../wire/Fixed.ts"
import type { AnnounceEvent, AnnounceRequest } from "./Announce.ts"
import {
  ANNOUNCE,
  CONNECT,
  CONNECTION_BYTES,
  type Malformed,
  type Packet,
  SCRAPE,
  setU32,
  setU64,
  slices,
  TOO_SHORT,
  u64,
} from "./UdpPacket.ts"

export type { Malformed } from "./UdpPacket.ts"
export * from "./UdpReply.ts"

/** What stands for a connection in a connect request: 0x41727101980. */
const PROTOCOL = Uint8Array.of(0, 0, 4, 0x17, 0x27, 0x10, 0x19, 0x80)

const HASH_BYTES = 20
const REQUEST_BYTES = 16
const ANNOUNCE_BYTES = 98

/** Info-hashes of one scrape, so that request and reply pass every network unfragmented (BEP 15). */
export const MAX_SCRAPE_HASHES = 74

/** Options that may follow an announce request (BEP 41). */
const END_OF_OPTIONS = 0
const NOP = 1
const URL_DATA = 2
const MAX_OPTION_BYTES = 255

/** By their numbers; others, such as what some clients send for "paused", are no event. */
const EVENTS: ReadonlyArray<AnnounceEvent> = [undefined, "completed", "started", "stopped"]

export interface ConnectRequest extends Packet {
  readonly _tag: "Connect"
}

export interface UdpAnnounceRequest extends Packet, Omit<AnnounceRequest, "trackerId"> {
  readonly _tag: "Announce"
  /** 8 bytes. */
  readonly connectionId: Bytes
  /** 4 bytes: where the peer says that it is; all zero means where the packet comes from. */
  readonly ip: Bytes
  /** Path and query of the tracker's URL (BEP 41), empty if they weren't sent. */
  readonly urlData: Bytes
}

export interface ScrapeRequest extends Packet {
  readonly _tag: "Scrape"
  /** 8 bytes. */
  readonly connectionId: Bytes
  /** 20 bytes each; 1 to as many as the packet holds. */
  readonly infoHashes: ReadonlyArray<Bytes>
}

/** `port`, `numWant` and the counters are as sent: 0 to 65535, negative for "as you like", and 0 to 2^64. */
export type Request = ConnectRequest | UdpAnnounceRequest | ScrapeRequest

/** A connect request, 16 bytes. */
export const encodeConnect = (transactionId: number): Bytes => request(PROTOCOL, CONNECT, transactionId, 0)

/**
 * An announce request: 98 bytes, then `urlData` in options of up to 255 bytes (BEP 41). The address is left to the
 * tracker, which sees it; `trackerId` has no place here.
 */
export const encodeAnnounce = (
  connectionId: Bytes,
  transactionId: number,
  asked: AnnounceRequest,
  urlData: Bytes,
): Bytes => {
  const packet = request(connectionId, ANNOUNCE, transactionId, ANNOUNCE_BYTES - REQUEST_BYTES)
  packet.set(asked.infoHash.subarray(0, HASH_BYTES), 16)
  packet.set(asked.peerId.subarray(0, HASH_BYTES), 36)
  setU64(packet, 56, asked.downloadedBytes)
  setU64(packet, 64, asked.leftBytes)
  setU64(packet, 72, asked.uploadedBytes)
  setU32(packet, 80, EVENTS.indexOf(asked.event))
  setU32(packet, 88, asked.key)
  setU32(packet, 92, asked.numWant)
  packet[96] = asked.port >> 8
  packet[97] = asked.port
  const options: Array<Bytes> = [packet]
  for (let at = 0; at < urlData.length; at += MAX_OPTION_BYTES) {
    const piece = urlData.subarray(at, at + MAX_OPTION_BYTES)
    options.push(Uint8Array.of(URL_DATA, piece.length), piece)
  }
  return options.length === 1 ? packet : concat(options)
}

/** A scrape request for 1 to {@link MAX_SCRAPE_HASHES} info-hashes of 20 bytes. */
export const encodeScrape = (
  connectionId: Bytes,
  transactionId: number,
  infoHashes: ReadonlyArray<Bytes>,
): Bytes => {
  assert(infoHashes.length > 0 && infoHashes.length <= MAX_SCRAPE_HASHES, "a scrape has 1 to 74 info-hashes")
  const packet = request(connectionId, SCRAPE, transactionId, infoHashes.length * HASH_BYTES)
  infoHashes.forEach((hash, i) => packet.set(hash.subarray(0, HASH_BYTES), REQUEST_BYTES + i * HASH_BYTES))
  return packet
}

/** Reads what a client sent. Its connection id is for the tracker to check; info-hashes cut off at the end are left out. */
export const decodeRequest = (packet: Bytes): Result<Request, Malformed> => {
  if (packet.length < REQUEST_BYTES) return TOO_SHORT
  const transactionId = u32(packet, 12)
  const connectionId = packet.subarray(0, CONNECTION_BYTES)
  switch (u32(packet, 8)) {
    case CONNECT:
      for (let i = 0; i < CONNECTION_BYTES; i++) if (packet[i] !== PROTOCOL[i]) return err("WrongProtocol")
      return ok({ _tag: "Connect", transactionId })
    case ANNOUNCE:
      if (packet.length < ANNOUNCE_BYTES) return TOO_SHORT
      return ok({
        _tag: "Announce",
        transactionId,
        connectionId,
        infoHash: packet.subarray(16, 36),
        peerId: packet.subarray(36, 56),
        downloadedBytes: u64(packet, 56),
        leftBytes: u64(packet, 64),
        uploadedBytes: u64(packet, 72),
        event: EVENTS[u32(packet, 80)],
        ip: packet.subarray(84, 88),
        key: u32(packet, 88),
        numWant: u32(packet, 92) | 0,
        port: (packet[96]! << 8) | packet[97]!,
        urlData: packet.length === ANNOUNCE_BYTES ? empty : readUrlData(packet, ANNOUNCE_BYTES),
      })
    case SCRAPE: {
      const infoHashes = slices(packet, REQUEST_BYTES, HASH_BYTES)
      return infoHashes.length === 0 ? err("NoHashes") : ok({
        _tag: "Scrape",
        transactionId,
        connectionId,
        infoHashes,
      })
    }
    default:
      return err("UnknownAction")
  }
}

/** All URL data from `at` on, in one piece; unknown options are skipped, and one that is cut off ends them. */
const readUrlData = (packet: Bytes, at: number): Bytes => {
  const parts: Array<Bytes> = []
  for (let i = at; i < packet.length && packet[i] !== END_OF_OPTIONS;) {
    if (packet[i] === NOP) {
      i++
      continue
    }
    const end = i + 2 + (packet[i + 1] ?? 0)
    if (i + 2 > packet.length || end > packet.length) break
    if (packet[i] === URL_DATA) parts.push(packet.subarray(i + 2, end))
    i = end
  }
  return parts.length === 1 ? parts[0]! : concat(parts)
}

const request = (connection: Bytes, action: number, transactionId: number, more: number): Bytes => {
  const packet = new Uint8Array(REQUEST_BYTES + more)
  packet.set(connection.subarray(0, CONNECTION_BYTES))
  setU32(packet, 8, action)
  setU32(packet, 12, transactionId)
  return packet
}
