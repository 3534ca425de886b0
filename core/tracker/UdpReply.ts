/** What a UDP tracker sends (BEP 15), written and read; part of `Udp.ts`. */
import { type Bytes, utf8 } from "../base/Bytes.ts"
import { err, ok, type Result } from "../base/Result.ts"
import { u32 } from "../wire/Fixed.ts"
import type { ScrapeEntry } from "./Scrape.ts"
import {
  ANNOUNCE,
  CONNECT,
  CONNECTION_BYTES,
  ERROR,
  type Malformed,
  type Packet,
  SCRAPE,
  setU32,
  slices,
  TOO_SHORT,
} from "./UdpPacket.ts"

const HEAD_BYTES = 8
const CONNECTED_BYTES = 16
const ANNOUNCED_BYTES = 20
const SCRAPE_ENTRY_BYTES = 12

export interface Connected extends Packet {
  readonly _tag: "Connected"
  /** 8 bytes. */
  readonly connectionId: Bytes
}

export interface Announced extends Packet {
  readonly _tag: "Announced"
  readonly intervalSeconds: number
  readonly leechers: number
  readonly seeders: number
  /** Compact: 6 bytes each on an IPv4 socket, 18 on an IPv6 one. */
  readonly peers: Bytes
}

export interface Scraped extends Packet {
  readonly _tag: "Scraped"
  /** In the order of the request. */
  readonly entries: ReadonlyArray<ScrapeEntry>
}

export interface Refused extends Packet {
  readonly _tag: "Refused"
  /** As sent: text, for people. */
  readonly message: Bytes
}

/** A reply without all the fields of its action: how opentracker answers for a torrent that it does not serve. */
export interface CutOff extends Packet {
  readonly _tag: "CutOff"
  readonly reply: "Connected" | "Announced"
}

/** Numbers are signed in a reply: a negative one makes no sense, but is not for the codec to judge. */
export type Reply = Connected | Announced | Scraped | Refused | CutOff

/** Grants a connection id of 8 bytes. */
export const encodeConnected = (transactionId: number, connectionId: Bytes): Bytes => {
  const packet = reply(CONNECT, transactionId, CONNECTION_BYTES)
  packet.set(connectionId.subarray(0, CONNECTION_BYTES), HEAD_BYTES)
  return packet
}

/** Answers an announce; `peers` are compact, of the family that the request came by. */
export const encodeAnnounced = (
  transactionId: number,
  { intervalSeconds, leechers, seeders, peers }: Omit<Announced, "_tag" | "transactionId">,
): Bytes => {
  const packet = reply(ANNOUNCE, transactionId, ANNOUNCED_BYTES - HEAD_BYTES + peers.length)
  setU32(packet, 8, intervalSeconds)
  setU32(packet, 12, leechers)
  setU32(packet, 16, seeders)
  packet.set(peers, ANNOUNCED_BYTES)
  return packet
}

/** Answers a scrape, with an entry for each info-hash in its order. */
export const encodeScraped = (transactionId: number, entries: ReadonlyArray<ScrapeEntry>): Bytes => {
  const packet = reply(SCRAPE, transactionId, entries.length * SCRAPE_ENTRY_BYTES)
  entries.forEach(({ seeders, downloads, leechers }, i) => {
    const at = HEAD_BYTES + i * SCRAPE_ENTRY_BYTES
    setU32(packet, at, seeders)
    setU32(packet, at + 4, downloads)
    setU32(packet, at + 8, leechers)
  })
  return packet
}

/** Refuses a request. */
export const encodeRefused = (transactionId: number, message: string): Bytes => {
  const text = utf8(message)
  const packet = reply(ERROR, transactionId, text.length)
  packet.set(text, HEAD_BYTES)
  return packet
}

/** Reads what a tracker sent; entries cut off at the end are left out. */
export const decodeReply = (packet: Bytes): Result<Reply, Malformed> => {
  if (packet.length < HEAD_BYTES) return TOO_SHORT
  const transactionId = u32(packet, 4)
  switch (u32(packet, 0)) {
    case CONNECT:
      if (packet.length < CONNECTED_BYTES) return ok({ _tag: "CutOff", transactionId, reply: "Connected" })
      return ok({
        _tag: "Connected",
        transactionId,
        connectionId: packet.subarray(HEAD_BYTES, CONNECTED_BYTES),
      })
    case ANNOUNCE:
      if (packet.length < ANNOUNCED_BYTES) return ok({ _tag: "CutOff", transactionId, reply: "Announced" })
      return ok({
        _tag: "Announced",
        transactionId,
        intervalSeconds: u32(packet, 8) | 0,
        leechers: u32(packet, 12) | 0,
        seeders: u32(packet, 16) | 0,
        peers: packet.subarray(ANNOUNCED_BYTES),
      })
    case SCRAPE:
      return ok({
        _tag: "Scraped",
        transactionId,
        entries: slices(packet, HEAD_BYTES, SCRAPE_ENTRY_BYTES).map((entry) => ({
          seeders: u32(entry, 0) | 0,
          downloads: u32(entry, 4) | 0,
          leechers: u32(entry, 8) | 0,
        })),
      })
    case ERROR:
      return ok({ _tag: "Refused", transactionId, message: packet.subarray(HEAD_BYTES) })
    default:
      return err("UnknownAction")
  }
}

const reply = (action: number, transactionId: number, more: number): Bytes => {
  const packet = new Uint8Array(HEAD_BYTES + more)
  setU32(packet, 0, action)
  setU32(packet, 4, transactionId)
  return packet
}
