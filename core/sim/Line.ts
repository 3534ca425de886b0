/**
 * The nodes' access to the network: how fast, from when on free, and whose turn it is to send. All nodes' lines are rows
 * of two tables, for each event is about another node's; the turns are lists that run through the links themselves.
 */
import type { Millis } from "../base/Time.ts"
import * as Link from "./Link.ts"
import * as Reader from "./Reader.ts"

/** What one turn on the line may send: a while's worth, at least a block with its header, at most a read. */
const TURN_MS = 50
const MIN_TURN_BYTES = 16_896

const ROW_LOG2 = 3

// Bytes a millisecond; 0: unlimited.
const UPLOAD_RATE = 0
const DOWNLOAD_RATE = 1
/** One way, to the middle of the network. */
const LATENCY_MS = 2
/** Bytes that one connection sends before it is another's turn. */
const QUANTUM = 3
const UPLOAD_FREE_AT = 4
const DOWNLOAD_FREE_AT = 5

// Links that have little to say go first, as with fair queueing: they wait for each other only.
export const URGENT = 0
export const PATIENT = 2
/** The queue will say when the line is free to send. */
const ARMED = 4

/** Mutable, owned by the network. */
export interface Lines {
  readonly numbers: Float64Array
  /** The first and the last link of each kind of turns, and whether the line is armed. */
  readonly turns: Int32Array
}

/** The lines of so many nodes, each to be {@link set}. */
export const make = (count: number): Lines => ({
  numbers: new Float64Array(count << ROW_LOG2),
  turns: new Int32Array(count << ROW_LOG2).fill(Link.NONE),
})

export const set = (
  { numbers, turns }: Lines,
  node: number,
  uploadBytesPerSec: number,
  downloadBytesPerSec: number,
  latencyMs: Millis,
): void => {
  const at = node << ROW_LOG2
  numbers[at + UPLOAD_RATE] = uploadBytesPerSec / 1_000
  numbers[at + DOWNLOAD_RATE] = downloadBytesPerSec / 1_000
  numbers[at + LATENCY_MS] = latencyMs
  numbers[at + QUANTUM] = uploadBytesPerSec === 0 ? Reader.READ_BYTES : Math.min(
    Reader.READ_BYTES,
    Math.max(MIN_TURN_BYTES, Math.floor(uploadBytesPerSec * TURN_MS / 1_000)),
  )
  turns[at + ARMED] = 0
}

/** One way, from node to node. */
export const latencyMs = ({ numbers }: Lines, a: number, b: number): Millis =>
  numbers[(a << ROW_LOG2) + LATENCY_MS]! + numbers[(b << ROW_LOG2) + LATENCY_MS]!

/** One way, to the middle of the network. */
export const ownLatencyMs = ({ numbers }: Lines, node: number): Millis =>
  numbers[(node << ROW_LOG2) + LATENCY_MS]!

export const quantum = ({ numbers }: Lines, node: number): number => numbers[(node << ROW_LOG2) + QUANTUM]!

export const uploadFreeAt = ({ numbers }: Lines, node: number): Millis =>
  numbers[(node << ROW_LOG2) + UPLOAD_FREE_AT]!

export const downloadFreeAt = ({ numbers }: Lines, node: number): Millis =>
  numbers[(node << ROW_LOG2) + DOWNLOAD_FREE_AT]!

/** What is sent now takes its time on the line; returns when its last byte has left. */
export const upload = ({ numbers }: Lines, node: number, now: Millis, bytes: number): Millis => {
  const at = node << ROW_LOG2
  const rate = numbers[at + UPLOAD_RATE]!
  const from = numbers[at + UPLOAD_FREE_AT]! > now ? numbers[at + UPLOAD_FREE_AT]! : now
  const until = rate > 0 ? from + bytes / rate : from
  numbers[at + UPLOAD_FREE_AT] = until
  return until
}

/** What has come from another node's line takes its time on this one, too; returns when its last byte is in. */
export const download = (
  { numbers }: Lines,
  node: number,
  sender: number,
  now: Millis,
  bytes: number,
): Millis => {
  const at = node << ROW_LOG2
  const rate = numbers[at + DOWNLOAD_RATE]!
  if (rate === 0) return now
  // The first byte came in when it had left the sender's line, and all that time the rest was coming, too.
  const theirs = numbers[(sender << ROW_LOG2) + UPLOAD_RATE]!
  const began = theirs > 0 ? now - bytes / theirs : now
  const from = numbers[at + DOWNLOAD_FREE_AT]! > began ? numbers[at + DOWNLOAD_FREE_AT]! : began
  const until = from + bytes / rate
  numbers[at + DOWNLOAD_FREE_AT] = until
  return until
}

export const isArmed = ({ turns }: Lines, node: number): boolean => turns[(node << ROW_LOG2) + ARMED] !== 0

export const setArmed = ({ turns }: Lines, node: number, isArmed: boolean): void => {
  turns[(node << ROW_LOG2) + ARMED] = isArmed ? 1 : 0
}

/** A link waits for its turn behind the others. */
export const queue = (
  lines: Lines,
  links: Link.Links,
  node: number,
  link: Link.Link,
  which: number,
): void => {
  const { turns } = lines
  const at = (node << ROW_LOG2) + which
  const last = turns[at + 1]!
  Link.set(links, link, Link.QUEUED, true)
  Link.setNextTurn(links, link, Link.NONE)
  if (last === Link.NONE) turns[at] = link
  else Link.setNextTurn(links, last, link)
  turns[at + 1] = link
}

/** Whose turn it is; NONE: nobody waits. */
export const take = (lines: Lines, links: Link.Links, node: number): Link.Link => {
  const { turns } = lines
  const row = node << ROW_LOG2
  const at = turns[row + URGENT] === Link.NONE ? row + PATIENT : row + URGENT
  const link = turns[at]!
  if (link === Link.NONE) return Link.NONE
  turns[at] = Link.nextTurn(links, link)
  if (turns[at] === Link.NONE) turns[at + 1] = Link.NONE
  Link.set(links, link, Link.QUEUED, false)
  return link
}

export const isWaiting = ({ turns }: Lines, node: number): boolean => {
  const row = node << ROW_LOG2
  return turns[row + URGENT] !== Link.NONE || turns[row + PATIENT] !== Link.NONE
}
