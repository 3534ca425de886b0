/**
 * Announces, scrapes and their answers as frames in a stream between two processes of one version on one machine.
 * Numbers are big endian.
 *
 * ```
 *   0        4     5     9
 *   length   kind  id    …      `length` of the whole frame; an answer has the id of its question
 * ```
 */
import { assert } from "../core/base/Assert.ts"
import type { Bytes } from "../core/base/Bytes.ts"
import type { AnnounceEvent } from "../core/tracker/Announce.ts"
import type { ScrapeEntry } from "../core/tracker/Scrape.ts"
import type { AnnounceQuery, AnnounceReply } from "../core/tracker/Server.ts"
import type { StoreError, StoreReason } from "./PeerStore.ts"

const HEAD_BYTES = 9
export const HASH_BYTES = 20

export const ANNOUNCE = 1
export const SCRAPE = 2
export const STATS = 3
/** One process's counters go the one way, the sums of all come back. */
export const COUNTERS = 4
export const FAILED = 5

const EVENTS: ReadonlyArray<AnnounceEvent> = [undefined, "started", "completed", "stopped"]
const REASONS: ReadonlyArray<StoreReason> = ["Unreachable", "Overloaded", "Refused"]
export const WITH_PEER_IDS = 4

/** Bytes on their way out: grows as needed and is used again. */
export interface Writer {
  bytes: Uint8Array
  view: DataView
  /** Bytes that wait. */
  length: number
}

export const makeWriter = (): Writer => {
  const bytes = new Uint8Array(65_536)
  return { bytes, view: new DataView(bytes.buffer), length: 0 }
}

/** Begins a frame with room for `payloadBytes`, and gives where these start. */
export const begin = (writer: Writer, kind: number, id: number, payloadBytes: number): number => {
  const from = writer.length
  const to = from + HEAD_BYTES + payloadBytes
  if (to > writer.bytes.length) {
    const bytes = new Uint8Array(Math.max(to, writer.bytes.length * 2))
    bytes.set(writer.bytes.subarray(0, from))
    writer.bytes = bytes
    writer.view = new DataView(bytes.buffer)
  }
  writer.view.setUint32(from, HEAD_BYTES + payloadBytes)
  writer.view.setUint8(from + 4, kind)
  writer.view.setUint32(from + 5, id)
  writer.length = to
  return from + HEAD_BYTES
}

/** Takes what waits. */
export const take = (writer: Writer): Bytes => {
  const bytes = writer.bytes.slice(0, writer.length)
  writer.length = 0
  return bytes
}

