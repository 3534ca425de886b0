/**
 * What lies on a link: a line of entries from the sender's step to the receiver's, cut into segments as they leave and
 * into reads as they come in.
 *
 *      entries  ░░░░░░░░│▒▒▒▒▒▒▒▒▒▒▒▒│▓▓▓▓▓▓▓▓▓▓│
 *              read     │on their way│unsent    │
 *                      HEAD         SENT       TAIL
 *
 * Messages lie in cells; of a block's payload only the length and whether it is right, or where payload is real a
 * reference beside them.
 */
import type { Bytes } from "../base/Bytes.ts"
import * as Rng from "../base/Rng.ts"
import * as Cells from "./Cells.ts"
import * as Link from "./Link.ts"
import * as Reader from "./Reader.ts"

/** What an entry is. Right and wrong are told apart only where payload is shared. */
export const MESSAGES = 0
export const PAYLOAD = 1
export const WRONG_PAYLOAD = 2

/** Bytes that may be on their way and unread: what a receiver takes without reading. */
export const WINDOW_BYTES = 1024 * 1024

export const unsentBytes = (links: Link.Links, link: Link.Link): number =>
  Link.word(links, link, Link.UNSENT_BYTES)
export const flightBytes = (links: Link.Links, link: Link.Link): number =>
  Link.word(links, link, Link.FLIGHT_BYTES)
export const arrivedBytes = (links: Link.Links, link: Link.Link): number =>
  Link.word(links, link, Link.ARRIVED_BYTES)

/** Puts a chunk at the end of the line. */
export const add = (links: Link.Links, link: Link.Link, chunk: Bytes, kind: number): void => {
  const { cells, rows } = links
  const at = link << Link.ROW_LOG2
  if (rows[at + Link.TAIL] === Cells.NOWHERE) {
    rows[at + Link.TAIL] = rows[at + Link.SENT] = rows[at + Link.HEAD] = Cells.begin(cells)
  }
  rows[at + Link.TAIL] = kind === MESSAGES
    ? Cells.add(cells, rows[at + Link.TAIL]!, kind, chunk)
    : Cells.addHead(cells, rows[at + Link.TAIL]!, kind, chunk.length)
  rows[at + Link.UNSENT_BYTES]! += chunk.length
  if (kind === MESSAGES || links.payloads === undefined) return
  const kept = links.payloads.get(link)
  if (kept === undefined) links.payloads.set(link, [chunk])
  else kept.push(chunk)
}

/** Sends whole chunks, up to `most` bytes, or what fits of one that is larger; returns how many bytes. */
export const segment = (links: Link.Links, link: Link.Link, most: number): number => {
  const { cells, rows } = links
  const at = link << Link.ROW_LOG2
  const unsent = rows[at + Link.UNSENT_BYTES]!
  let bytes = 0
  while (bytes < unsent) {
    const head = Cells.entryAt(cells, rows[at + Link.SENT]!)
    const left = Cells.lengthAt(cells, head) - rows[at + Link.SENT_PART]!
    if (bytes + left > most) {
      if (bytes > 0) break
      rows[at + Link.SENT_PART]! += most
      bytes = most
      break
    }
    bytes += left
    rows[at + Link.SENT] = behind(cells, head)
    rows[at + Link.SENT_PART] = 0
  }
  return leave(links, link, bytes)
}

/** As {@link segment}, cut wherever chance wants. */
export const randomSegment = (links: Link.Links, link: Link.Link, most: number, rng: Rng.Rng): number => {
  const { cells, rows } = links
  const at = link << Link.ROW_LOG2
  const bytes = 1 + Rng.below(rng, Math.min(rows[at + Link.UNSENT_BYTES]!, most))
  let left = bytes
  while (left > 0) {
    const head = Cells.entryAt(cells, rows[at + Link.SENT]!)
    const rest = Cells.lengthAt(cells, head) - rows[at + Link.SENT_PART]!
    const taken = rest < left ? rest : left
    left -= taken
    rows[at + Link.SENT_PART]! += taken
    if (taken < rest) break
    rows[at + Link.SENT] = behind(cells, head)
    rows[at + Link.SENT_PART] = 0
  }
  return leave(links, link, bytes)
}

const behind = (cells: Cells.Cells, head: Cells.Place): Cells.Place =>
  Cells.kindAt(cells, head) === MESSAGES ? Cells.behind(cells, head) : Cells.behindHead(head)

