/**
 * Directions of connections. A direction is a number, and a row of sixteen words, one cache line: a swarm has tens of
 * thousands, and each event is about another one. The two directions of a connection are neighbours, an even number and
 * the next. What lies on them: `Flow.ts`.
 *
 *      0 ┌ from, to … │ flags, events │ what lies there │ next turn ┐  node 3 ──▶ node 8
 *      1 ├ from, to … │ flags, events │ what lies there │ next turn ┤  node 8 ──▶ node 3
 *      2 ├ …
 */
import { assert } from "../base/Assert.ts"
import type { Bytes } from "../base/Bytes.ts"
import type { Millis } from "../base/Time.ts"
import type { ConnId } from "../client/Input.ts"
import * as Cells from "./Cells.ts"

/** The number of a direction. A connection's two numbers are given again once nothing can come of it any more. */
export type Link = number
export const NONE: Link = -1

/** A row begins at its number shifted by so much. */
export const ROW_LOG2 = 4

// Numbers of nodes, and of the connection at either.
const FROM = 0
const FROM_CONN = 1
const TO = 2
const TO_CONN = 3
const FLAGS = 4
/** Events that are still to come and name it. */
const EVENTS = 5
export const UNSENT_BYTES = 6
/** Sent and not read. */
export const FLIGHT_BYTES = 7
/** Of those, arrived. */
export const ARRIVED_BYTES = 8
/** The end of the line; nowhere: it is empty. */
export const TAIL = 9
/** The entry that is sent next, and how much of it was. */
export const SENT = 10
export const SENT_PART = 11
/** The entry that is read next, and how much of it was. */
export const HEAD = 12
export const HEAD_PART = 13
/** Who sends next on the sender's line. */
const NEXT_TURN = 14

/** The sender has dialled. */
export const DIALLED = 1
/** The sender knows that more is unsent than is worth queueing. */
export const CONGESTED = 2
/** Waits for its turn on the sender's line. */
export const QUEUED = 4
/** The receiver does not read. */
export const PAUSED = 8
/** Nothing is delivered any more: the receiver has closed, or knows that the sender has. */
export const CLOSED = 16
/** The sender is gone and the receiver was not told. */
export const SILENT = 32
/** Before a time nothing arrives. */
export const STALLED = 64
/** Nobody has this number. */
const FREE = 128

const FIRST_ROWS = 256

/** Mutable, owned by the network. */
export interface Links {
  readonly cells: Cells.Cells
  rows: Int32Array
  /** Rows ever in use. */
  touched: number
  /** Even numbers that are free. */
  readonly free: Array<Link>
  /** Stalls, by link. */
  readonly stalledUntil: Map<Link, Millis>
  /** Where payload is real: what lies on each link, oldest first. */
  readonly payloads: Map<Link, Array<Bytes>> | undefined
}

export const make = (isShared: boolean): Links => ({
  cells: Cells.make(),
  rows: new Int32Array(FIRST_ROWS << ROW_LOG2),
  touched: 0,
  free: [],
  stalledUntil: new Map(),
  payloads: isShared ? undefined : new Map(),
})

/** A pair of directions; the number is that of the one that leads from the dialler. */
export const pair = (links: Links, from: number, fromConn: ConnId, to: number, toConn: ConnId): Link => {
  const there = links.free.pop() ?? more(links)
  row(links, there, from, fromConn, to, toConn, DIALLED)
  row(links, back(there), to, toConn, from, fromConn, 0)
  return there
}

const more = (links: Links): Link => {
  const link = links.touched
  links.touched += 2
  if (links.touched << ROW_LOG2 > links.rows.length) {
    const rows = new Int32Array(links.rows.length * 2)
    rows.set(links.rows)
    links.rows = rows
  }
  return link
}

const row = (
  { rows }: Links,
  link: Link,
  from: number,
  fromConn: ConnId,
  to: number,
  toConn: ConnId,
  flags: number,
): void => {
  const at = link << ROW_LOG2
  rows.fill(0, at, at + (1 << ROW_LOG2))
  rows[at + FROM] = from
  rows[at + FROM_CONN] = fromConn
  rows[at + TO] = to
  rows[at + TO_CONN] = toConn
  rows[at + FLAGS] = flags
  rows[at + NEXT_TURN] = NONE
}

/** The other direction. */
export const back = (link: Link): Link => link ^ 1

export const word = ({ rows }: Links, link: Link, field: number): number => rows[(link << ROW_LOG2) + field]!

export const from = (links: Links, link: Link): number => word(links, link, FROM)
export const fromConn = (links: Links, link: Link): ConnId => word(links, link, FROM_CONN)
export const to = (links: Links, link: Link): number => word(links, link, TO)
export const toConn = (links: Links, link: Link): ConnId => word(links, link, TO_CONN)
export const is = (links: Links, link: Link, flag: number): boolean => (word(links, link, FLAGS) & flag) !== 0

export const set = ({ rows }: Links, link: Link, flag: number, isSet: boolean): void => {
  const at = (link << ROW_LOG2) + FLAGS
  rows[at] = isSet ? rows[at]! | flag : rows[at]! & ~flag
}

export const nextTurn = (links: Links, link: Link): Link => word(links, link, NEXT_TURN)

export const setNextTurn = ({ rows }: Links, link: Link, next: Link): void => {
  rows[(link << ROW_LOG2) + NEXT_TURN] = next
}

/** Before this nothing arrives. */
export const stalledUntil = (links: Links, link: Link): Millis =>
  is(links, link, STALLED) ? links.stalledUntil.get(link)! : 0

export const stall = (links: Links, link: Link, until: Millis): void => {
  set(links, link, STALLED, true)
  links.stalledUntil.set(link, Math.max(until, links.stalledUntil.get(link) ?? 0))
}

/** An event was asked for that names the link. */
export const expectEvent = ({ rows }: Links, link: Link): void => {
  rows[(link << ROW_LOG2) + EVENTS]!++
}

/** The event has come; call {@link freeIfOver} when it is done. */
export const eventCame = ({ rows }: Links, link: Link): void => {
  rows[(link << ROW_LOG2) + EVENTS]!--
}

/** Once neither direction is alive and nothing names either, the numbers are free. */
export const freeIfOver = (links: Links, link: Link): void => {
  const even = link & ~1
  if (!isOver(links, even) || !isOver(links, even + 1)) return
  set(links, even, FREE, true)
  set(links, even + 1, FREE, true)
  links.free.push(even)
}

const isOver = (links: Links, link: Link): boolean =>
  (word(links, link, FLAGS) & (CLOSED | QUEUED | FREE)) === CLOSED && word(links, link, EVENTS) === 0

/** All numbers in use, in order: for tests and tools. */
export const all = (links: Links): ReadonlyArray<Link> => {
  const inUse: Array<Link> = []
  for (let link = 0; link < links.touched; link++) if (!is(links, link, FREE)) inUse.push(link)
  assert(inUse.length + 2 * links.free.length === links.touched, "a number is in use or free")
  return inUse
}