/** Cuts a stream into frames, which last until `onFrame` returns. */
export const makeReader = (
  onFrame: (kind: number, id: number, bytes: Uint8Array, view: DataView, from: number, to: number) => void,
): (chunk: Bytes) => void => {
  let rest: Bytes = new Uint8Array(0)
  return (chunk) => {
    let bytes = chunk
    if (rest.length > 0) {
      bytes = new Uint8Array(rest.length + chunk.length)
      bytes.set(rest)
      bytes.set(chunk, rest.length)
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    let at = 0
    while (at + 4 <= bytes.length) {
      const to = at + view.getUint32(at)
      assert(to >= at + HEAD_BYTES, "our own processes write whole frames")
      if (to > bytes.length) break
      onFrame(view.getUint8(at + 4), view.getUint32(at + 5), bytes, view, at + HEAD_BYTES, to)
      at = to
    }
    rest = at === bytes.length ? rest.subarray(0, 0) : bytes.slice(at)
  }
}

// flags, port, numWant, left, info-hash, peer id, then the address
const QUERY_BYTES = 1 + 2 + 4 + 8 + HASH_BYTES * 2

export const writeQuery = (writer: Writer, id: number, query: AnnounceQuery, withPeerIds: boolean): void => {
  const at = begin(writer, ANNOUNCE, id, QUERY_BYTES + query.ip.length)
  const { bytes, view } = writer
  view.setUint8(at, EVENTS.indexOf(query.event) | (withPeerIds ? WITH_PEER_IDS : 0))
  view.setUint16(at + 1, query.port)
  view.setUint32(at + 3, query.numWant)
  view.setFloat64(at + 7, query.leftBytes)
  bytes.set(query.infoHash, at + 15)
  bytes.set(query.peerId, at + 35)
  bytes.set(query.ip, at + QUERY_BYTES)
}

export const readQuery = (
  flags: number,
  bytes: Uint8Array,
  view: DataView,
  from: number,
  to: number,
): AnnounceQuery => ({
  event: EVENTS[flags & 3],
  port: view.getUint16(from + 1),
  numWant: view.getUint32(from + 3),
  leftBytes: view.getFloat64(from + 7),
  infoHash: bytes.subarray(from + 15, from + 35),
  peerId: bytes.subarray(from + 35, from + 55),
  ip: bytes.subarray(from + QUERY_BYTES, to),
})

// seeders, leechers, interval, min interval, bytes of peers, then the peers and their ids
const REPLY_BYTES = 5 * 4

export const writeReply = (writer: Writer, id: number, reply: AnnounceReply): void => {
  const { peers, peerIds = [] } = reply
  let at = begin(writer, ANNOUNCE, id, REPLY_BYTES + peers.length + peerIds.length * HASH_BYTES)
  const { bytes, view } = writer
  view.setUint32(at, reply.seeders)
  view.setUint32(at + 4, reply.leechers)
  view.setUint32(at + 8, reply.intervalSeconds)
  view.setUint32(at + 12, reply.minIntervalSeconds)
  view.setUint32(at + 16, peers.length)
  at += REPLY_BYTES
  bytes.set(peers, at)
  at += peers.length
  for (const peerId of peerIds) {
    bytes.set(peerId, at)
    at += HASH_BYTES
  }
}

export const readReply = (
  bytes: Uint8Array,
  view: DataView,
  from: number,
  ipBytes: number,
  withPeerIds: boolean,
): AnnounceReply => {
  const peersFrom = from + REPLY_BYTES
  const peersTo = peersFrom + view.getUint32(from + 16)
  const reply = {
    seeders: view.getUint32(from),
    leechers: view.getUint32(from + 4),
    intervalSeconds: view.getUint32(from + 8),
    minIntervalSeconds: view.getUint32(from + 12),
    peers: bytes.subarray(peersFrom, peersTo),
  }
  if (!withPeerIds) return reply
  const count = (peersTo - peersFrom) / (ipBytes + 2)
  const peerIds = Array.from({ length: count }, (_, index) => {
    const at = peersTo + index * HASH_BYTES
    return bytes.subarray(at, at + HASH_BYTES)
  })
  return { ...reply, peerIds }
}

export const writeEntries = (writer: Writer, id: number, entries: ReadonlyArray<ScrapeEntry>): void =>
  writeNumbers(
    writer,
    SCRAPE,
    id,
    entries.flatMap(({ seeders, leechers, downloads }) => [seeders, leechers, downloads]),
  )

export const readEntries = (
  bytes: Uint8Array,
  view: DataView,
  from: number,
  to: number,
): ReadonlyArray<ScrapeEntry> => {
  const numbers = readNumbers(bytes, view, from, to)
  const entries: Array<ScrapeEntry> = []
  for (let i = 0; i + 3 <= numbers.length; i += 3) {
    entries.push({ seeders: numbers[i]!, leechers: numbers[i + 1]!, downloads: numbers[i + 2]! })
  }
  return entries
}

export const writeNumbers = (
  writer: Writer,
  kind: number,
  id: number,
  numbers: ReadonlyArray<number>,
): void => {
  const at = begin(writer, kind, id, numbers.length * 8)
  numbers.forEach((number, index) => writer.view.setFloat64(at + index * 8, number))
}

export const readNumbers = (_: Uint8Array, view: DataView, from: number, to: number): ReadonlyArray<number> =>
  Array.from({ length: (to - from) / 8 }, (_, index) => view.getFloat64(from + index * 8))

export const writeError = (writer: Writer, id: number, { reason, message }: StoreError): void => {
  const text = new TextEncoder().encode(message)
  const at = begin(writer, FAILED, id, 1 + text.length)
  writer.bytes[at] = REASONS.indexOf(reason)
  writer.bytes.set(text, at + 1)
}

export const readError = (bytes: Uint8Array, view: DataView, from: number, to: number): StoreError => ({
  reason: REASONS[view.getUint8(from)] ?? "Unreachable",
  message: new TextDecoder().decode(bytes.subarray(from + 1, to)),
})
