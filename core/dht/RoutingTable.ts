/**
 * The nodes that we know (BEP 5, "routing table"): many near our own id, few far from it. Bucket `i` is for nodes whose
 * ids agree with ours in the first `i` bits and no further; the last one for all that agree in as many bits or more, and
 * only that one is ever split, for it is where our own id falls.
 *
 * A node is *good* for 15 minutes after it was heard of, *questionable* after that, and *bad* once it left two questions
 * in a row unanswered. A newcomer takes a free place, the place of a bad node, or waits until a questionable one, which
 * is asked again first, turns out to be bad: those that have been there for long will stay for longest.
 *
 * Against one machine that plays many: in a bucket one node an address and two a network, except in local networks. Ids
 * that don't fit their addresses (BEP 42) are kept as long as nobody else wants the place, as libtorrent does by default,
 * for many honest clients don't know of BEP 42.
 */
import { assert } from "../base/Assert.ts"
import type { Bytes } from "../base/Bytes.ts"
import * as IpBytes from "../base/IpBytes.ts"
import { type Millis, MINUTE } from "../base/Time.ts"
import * as Bucket from "./Bucket.ts"
import * as Compact from "./Compact.ts"
import * as NodeId from "./NodeId.ts"

/** So long after it was heard of a node is good (BEP 5). */
export const GOOD_MS: Millis = 15 * MINUTE

/** Questions in a row without an answer that make a node bad: one datagram may get lost. */
export const BAD_FAILURES = 2

/**
 * Questions in a row without an answer after which a node goes even if nobody takes its place. Not sooner, or an hour
 * without a network would leave us without a table (libtorrent: 20).
 */
export const MAX_FAILURES = 20

/** Nodes of one network (a /24, a /64) in a bucket. */
export const MAX_OF_NETWORK = 2

/** Bytes of a host that one customer's addresses share. */
export const NETWORK_BYTES: Readonly<Record<Compact.Family, number>> = { ipv4: 3, ipv6: 8 }

/** Beyond it ids agree in all bits. */
const MAX_BUCKETS = NodeId.BITS

/** Buckets that a split may make empty: farther down eight nodes and a newcomer are never by chance all that much nearer. */
const MAX_UNDIVIDED = 8

/** Mutable, one owner. */
export interface RoutingTable {
  ownId: NodeId.NodeId
  readonly rows: Bucket.Rows
  /** When a bucket last got to know that one of its nodes lives, by bucket (BEP 5). */
  changedAt: Float64Array
}

export const make = (family: Compact.Family, ownId: NodeId.NodeId, now: Millis): RoutingTable => ({
  ownId,
  rows: Bucket.make(family),
  changedAt: Float64Array.of(now),
})

export const bucketCount = ({ changedAt }: RoutingTable): number => changedAt.length

/** The bucket that an id belongs to. */
export const bucketOf = (table: RoutingTable, id: NodeId.NodeId): number =>
  Math.min(NodeId.commonBits(table.ownId, id), bucketCount(table) - 1)

/** A node answered us: it is there, under this id and no other. */
export const answered = (
  table: RoutingTable,
  id: NodeId.NodeId,
  endpoint: Bytes,
  now: Millis,
): void => {
  const { rows } = table
  let row = Bucket.atEndpoint(rows, endpoint)
  if (row !== Bucket.NONE && !hasId(rows, row, id)) {
    Bucket.clear(rows, row)
    row = Bucket.NONE
  }
  if (NodeId.commonBits(table.ownId, id) === MAX_BUCKETS) return
  const bucket = bucketOf(table, id)
  if (row !== Bucket.NONE) {
    Bucket.refresh(rows, row, now)
    table.changedAt[bucket] = now
    if (!Bucket.isInUse(row)) admit(table, row, now)
    return
  }
  const known = Bucket.withId(rows, bucket, id)
  if (known !== Bucket.NONE) {
    // The same id elsewhere is a thief, or a node that moved: its port through a NAT, or away from where it was.
    if (!isSameHost(rows, known, endpoint) && Bucket.failures(rows, known) < BAD_FAILURES) return
    Bucket.clear(rows, known)
  }
  if (isCrowded(rows, bucket, endpoint)) return
  const place = waitingPlace(table, bucket, Bucket.ANSWERED)
  if (place === Bucket.NONE) return
  Bucket.write(rows, place, id, endpoint, Bucket.ANSWERED | fitsOf(id, endpoint), now)
  admit(table, place, now)
}