const leave = ({ rows }: Link.Links, link: Link.Link, bytes: number): number => {
  const at = link << Link.ROW_LOG2
  rows[at + Link.UNSENT_BYTES]! -= bytes
  rows[at + Link.FLIGHT_BYTES]! += bytes
  return bytes
}

/** So many bytes more have arrived. */
export const arrived = ({ rows }: Link.Links, link: Link.Link, bytes: number): void => {
  rows[(link << Link.ROW_LOG2) + Link.ARRIVED_BYTES]! += bytes
}

/** Takes bytes that have arrived, a read's worth at most, into the reader; returns how many blocks came to their end in it. */
export const read = (links: Link.Links, link: Link.Link, reader: Reader.Reader, bytes: number): number => {
  const { cells, rows } = links
  const at = link << Link.ROW_LOG2
  const first = rows[at + Link.HEAD]!
  let blocks = 0
  let done = 0
  Reader.clear(reader)
  while (done < bytes) {
    const head = Cells.entryAt(cells, rows[at + Link.HEAD]!)
    const kind = Cells.kindAt(cells, head)
    const part = rows[at + Link.HEAD_PART]!
    const rest = Cells.lengthAt(cells, head) - part
    const taken = rest < bytes - done ? rest : bytes - done
    if (kind === MESSAGES) Cells.copy(cells, head, part, taken, reader.buffer, done)
    else takePayload(links, link, kind, part, taken, taken === rest, reader, done)
    done += taken
    if (taken < rest) {
      rows[at + Link.HEAD_PART] = part + taken
      break
    }
    rows[at + Link.HEAD] = behind(cells, head)
    rows[at + Link.HEAD_PART] = 0
    if (kind !== MESSAGES) blocks++
  }
  rows[at + Link.ARRIVED_BYTES]! -= bytes
  rows[at + Link.FLIGHT_BYTES]! -= bytes
  if (rows[at + Link.HEAD] === rows[at + Link.TAIL]) forget(links, link, first)
  else Cells.release(cells, first, rows[at + Link.HEAD]!)
  return blocks
}

/** Shared payload is not even copied: the receiver never looks at it. */
const takePayload = (
  { payloads }: Link.Links,
  link: Link.Link,
  kind: number,
  part: number,
  length: number,
  isLast: boolean,
  reader: Reader.Reader,
  to: number,
): void => {
  if (payloads === undefined) {
    if (kind === WRONG_PAYLOAD) Reader.markWrong(reader, to, length)
    return
  }
  const kept = payloads.get(link)!
  Reader.copy(reader, to, kept[0]!, part, length)
  if (isLast) kept.shift()
}

/** Nothing lies there any more. */
const forget = ({ cells, rows }: Link.Links, link: Link.Link, first: Cells.Place): void => {
  const at = link << Link.ROW_LOG2
  if (first === Cells.NOWHERE) return
  Cells.releaseAll(cells, first, rows[at + Link.TAIL]!)
  rows[at + Link.TAIL] = rows[at + Link.SENT] = rows[at + Link.HEAD] = Cells.NOWHERE
  rows[at + Link.SENT_PART] = rows[at + Link.HEAD_PART] = 0
}

/** Throws away what has not been sent; returns how many bytes. Nothing is added afterwards. */
export const dropUnsent = ({ rows }: Link.Links, link: Link.Link): number => {
  const at = (link << Link.ROW_LOG2) + Link.UNSENT_BYTES
  const lost = rows[at]!
  rows[at] = 0
  return lost
}

/** Throws away everything; returns how many bytes. Nothing is delivered any more. */
export const end = (links: Link.Links, link: Link.Link): number => {
  const { rows } = links
  const at = link << Link.ROW_LOG2
  Link.set(links, link, Link.CLOSED, true)
  const lost = dropUnsent(links, link) + rows[at + Link.FLIGHT_BYTES]!
  rows[at + Link.FLIGHT_BYTES] = rows[at + Link.ARRIVED_BYTES] = 0
  forget(links, link, rows[at + Link.HEAD]!)
  links.stalledUntil.delete(link)
  Link.set(links, link, Link.STALLED, false)
  links.payloads?.delete(link)
  Link.freeIfOver(links, link)
  return lost
}
