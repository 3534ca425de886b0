/** The figures that sum a recording up: when the peers of each class were complete, who gave how much. */
import type { PeerRecord, Recording } from "../../core/sim/record/Recording.ts"
import * as Estimate from "../../core/sim/scenario/Estimate.ts"
import * as Statistics from "../../core/sim/scenario/Statistics.ts"

/** From arrival to completion, over those that completed; `undefined`: nobody did. */
export interface Distribution {
  readonly min: number
  readonly p10: number
  readonly p25: number
  readonly median: number
  readonly p75: number
  readonly p90: number
  readonly p95: number
  readonly max: number
  readonly mean: number
}

/** Payload, in bytes. */
export interface ClassFigures {
  readonly name: string
  readonly role: "seeder" | "leecher"
  readonly behaviour: string
  /** It is there for a copy. Others are seeders, or scripted peers, whose payload nobody counts. */
  readonly wantsCopy: boolean
  readonly peers: number
  /** Of those that are there for a copy. */
  readonly completed: number
  readonly completionSeconds: Distribution | undefined
  readonly downloadedBytes: number
  readonly uploadedBytes: number
  /** Given for taken; `undefined` where nothing was taken. */
  readonly ratio: number | undefined
  readonly wastedBytes: number
}

export interface Figures {
  readonly completionSeconds: Distribution | undefined
  /** When the last leecher was complete, from the start of the run. */
  readonly lastCompletionSeconds: number | undefined
  readonly classes: ReadonlyArray<ClassFigures>
  /** How evenly the leechers gave: Jain's index, Gini's coefficient, and the curve of Lorenz they come from. */
  readonly fairness: {
    readonly jain: number | undefined
    readonly gini: number | undefined
    /** The part of all uploads that the `i / (n - 1)` of leechers who gave least gave together. */
    readonly lorenz: ReadonlyArray<number>
  }
}

const MAX_POINTS = 101

/** All figures of a recording. */
export const make = (recording: Recording): Figures => {
  const { peers, scenario } = recording
  const times = completionTimes(recording)
  const leechers = peers.filter((peer) => wantsCopy(recording, peer))
  const uploads = leechers.map(({ uploadedBytes }) => uploadedBytes).sort((a, b) => a - b)
  const lasts = leechers.flatMap(({ completedAtMs }) => completedAtMs ?? [])
  return {
    completionSeconds: distribution(times.flat().sort((a, b) => a - b)),
    lastCompletionSeconds: lasts.length === 0 ? undefined : seconds(lasts.reduce((a, b) => Math.max(a, b))),
    classes: scenario.classes.map((peerClass, index) => {
      const { behaviour, name, role } = peerClass
      const members = peers.filter(({ classIndex }) => classIndex === index)
      const downloadedBytes = sum(members, (peer) => peer.downloadedBytes)
      const uploadedBytes = sum(members, (peer) => peer.uploadedBytes)
      return {
        name,
        role,
        behaviour,
        wantsCopy: Statistics.isDownloader(peerClass),
        peers: members.length,
        completed: times[index]!.length,
        completionSeconds: distribution(times[index]!),
        downloadedBytes,
        uploadedBytes,
        ratio: ratio(uploadedBytes, downloadedBytes),
        wastedBytes: sum(members, (peer) => peer.wastedBytes),
      }
    }),
    fairness: {
      jain: rounded(Estimate.fairness(uploads)),
      gini: gini(uploads),
      lorenz: lorenz(uploads),
    },
  }
}

/** Milliseconds from arrival to completion, ascending, by class; seeders have none. */
export const completionTimes = (recording: Recording): ReadonlyArray<ReadonlyArray<number>> =>
  recording.scenario.classes.map((_, index) =>
    recording.peers
      .filter(({ classIndex }) => classIndex === index)
      .flatMap((peer) => completionMs(recording, peer) ?? [])
      .sort((a, b) => a - b)
  )

/** From arrival to completion; `undefined` of a seeder, and of who isn't complete. */
export const completionMs = (recording: Recording, peer: PeerRecord): number | undefined =>
  wantsCopy(recording, peer) && peer.completedAtMs !== undefined
    ? peer.completedAtMs - peer.arrivedAtMs
    : undefined

/** Given for taken; `undefined` where nothing was taken. */
export const ratio = (uploadedBytes: number, downloadedBytes: number): number | undefined =>
  downloadedBytes === 0 ? undefined : rounded(uploadedBytes / downloadedBytes)

const wantsCopy = ({ scenario }: Recording, { classIndex }: PeerRecord): boolean => {
  const peerClass = scenario.classes[classIndex]
  return peerClass !== undefined && Statistics.isDownloader(peerClass)
}

const distribution = (times: ReadonlyArray<number>): Distribution | undefined => {
  if (times.length === 0) return undefined
  const at = (part: number): number => seconds(Estimate.quantile(times, part))
  return {
    min: at(0),
    p10: at(0.1),
    p25: at(0.25),
    median: at(0.5),
    p75: at(0.75),
    p90: at(0.9),
    p95: at(0.95),
    max: at(1),
    mean: seconds(Estimate.mean(times)),
  }
}

/** 0 where all gave the same, towards 1 where one gave all; `values` ascending. `undefined` where nobody gave anything. */
const gini = (values: ReadonlyArray<number>): number | undefined => {
  const total = values.reduce((a, b) => a + b, 0)
  if (total === 0) return undefined
  const weighted = values.reduce((all, value, i) => all + (2 * (i + 1) - values.length - 1) * value, 0)
  return rounded(weighted / (values.length * total))
}

const lorenz = (values: ReadonlyArray<number>): ReadonlyArray<number> => {
  const total = values.reduce((a, b) => a + b, 0)
  if (total === 0) return []
  const sums = [0]
  for (const value of values) sums.push(sums[sums.length - 1]! + value)
  const points = Math.min(sums.length, MAX_POINTS)
  return Array.from(
    { length: points },
    (_, i) => rounded(sums[Math.round(i * (sums.length - 1) / (points - 1))]! / total)!,
  )
}

const sum = (peers: ReadonlyArray<PeerRecord>, of: (peer: PeerRecord) => number): number =>
  peers.reduce((all, peer) => all + of(peer), 0)

const seconds = (ms: number): number => Math.round(ms) / 1_000

/** Four decimals; `undefined` of what is no number. */
const rounded = (value: number): number | undefined =>
  Number.isFinite(value) ? Math.round(value * 10_000) / 10_000 : undefined