/**
 * A node asked us: if it has answered before, it is still there; if not, it may wait to be asked. True where there is
 * now somebody to be asked who wasn't before.
 */
export const asked = (
  table: RoutingTable,
  id: NodeId.NodeId,
  endpoint: Bytes,
  now: Millis,
): boolean => {
  const { rows } = table
  const row = Bucket.atEndpoint(rows, endpoint)
  if (row !== Bucket.NONE) {
    // Anybody can put any source on a datagram: it keeps a node good, but makes no bad one good again.
    if (hasId(rows, row, id) && Bucket.failures(rows, row) === 0) rows.seenAt[row] = now
    return false
  }
  if (NodeId.commonBits(table.ownId, id) === MAX_BUCKETS) return false
  const bucket = bucketOf(table, id)
  if (Bucket.withId(rows, bucket, id) !== Bucket.NONE || isCrowded(rows, bucket, endpoint)) return false
  if (!hasRoom(table, bucket)) return false
  const place = waitingPlace(table, bucket, 0)
  if (place === Bucket.NONE) return false
  Bucket.write(rows, place, id, endpoint, fitsOf(id, endpoint), now)
  return true
}

/** A node left a question unanswered. */
export const failed = (table: RoutingTable, endpoint: Bytes, now: Millis): void => {
  const { rows } = table
  const row = Bucket.atEndpoint(rows, endpoint)
  if (row === Bucket.NONE) return
  if (!Bucket.isInUse(row)) return Bucket.clear(rows, row)
  const failures = Bucket.failures(rows, row) + 1
  Bucket.setFailures(rows, row, failures)
  if (failures >= MAX_FAILURES) Bucket.clear(rows, row)
  if (failures >= BAD_FAILURES) {
    const bucket = Math.floor(row / Bucket.ROWS)
    const next = freshestWaiting(rows, bucket)
    if (next !== Bucket.NONE) admit(table, next, now)
  }
}

/** The rows of up to `count` nodes that are not bad, nearest to `target` first. */
export const closest = (table: RoutingTable, target: NodeId.NodeId, count: number): Array<number> => {
  const found: Array<number> = []
  const last = bucketCount(table) - 1
  const home = bucketOf(table, target)
  // All of one of these groups are nearer than all of the next: the target's own bucket, what is nearer to us than that,
  // and outwards from it.
  collect(table, home, home, target, count, found)
  if (found.length < count && home < last) collect(table, home + 1, last, target, count, found)
  for (let bucket = home - 1; bucket >= 0 && found.length < count; bucket--) {
    collect(table, bucket, bucket, target, count, found)
  }
  return found
}

/** Adds the nodes of these buckets behind those that were found, nearest first, up to `count` in all. */
const collect = (
  { rows }: RoutingTable,
  from: number,
  to: number,
  target: NodeId.NodeId,
  count: number,
  found: Array<number>,
): void => {
  const start = found.length
  for (let bucket = from; bucket <= to; bucket++) {
    for (let row = bucket * Bucket.ROWS; row < bucket * Bucket.ROWS + Bucket.K; row++) {
      if (Bucket.isFree(rows, row) || Bucket.failures(rows, row) >= BAD_FAILURES) continue
      let at = found.length
      while (at > start && Bucket.isNearer(rows, row, found[at - 1]!, target)) at--
      if (at >= count) continue
      found.splice(at, 0, row)
      if (found.length > count) found.pop()
    }
  }
}

/** Whether a node that has answered us is in the table at this endpoint, in use or waiting. */
export const hasAnswered = ({ rows }: RoutingTable, endpoint: Bytes): boolean => {
  const row = Bucket.atEndpoint(rows, endpoint)
  return row !== Bucket.NONE && Bucket.has(rows, row, Bucket.ANSWERED)
}

export interface Census {
  readonly good: number
  readonly questionable: number
  readonly bad: number
}

