/** What is noted of each peer of a simulated swarm, from its arrival to its end: a record a peer, whatever the run's length. */
import type { Millis } from "../../base/Time.ts"
import type * as State from "../../torrent/State.ts"
import type { NodeView } from "../Observer.ts"

/** The client's own counters, which begin anew when it does. */
export interface Counters {
  downloadedBytes: number
  uploadedBytes: number
  wastedBytes: number
  hashFailures: number
}

/** Mutable, one a node. */
export interface Member {
  readonly node: NodeView
  /** Index into the scenario's classes. */
  readonly classIndex: number
  readonly arrivedAt: Millis
  completedAt: Millis | undefined
  /** When it was last seen going; `undefined` while it is there. */
  leftAt: Millis | undefined
  isUp: boolean
  sessions: number
  crashes: number
  /** Payload in all sessions; what the client that runs now says is in `seen`, too. */
  readonly total: Counters
  /** What the client that runs now had counted when it was last asked. */
  readonly seen: Counters
  /** As the network saw it: everything, the protocol's own bytes too. */
  sentBytes: number
  receivedBytes: number
  /** The torrent as it was last seen: updated in place by its client, so that it can be read once that is gone. */
  torrent: State.Torrent | undefined
  /** Peers that let it download at this moment. */
  openers: number
  openedAt: Millis
  /** Time in which at least one peer let it download. */
  unchokedMs: Millis
  /** How often a peer began to let it download. */
  unchokes: number
  /** Pieces it has, as far as they are counted. */
  pieces: number
}

export const make = (node: NodeView, classIndex: number, now: Millis): Member => ({
  node,
  classIndex,
  arrivedAt: now,
  completedAt: undefined,
  leftAt: undefined,
  isUp: false,
  sessions: 0,
  crashes: 0,
  total: { downloadedBytes: 0, uploadedBytes: 0, wastedBytes: 0, hashFailures: 0 },
  seen: { downloadedBytes: 0, uploadedBytes: 0, wastedBytes: 0, hashFailures: 0 },
  sentBytes: 0,
  receivedBytes: 0,
  torrent: undefined,
  openers: 0,
  openedAt: now,
  unchokedMs: 0,
  unchokes: 0,
  pieces: 0,
})

/** A client has begun, with what it knew from before. */
export const begin = (member: Member): void => {
  member.isUp = true
  member.leftAt = undefined
  member.sessions++
  member.torrent = undefined
  // What it has of earlier, it will be asked.
  member.pieces = 0
  Object.assign(member.seen, { downloadedBytes: 0, uploadedBytes: 0, wastedBytes: 0, hashFailures: 0 })
}

/** The client has ended. */
export const end = (member: Member, why: "left" | "crashed", now: Millis): void => {
  member.isUp = false
  member.leftAt = now
  if (why === "crashed") member.crashes++
  member.torrent = undefined
  if (member.openers > 0) member.unchokedMs += now - member.openedAt
  member.openers = 0
}

/** One more peer lets it download. */
export const open = (member: Member, now: Millis): void => {
  if (member.openers++ === 0) member.openedAt = now
  member.unchokes++
}

/** One less does. */
export const close = (member: Member, now: Millis): void => {
  if (member.openers > 0 && --member.openers === 0) member.unchokedMs += now - member.openedAt
}

/** Reads the client's counters into the totals; nothing where there is no client to ask. */
export const poll = (member: Member): void => {
  const torrent = (member.isUp ? member.node.torrent() : undefined) ?? member.torrent
  if (torrent === undefined) return
  member.torrent = torrent
  const { seen, total } = member
  const { downloadRate, hashFailures, uploadRate, wastedBytes } = torrent
  total.downloadedBytes += downloadRate.totalBytes - seen.downloadedBytes
  total.uploadedBytes += uploadRate.totalBytes - seen.uploadedBytes
  total.wastedBytes += wastedBytes - seen.wastedBytes
  total.hashFailures += hashFailures - seen.hashFailures
  seen.downloadedBytes = downloadRate.totalBytes
  seen.uploadedBytes = uploadRate.totalBytes
  seen.wastedBytes = wastedBytes
  seen.hashFailures = hashFailures
}
