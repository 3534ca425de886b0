/**
 * The rows of a routing table, bucket by bucket, in two typed arrays: a node of a large simulated swarm has to be small,
 * and 150 rows are searched faster than a Map is kept.
 *
 * ```
 *   bucket 0                                bucket 1
 *   ├── 8 in use ──────┤├── 4 waiting ─────┤├── 8 in use ── …
 *   id 20 ‖ endpoint 6 or 18 ‖ failures 1 ‖ flags 1        and, apart, when it was last heard of
 * ```
 * A row whose port is 0 is free. Nodes in use have all answered us; those that wait may only have asked.
 */
import type { Bytes } from "../base/Bytes.ts"
import type { Millis } from "../base/Time.ts"
import * as Compact from "./Compact.ts"
import * as NodeId from "./NodeId.ts"

/** Nodes of a bucket in use (BEP 5: K = 8). */
export const K = 8

/** Nodes that wait for a place in a bucket: enough to replace those that went, for others turn up all the time. */
export const WAITING = 4

/** Rows of a bucket. */
export const ROWS = K + WAITING

/** The node has answered a question of ours, so it is where it says it is. */
export const ANSWERED = 1
/** Its id fits its address (BEP 42). */
export const FITS = 2

const ID_BYTES = NodeId.BYTES

/** Mutable, one owner. Row `r` stands in bucket `r / ROWS`, rounded down. */
export interface Rows {
  readonly family: Compact.Family
  readonly rowBytes: number
  bytes: Uint8Array
  seenAt: Float64Array
}

/** No row. */
export const NONE = -1

/** Room for one bucket. */
export const make = (family: Compact.Family): Rows => {
  const rowBytes = ID_BYTES + Compact.peerBytes(family) + 2
  return { family, rowBytes, bytes: new Uint8Array(ROWS * rowBytes), seenAt: new Float64Array(ROWS) }
}

/** Adds a bucket at the end. */
export const grow = (rows: Rows): void => {
  const bytes = new Uint8Array(rows.bytes.length + ROWS * rows.rowBytes)
  bytes.set(rows.bytes)
  rows.bytes = bytes
  const seenAt = new Float64Array(rows.seenAt.length + ROWS)
  seenAt.set(rows.seenAt)
  rows.seenAt = seenAt
}

/** Where a row begins in `bytes`. */
export const offset = (rows: Rows, row: number): number => row * rows.rowBytes

export const isFree = ({ bytes, rowBytes }: Rows, row: number): boolean => {
  const at = (row + 1) * rowBytes - 4
  return bytes[at] === 0 && bytes[at + 1] === 0
}

/** Whether a row is among those in use of its bucket, free or not. */
export const isInUse = (row: number): boolean => row % ROWS < K

export const failures = (rows: Rows, row: number): number => rows.bytes[(row + 1) * rows.rowBytes - 2]!

export const setFailures = (rows: Rows, row: number, count: number): void => {
  rows.bytes[(row + 1) * rows.rowBytes - 2] = Math.min(count, 255)
}

export const has = (rows: Rows, row: number, flag: number): boolean =>
  (rows.bytes[(row + 1) * rows.rowBytes - 1]! & flag) !== 0

/** The node's id, a copy. */
export const id = (rows: Rows, row: number): Bytes => {
  const at = offset(rows, row)
  return rows.bytes.slice(at, at + ID_BYTES)
}

/** Where the node is, a copy of 6 or 18 bytes. */
export const endpoint = (rows: Rows, row: number): Bytes => {
  const at = offset(rows, row) + ID_BYTES
  return rows.bytes.slice(at, at + Compact.peerBytes(rows.family))
}

export const write = (
  rows: Rows,
  row: number,
  id: Bytes,
  endpoint: Bytes,
  flags: number,
  seenAt: Millis,
): void => {
  const at = offset(rows, row)
  rows.bytes.set(id, at)
  rows.bytes.set(endpoint, at + ID_BYTES)
  rows.bytes[at + rows.rowBytes - 2] = 0
  rows.bytes[at + rows.rowBytes - 1] = flags
  rows.seenAt[row] = seenAt
}

/** The node in a row has answered, and left nothing unanswered since. */
export const refresh = (rows: Rows, row: number, now: Millis): void => {
  const at = offset(rows, row + 1)
  rows.bytes[at - 2] = 0
  rows.bytes[at - 1]! |= ANSWERED
  rows.seenAt[row] = now
}

export const clear = (rows: Rows, row: number): void => {
  rows.bytes.fill(0, offset(rows, row), offset(rows, row + 1))
  rows.seenAt[row] = 0
}

/** Moves a row to a free place. */
export const move = (rows: Rows, from: number, to: number): void => {
  rows.bytes.copyWithin(offset(rows, to), offset(rows, from), offset(rows, from + 1))
  rows.seenAt[to] = rows.seenAt[from]!
  clear(rows, from)
}

/** A free row of a bucket, in use or waiting; {@link NONE} where that part is full. */
export const free = (rows: Rows, bucket: number, inUse: boolean): number => {
  const first = bucket * ROWS
  for (let row = inUse ? first : first + K; row < (inUse ? first + K : first + ROWS); row++) {
    if (isFree(rows, row)) return row
  }
  return NONE
}

/** The row of a node at this endpoint, 6 or 18 bytes; {@link NONE} if there is none. */
export const atEndpoint = (rows: Rows, endpoint: Bytes): number => {
  const { bytes, rowBytes, seenAt } = rows
  // Ports differ more than hosts: most rows are passed after one byte.
  const last = endpoint.length - 1
  const port = endpoint[last]
  for (let row = 0, at = ID_BYTES; row < seenAt.length; row++, at += rowBytes) {
    if (bytes[at + last] === port && isSame(bytes, at, endpoint, 0, endpoint.length)) return row
  }
  return NONE
}

/** The row of a bucket that has this id; {@link NONE} if there is none. */
export const withId = (rows: Rows, bucket: number, id: Bytes): number => {
  for (let row = bucket * ROWS; row < (bucket + 1) * ROWS; row++) {
    if (!isFree(rows, row) && isSame(rows.bytes, offset(rows, row), id, 0, ID_BYTES)) return row
  }
  return NONE
}

/** Rows of a bucket, in use or waiting, whose hosts begin with the same `length` bytes. */
export const countHosts = (
  rows: Rows,
  bucket: number,
  endpoint: Bytes,
  length: number,
): number => {
  let count = 0
  for (let row = bucket * ROWS; row < (bucket + 1) * ROWS; row++) {
    if (
      !isFree(rows, row) &&
      isSame(rows.bytes, offset(rows, row) + ID_BYTES, endpoint, 0, length)
    ) count++
  }
  return count
}

/** Whether the node in row `a` is nearer to `target` than that in row `b` (XOR metric). */
export const isNearer = (rows: Rows, a: number, b: number, target: Bytes): boolean => {
  const { bytes } = rows
  let atA = offset(rows, a)
  let atB = offset(rows, b)
  for (let i = 0; i < ID_BYTES; i++, atA++, atB++) {
    if (bytes[atA] !== bytes[atB]) return (bytes[atA]! ^ target[i]!) < (bytes[atB]! ^ target[i]!)
  }
  return false
}

/** Whether the same `length` bytes stand at both places. */
export const isSame = (a: Bytes, atA: number, b: Bytes, atB: number, length: number): boolean => {
  for (let i = 0; i < length; i++) if (a[atA + i] !== b[atB + i]) return false
  return true
}