/** How many nodes are in use. */
export const census = ({ rows }: RoutingTable, now: Millis): Census => {
  let good = 0
  let questionable = 0
  let bad = 0
  for (let row = 0; row < rows.seenAt.length; row++) {
    if (!Bucket.isInUse(row) || Bucket.isFree(rows, row)) continue
    if (Bucket.failures(rows, row) >= BAD_FAILURES) bad++
    else if (now < rows.seenAt[row]! + GOOD_MS) good++
    else questionable++
  }
  return { good, questionable, bad }
}

/** Nodes in use, whatever their state. */
export const size = ({ rows }: RoutingTable): number => {
  let count = 0
  for (let row = 0; row < rows.seenAt.length; row++) {
    if (Bucket.isInUse(row) && !Bucket.isFree(rows, row)) count++
  }
  return count
}

/** Rows of the nodes in use that are not bad, in the order of the table. */
export const inUse = ({ rows }: RoutingTable): ReadonlyArray<number> => {
  const found: Array<number> = []
  for (let row = 0; row < rows.seenAt.length; row++) {
    if (
      Bucket.isInUse(row) && !Bucket.isFree(rows, row) && Bucket.failures(rows, row) < BAD_FAILURES
    ) found.push(row)
  }
  return found
}

/** Gives us a new id and every node that has answered its new place; whoever finds none is forgotten. */
export const move = (table: RoutingTable, ownId: NodeId.NodeId, now: Millis): RoutingTable => {
  const next = make(table.rows.family, ownId, now)
  const { rows } = table
  // Those in use before those that wait, so that nobody loses a place to one who had none.
  for (const wasInUse of [true, false]) {
    for (let row = 0; row < rows.seenAt.length; row++) {
      if (Bucket.isInUse(row) !== wasInUse || Bucket.isFree(rows, row)) continue
      if (!Bucket.has(rows, row, Bucket.ANSWERED)) continue
      answered(next, Bucket.id(rows, row), Bucket.endpoint(rows, row), rows.seenAt[row]!)
    }
  }
  next.changedAt.fill(now)
  return next
}

/** Gives a waiting node that has answered its place, by splitting or replacing where that is due; else it goes on waiting. */
const admit = (table: RoutingTable, waiting: number, now: Millis): void => {
  const { rows } = table
  assert(Bucket.has(rows, waiting, Bucket.ANSWERED), "who has not answered has no place")
  let row = waiting
  for (;;) {
    const bucket = Math.floor(row / Bucket.ROWS)
    let place = Bucket.free(rows, bucket, true)
    if (place === Bucket.NONE) place = worst(rows, bucket, Bucket.has(rows, row, Bucket.FITS))
    if (place !== Bucket.NONE) {
      if (!Bucket.isFree(rows, place)) Bucket.clear(rows, place)
      Bucket.move(rows, row, place)
      table.changedAt[bucket] = now
      return
    }
    if (bucket < bucketCount(table) - 1 || bucketCount(table) === MAX_BUCKETS) return
    if (bucket >= MAX_UNDIVIDED && !isDivided(table, bucket, row)) return
    row = split(table, row)
  }
}

/** A node in use that has to go for a newcomer: a bad one, or one whose id doesn't fit for one whose id does. */
const worst = (rows: Bucket.Rows, bucket: number, forFitting: boolean): number => {
  let place = Bucket.NONE
  for (let row = bucket * Bucket.ROWS; row < bucket * Bucket.ROWS + Bucket.K; row++) {
    if (Bucket.failures(rows, row) >= BAD_FAILURES) return row
    if (!forFitting || Bucket.has(rows, row, Bucket.FITS)) continue
    if (place === Bucket.NONE || rows.seenAt[row]! < rows.seenAt[place]!) place = row
  }
  return place
}

/**
 * Whether a split of the last bucket would leave somebody behind. Where it would not, there is next to nothing to gain; and
 * a few who say that they are right next to us would make a hundred empty buckets, each to be refreshed for ever.
 */
const isDivided = (table: RoutingTable, bucket: number, newcomer: number): boolean => {
  const { rows } = table
  for (let row = bucket * Bucket.ROWS; row < (bucket + 1) * Bucket.ROWS; row++) {
    if (Bucket.isFree(rows, row) || (row !== newcomer && !Bucket.isInUse(row))) continue
    if (NodeId.commonBits(table.ownId, Bucket.id(rows, row)) === bucket) return true
  }
  return false
}

