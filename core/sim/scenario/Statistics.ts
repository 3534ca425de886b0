/** What comes out of a run: who was done when, and who gave how much. An observer, and a summary at any time. */
import type { Millis } from "../../base/Time.ts"
import type { NodeView, Observer } from "../Observer.ts"
import type { PeerClass, Scenario } from "../Scenario.ts"
import * as Estimate from "./Estimate.ts"

/** Times from the least to the greatest; milliseconds from coming to being complete. NaN of nothing. */
export interface Spread {
  readonly min: Millis
  readonly median: Millis
  readonly mean: Millis
  readonly p95: Millis
  readonly max: Millis
}

/** The nodes of a class, together. */
export interface ClassSummary {
  readonly name: string
  readonly role: PeerClass["role"]
  readonly behaviour: PeerClass["behaviour"]
  readonly count: number
  /** Nodes that have come so far. */
  readonly arrived: number
  /** Leechers that have everything; seeders don't count. */
  readonly completed: number
  readonly completion: Spread
  /** Wire bytes that reached others, and that came. */
  readonly uploadedBytes: number
  readonly downloadedBytes: number
  /** Given for taken, of the class as a whole; NaN if it has taken nothing. */
  readonly ratio: number
  /** Jain's index over what each node has given: 1 where all have given the same. */
  readonly fairness: number
}

export interface Summary {
  /** Leechers that are there to download: honest ones and free riders. */
  readonly peers: number
  /** Those of them that have had everything. */
  readonly completed: number
  readonly completion: Spread
  /** When the last of them was complete, from the start of the run; NaN if none was. */
  readonly lastCompletionAtMs: Millis
  /** What honest seeders gave, as multiples of the torrent's size. */
  readonly seederCopies: number
  /**
   * Honest seeders' copies until every piece had first been verified somewhere else: 1 is as good as it gets. NaN if that
   * has not happened.
   */
  readonly firstCopyCost: number
  /** Jain's index over the ratio (given for taken) of each honest leecher: 1 where everybody gets what he gives. */
  readonly fairness: number
  readonly classes: ReadonlyArray<ClassSummary>
}

/** Mutable, one owner: the run that it observes. */
export interface Statistics {
  readonly observer: Observer
  /** Leechers that have everything, for progress. */
  readonly completed: () => number
  readonly summary: () => Summary
}

/** What is known of a node. */
interface Tally {
  readonly peerClass: PeerClass
  readonly firstUpAt: Millis
  completedAt: Millis | undefined
  uploadedBytes: number
  downloadedBytes: number
}

/** True of nodes that want a copy. */
export const isDownloader = ({ behaviour, role }: Pick<PeerClass, "behaviour" | "role">): boolean =>
  role === "leecher" && (behaviour === "honest" || behaviour === "free-rider")

/** How many nodes of a scenario want a copy. */
export const downloaders = (scenario: Scenario): number =>
  scenario.classes.reduce((sum, one) => sum + (isDownloader(one) ? one.count : 0), 0)

const isSource = ({ behaviour, role }: PeerClass): boolean => role === "seeder" && behaviour === "honest"

/** Statistics of a run that has not begun. */
export const make = (scenario: Scenario): Statistics => {
  const tallies: Array<Tally | undefined> = []
  const copied = new Set<number>()
  const pieceCount = Math.ceil(scenario.sizeBytes / scenario.pieceBytes)
  let completed = 0
  let seededBytes = 0
  let firstCopyBytes: number | undefined

  const tallyOf = (node: NodeView, now: Millis): Tally =>
    tallies[node.index] ??= {
      peerClass: node.peerClass,
      firstUpAt: now,
      completedAt: undefined,
      uploadedBytes: 0,
      downloadedBytes: 0,
    }

  const observer: Observer = {
    nodeUp: (node, now) => void tallyOf(node, now),
    delivered: (from, to, _, bytes, now) => {
      tallyOf(from, now).uploadedBytes += bytes.length
      tallyOf(to, now).downloadedBytes += bytes.length
      if (isSource(from.peerClass)) seededBytes += bytes.length
    },
    pieceOnDisk: (node, piece, isRight) => {
      if (!isRight || node.peerClass.role === "seeder" || firstCopyBytes !== undefined) return
      copied.add(piece)
      if (copied.size === pieceCount) firstCopyBytes = seededBytes
    },
    completed: (node, now) => {
      const tally = tallyOf(node, now)
      // A node that crashed completes again.
      if (!isDownloader(tally.peerClass) || tally.completedAt !== undefined) return
      tally.completedAt = now
      completed++
    },
  }

  return {
    observer,
    completed: () => completed,
    summary: () => ({
      peers: downloaders(scenario),
      completed,
      ...summarise(scenario, tallies.filter((tally) => tally !== undefined)),
      seederCopies: seededBytes / scenario.sizeBytes,
      firstCopyCost: firstCopyBytes === undefined ? NaN : firstCopyBytes / scenario.sizeBytes,
    }),
  }
}

const summarise = (scenario: Scenario, tallies: ReadonlyArray<Tally>) => {
  const done = tallies.filter(({ completedAt }) => completedAt !== undefined)
  const honest = tallies.filter(({ peerClass }) =>
    isDownloader(peerClass) && peerClass.behaviour === "honest"
  )
  return {
    completion: spread(done),
    lastCompletionAtMs: done.length === 0
      ? NaN
      : done.reduce((last, one) => larger(last, one.completedAt!), 0),
    fairness: Estimate.fairness(honest.map(ratio).filter((value) => value === value)),
    classes: scenario.classes.map((peerClass) =>
      ofClass(peerClass, tallies.filter((tally) => tally.peerClass.name === peerClass.name))
    ),
  }
}

const ofClass = (peerClass: PeerClass, tallies: ReadonlyArray<Tally>): ClassSummary => {
  const { behaviour, count, name, role } = peerClass
  const done = tallies.filter(({ completedAt }) => completedAt !== undefined)
  const uploadedBytes = tallies.reduce((sum, tally) => sum + tally.uploadedBytes, 0)
  const downloadedBytes = tallies.reduce((sum, tally) => sum + tally.downloadedBytes, 0)
  return {
    name,
    role,
    behaviour,
    count,
    arrived: tallies.length,
    completed: done.length,
    completion: spread(done),
    uploadedBytes,
    downloadedBytes,
    ratio: ratio({ uploadedBytes, downloadedBytes }),
    fairness: Estimate.fairness(tallies.map((tally) => tally.uploadedBytes)),
  }
}

const larger = (a: number, b: number): number => a > b ? a : b

const ratio = (one: { readonly uploadedBytes: number; readonly downloadedBytes: number }): number =>
  one.downloadedBytes === 0 ? NaN : one.uploadedBytes / one.downloadedBytes

const spread = (done: ReadonlyArray<Tally>): Spread => {
  const times = done.map(({ completedAt, firstUpAt }) => completedAt! - firstUpAt)
  return {
    min: Estimate.quantile(times, 0),
    median: Estimate.quantile(times, 0.5),
    mean: Estimate.mean(times),
    p95: Estimate.quantile(times, 0.95),
    max: Estimate.quantile(times, 1),
  }
}
