/**
 * One direction of a connection: a line of chunks from the sender's step to the receiver's, cut into segments as they
 * leave and into reads as they come in. Chunks are passed by reference and leave the line once they are read.
 *
 *      chunks   ░░░░░░░░│▒▒▒▒▒▒▒▒▒▒▒▒│▓▓▓▓▓▓▓▓▓▓
 *              read     │on their way│unsent
 *                      head         sent
 */
import type { Bytes } from "../base/Bytes.ts"
import * as Rng from "../base/Rng.ts"
import type { Millis } from "../base/Time.ts"
import type { ConnId } from "../client/Input.ts"
import * as Reader from "./Reader.ts"

/** What a chunk is. Right and wrong are told apart only where payload is shared. */
export const MESSAGES = 0
export const PAYLOAD = 1
export const WRONG_PAYLOAD = 2

/** Bytes that may be on their way and unread: what a receiver takes without reading. */
export const WINDOW_BYTES = 1024 * 1024

/** Mutable, owned by the network. */
export interface Link {
  readonly id: number
  /** Numbers of nodes, and of the connection at either. */
  readonly from: number
  readonly fromConn: ConnId
  readonly to: number
  readonly toConn: ConnId
  /** The sender has dialled. */
  readonly isDialled: boolean
  readonly latencyMs: Millis
  /** What a byte takes on the sender's line. */
  readonly byteMs: Millis
  /** The other direction. */
  back: Link
  readonly chunks: Array<Bytes>
  readonly kinds: Array<number>
  /** The chunk that is read next, and how much of it was. */
  head: number
  headOffset: number
  /** The chunk that is sent next, and how much of it was. */
  sent: number
  sentOffset: number
  unsentBytes: number
  /** Sent and not read. */
  flightBytes: number
  /** Of those, arrived. */
  arrivedBytes: number
  /** The sender knows that more is unsent than is worth queueing. */
  isCongested: boolean
  /** Waits for its turn on the sender's line. */
  isQueued: boolean
  /** The receiver does not read. */
  isPaused: boolean
  /** Nothing is delivered any more: the receiver has closed, or knows that the sender has. */
  isClosed: boolean
  /** The sender is gone and the receiver was not told. */
  isSilent: boolean
  /** Before this nothing arrives. */
  stalledUntil: Millis
  /** When the last segment arrives: nothing overtakes. */
  lastArrivalAt: Millis
}

type Ends = Pick<Link, "id" | "from" | "fromConn" | "to" | "toConn" | "isDialled" | "latencyMs" | "byteMs">

/** A pair of directions; `id` is that of the first, which leads from the dialler, and the next number is the other's. */
export const pair = (ends: Omit<Ends, "isDialled"> & { readonly backByteMs: Millis }): Link => {
  const { backByteMs, ...forth } = ends
  const { id, from, fromConn, to, toConn, latencyMs } = ends
  const there = half({ ...forth, isDialled: true })
  const back = half({
    id: id + 1,
    from: to,
    fromConn: toConn,
    to: from,
    toConn: fromConn,
    isDialled: false,
    latencyMs,
    byteMs: backByteMs,
  })
  there.back = back
  back.back = there
  return there
}

const half = (ends: Ends): Link => {
  const link: Omit<Link, "back"> & { back: Link | undefined } = {
    ...ends,
    back: undefined,
    chunks: [],
    kinds: [],
    head: 0,
    headOffset: 0,
    sent: 0,
    sentOffset: 0,
    unsentBytes: 0,
    flightBytes: 0,
    arrivedBytes: 0,
    isCongested: false,
    isQueued: false,
    isPaused: false,
    isClosed: false,
    isSilent: false,
    stalledUntil: 0,
    lastArrivalAt: 0,
  }
  return link as Link
}

/** Puts a chunk at the end of the line. */
export const add = (link: Link, chunk: Bytes, kind: number): void => {
  link.chunks.push(chunk)
  link.kinds.push(kind)
  link.unsentBytes += chunk.length
}

/** Sends whole chunks, up to `most` bytes, or what fits of one that is larger; returns how many bytes. */
export const segment = (link: Link, most: number): number => {
  const { chunks } = link
  let bytes = 0
  while (link.sent < chunks.length) {
    const left = chunks[link.sent]!.length - link.sentOffset
    if (bytes + left > most) {
      if (bytes > 0) break
      link.sentOffset += most
      bytes = most
      break
    }
    bytes += left
    link.sent++
    link.sentOffset = 0
  }
  link.unsentBytes -= bytes
  link.flightBytes += bytes
  return bytes
}

/** As {@link segment}, cut wherever chance wants. */
export const randomSegment = (link: Link, most: number, rng: Rng.Rng): number => {
  const bytes = 1 + Rng.below(rng, Math.min(link.unsentBytes, most))
  let left = bytes
  while (left > 0) {
    const rest = link.chunks[link.sent]!.length - link.sentOffset
    const taken = rest < left ? rest : left
    left -= taken
    if (taken < rest) link.sentOffset += taken
    else {
      link.sent++
      link.sentOffset = 0
    }
  }
  link.unsentBytes -= bytes
  link.flightBytes += bytes
  return bytes
}

/** Takes up to a read's worth of what has arrived into the reader; returns how many blocks came to their end in it. */
export const read = (link: Link, reader: Reader.Reader, bytes: number, isShared: boolean): number => {
  const { chunks, kinds } = link
  let blocks = 0
  let at = 0
  if (reader.wrong.length > 0) reader.wrong.length = 0
  while (at < bytes) {
    const chunk = chunks[link.head]!
    const kind = kinds[link.head]!
    const rest = chunk.length - link.headOffset
    const taken = rest < bytes - at ? rest : bytes - at
    if (kind === MESSAGES || !isShared) Reader.copy(reader, at, chunk, link.headOffset, taken)
    else if (kind === WRONG_PAYLOAD) Reader.markWrong(reader, at, taken)
    at += taken
    if (taken < rest) {
      link.headOffset += taken
      continue
    }
    link.head++
    link.headOffset = 0
    if (kind !== MESSAGES) blocks++
  }
  link.arrivedBytes -= bytes
  link.flightBytes -= bytes
  forget(link)
  return blocks
}

/** Lets go of what was read: at once if that is all, now and then otherwise. */
const forget = (link: Link): void => {
  const { chunks, head, kinds } = link
  if (head === chunks.length) {
    chunks.length = 0
    kinds.length = 0
    link.head = 0
    link.sent = 0
  } else if (head >= 32 && head * 2 >= chunks.length) {
    chunks.splice(0, head)
    kinds.splice(0, head)
    link.sent -= head
    link.head = 0
  }
}

/** Throws away what has not been sent; returns how many bytes. */
export const dropUnsent = (link: Link): number => {
  const lost = link.unsentBytes
  // Of a chunk that was begun only what was sent will ever be read.
  const kept = link.sentOffset > 0 ? link.sent + 1 : link.sent
  link.chunks.length = kept
  link.kinds.length = kept
  link.unsentBytes = 0
  return lost
}