/** Splits the last bucket; gives where the row that is looked at came to stand. */
const split = (table: RoutingTable, watched: number): number => {
  const { rows } = table
  const bucket = bucketCount(table) - 1
  Bucket.grow(rows)
  const changedAt = new Float64Array(bucket + 2)
  changedAt.set(table.changedAt)
  changedAt[bucket + 1] = changedAt[bucket]!
  table.changedAt = changedAt
  let moved = watched
  for (let row = bucket * Bucket.ROWS; row < (bucket + 1) * Bucket.ROWS; row++) {
    if (Bucket.isFree(rows, row) || bucketOf(table, Bucket.id(rows, row)) === bucket) continue
    const to = row + Bucket.ROWS
    Bucket.move(rows, row, to)
    if (row === watched) moved = to
  }
  return moved
}

/** A place to wait in: a free one, or that of one who has less of a claim, and of those the one heard of longest ago. */
const waitingPlace = ({ rows }: RoutingTable, bucket: number, flags: number): number => {
  const free = Bucket.free(rows, bucket, false)
  if (free !== Bucket.NONE) return free
  let place = Bucket.NONE
  for (let row = bucket * Bucket.ROWS + Bucket.K; row < (bucket + 1) * Bucket.ROWS; row++) {
    if (Bucket.has(rows, row, Bucket.ANSWERED) && (flags & Bucket.ANSWERED) === 0) continue
    if (place === Bucket.NONE || isLess(rows, row, place)) place = row
  }
  return place
}

const isLess = (rows: Bucket.Rows, a: number, b: number): boolean => {
  const answeredA = Bucket.has(rows, a, Bucket.ANSWERED)
  return answeredA === Bucket.has(rows, b, Bucket.ANSWERED) ? rows.seenAt[a]! < rows.seenAt[b]! : !answeredA
}

/** Of those that wait and have answered the one that was heard of last. */
const freshestWaiting = (rows: Bucket.Rows, bucket: number): number => {
  let place = Bucket.NONE
  for (let row = bucket * Bucket.ROWS + Bucket.K; row < (bucket + 1) * Bucket.ROWS; row++) {
    if (Bucket.isFree(rows, row) || !Bucket.has(rows, row, Bucket.ANSWERED)) continue
    if (place === Bucket.NONE || rows.seenAt[row]! > rows.seenAt[place]!) place = row
  }
  return place
}

/** Whether one more node could get a place in a bucket, now or after a split. */
const hasRoom = (table: RoutingTable, bucket: number): boolean => {
  if (bucket === bucketCount(table) - 1) return true
  const { rows } = table
  for (let row = bucket * Bucket.ROWS; row < bucket * Bucket.ROWS + Bucket.K; row++) {
    if (Bucket.isFree(rows, row) || Bucket.failures(rows, row) >= BAD_FAILURES) return true
  }
  return false
}

const isCrowded = (rows: Bucket.Rows, bucket: number, endpoint: Bytes): boolean => {
  const { family } = rows
  if (IpBytes.isLocal(endpoint)) return false
  return Bucket.countHosts(rows, bucket, endpoint, endpoint.length - 2) > 0 ||
    Bucket.countHosts(rows, bucket, endpoint, NETWORK_BYTES[family]) >= MAX_OF_NETWORK
}

const fitsOf = (id: NodeId.NodeId, endpoint: Bytes): number =>
  NodeId.isValidFor(id, Compact.toAddress(endpoint).host) ? Bucket.FITS : 0

const hasId = (rows: Bucket.Rows, row: number, id: NodeId.NodeId): boolean =>
  Bucket.isSame(rows.bytes, Bucket.offset(rows, row), id, 0, id.length)

const isSameHost = (rows: Bucket.Rows, row: number, endpoint: Bytes): boolean =>
  Bucket.isSame(
    rows.bytes,
    Bucket.offset(rows, row) + NodeId.BYTES,
    endpoint,
    0,
    endpoint.length - 2,
  )
