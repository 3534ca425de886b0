/** What the report's page draws, small enough to be part of it: a recording with its numbers rounded and its tables packed. */
import { PAIR, type PeerRecord, type Recording, type Series } from "../../core/sim/record/Recording.ts"
import type { Scenario } from "../../core/sim/Scenario.ts"
import type { Violation } from "../../core/sim/check/Checker.ts"
import * as Figures from "./Figures.ts"
import type { Outcome } from "./Outcome.ts"

/** Numbers over time, one array a column; `slotMs` of virtual time each, from 0 on. */
export interface Lines {
  readonly slotMs: number
  readonly columns: ReadonlyArray<ReadonlyArray<number>>
}

export interface PageData {
  readonly version: string
  readonly outcome: Outcome
  readonly violations: ReadonlyArray<Violation>
  /** Violations beyond those listed. */
  readonly violationsLeftOut: number
  readonly scenario: Scenario
  readonly pieceCount: number
  readonly endMs: number
  readonly figures: Figures.Figures
  /** By class: times from arrival to completion, ascending, as many quantiles as there are completions or fewer. */
  readonly completions: ReadonlyArray<ReadonlyArray<number>>
  /** Bytes a second, a column a class. */
  readonly downloaded: Lines
  readonly uploaded: Lines
  /** Peers that lack something, and peers that have everything. */
  readonly population: Lines
  readonly faults: Lines
  /** Two characters a cell, see {@link DIGITS}: 0 to 4095, where 4095 stands for `max` copies; a slot after the other. */
  readonly copies: {
    readonly slotMs: number
    readonly slots: number
    readonly rows: number
    readonly max: number
    readonly text: string
  }
  /** Peers by column; only some of them where there are many. */
  readonly peers: {
    readonly index: ReadonlyArray<number>
    readonly classIndex: ReadonlyArray<number>
    readonly downloaded: ReadonlyArray<number>
    readonly uploaded: ReadonlyArray<number>
    /** From arrival to completion; -1: not complete, or a seeder. */
    readonly completionMs: ReadonlyArray<number>
    /** All of them. */
    readonly of: number
  }
  readonly frames: {
    readonly slotMs: number
    readonly sample: ReadonlyArray<{ readonly index: number; readonly classIndex: number }>
    /** Bytes a second of the highest level. */
    readonly maxRate: number
    /** A string a frame: see {@link packPairs}. */
    readonly pairs: ReadonlyArray<string>
    /** A string a frame, a character a peer: parts of 63 that it has; a blank: it isn't there. */
    readonly progress: ReadonlyArray<string>
  }
}

/** Values from 0 to 63, a character each. */
export const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

/** In a frame's pairs: the first value that stands for a flow, the last one, and the first that stands for a run of nothing. */
export const LEVELS = { first: 3, last: 31, run: 32 } as const

const MAX_PEERS = 1_500
const MAX_QUANTILES = 200
const MAX_SLOTS = 240
const MAX_VIOLATIONS = 20

/** Packs a recording. */
export const make = (
  version: string,
  recording: Recording,
  outcome: Outcome,
  violations: ReadonlyArray<Violation>,
): PageData => {
  const { endedAtMs, peers, scenario } = recording
  const shown = evenly(peers, MAX_PEERS)
  const times = Figures.completionTimes(recording)
  return {
    version,
    outcome,
    violations: violations.slice(0, MAX_VIOLATIONS),
    violationsLeftOut: Math.max(0, violations.length - MAX_VIOLATIONS),
    scenario,
    pieceCount: recording.pieceCount,
    endMs: Math.round(endedAtMs),
    figures: Figures.make(recording),
    completions: times.map((list) => evenly(list, MAX_QUANTILES).map(Math.round)),
    downloaded: perSecond(coarser(recording.downloaded), endedAtMs),
    uploaded: perSecond(coarser(recording.uploaded), endedAtMs),
    population: lines(recording.population),
    faults: lines(coarser(recording.faults)),
    copies: packCopies(recording.copies),
    peers: {
      index: shown.map(({ index }) => index),
      classIndex: shown.map(({ classIndex }) => classIndex),
      downloaded: shown.map(({ downloadedBytes }) => downloadedBytes),
      uploaded: shown.map(({ uploadedBytes }) => uploadedBytes),
      completionMs: shown.map((peer) => Math.round(Figures.completionMs(recording, peer) ?? -1)),
      of: peers.length,
    },
    frames: packFrames(recording),
  }
}

/** At most `limit` of them, the first and the last included. */
const evenly = <A>(items: ReadonlyArray<A>, limit: number): ReadonlyArray<A> =>
  items.length <= limit
    ? items
    : Array.from({ length: limit }, (_, i) => items[Math.round(i * (items.length - 1) / (limit - 1))]!)

const lines = (
  { columns, slotMs, slots, values }: Series,
  scale = (value: number, _: number) => value,
): Lines => ({
  slotMs,
  columns: Array.from(
    { length: columns },
    (_, column) =>
      Array.from({ length: slots }, (_, slot) => Math.round(scale(values[slot * columns + column]!, slot))),
  ),
})

/** A series of sums with slots long enough that there are at most {@link MAX_SLOTS}: shorter ones are noise at that width. */
const coarser = (series: Series): Series => {
  const { columns, slotMs, slots, values } = series
  if (slots <= MAX_SLOTS) return series
  const merged = new Float64Array(Math.ceil(slots / 2) * columns)
  for (let i = 0; i < slots * columns; i++) {
    merged[Math.floor(i / (2 * columns)) * columns + i % columns]! += values[i]!
  }
  return coarser({ columns, slotMs: slotMs * 2, slots: Math.ceil(slots / 2), values: merged })
}

/** Bytes of slots as rates. The last slot was cut off by the end of the run; too short a rest of it says nothing. */
const perSecond = (series: Series, endMs: number): Lines => {
  const slots = fullSlots(series, endMs)
  return lines({ ...series, slots }, (bytes, slot) => bytes * 1_000 / durationOf(series, slot, endMs))
}

const durationOf = ({ slotMs }: Series, slot: number, endMs: number): number =>
  Math.max(1, Math.min(slotMs, endMs - slot * slotMs))

const fullSlots = (series: Series, endMs: number): number =>
  series.slots > 1 && durationOf(series, series.slots - 1, endMs) < series.slotMs / 4
    ? series.slots - 1
    : series.slots

const packCopies = ({ columns, slotMs, slots, values }: Series): PageData["copies"] => {
  let max = 0
  for (const value of values) max = Math.max(max, value)
  let text = ""
  for (let i = 0; i < slots * columns; i++) {
    const value = max === 0 ? 0 : Math.round(values[i]! / max * 4_095)
    text += DIGITS[value >> 6]! + DIGITS[value & 63]!
  }
  return { slotMs, slots, rows: columns, max, text }
}

const packFrames = (recording: Recording): PageData["frames"] => {
  const { endedAtMs, flows, pairs, progress, sample } = recording
  const size = progress.columns
  const classOf = new Map<number, PeerRecord>(recording.peers.map((peer) => [peer.index, peer]))
  const rates = perSecond(flows, endedAtMs)
  const maxRate = rates.columns.reduce((most, column) => column.reduce((a, b) => Math.max(a, b), most), 0)
  const frames = rates.columns[0]?.length ?? 0
  return {
    slotMs: flows.slotMs,
    sample: sample.map((index) => ({ index, classIndex: classOf.get(index)?.classIndex ?? 0 })),
    maxRate,
    pairs: Array.from({ length: frames }, (_, frame) =>
      packPairs(rates.columns.map((column, pair) => {
        const level = levelOf(column[frame]!, maxRate)
        return level > 0 ? level : pairs.values[frame * pairs.columns + pair]!
      }))),
    progress: Array.from({ length: frames }, (_, frame) =>
      sample.map((_, place) => {
        const part = progress.values[frame * size + place]!
        // Complete is what has everything, and nothing else.
        return part < 0 ? " " : DIGITS[part >= 1 ? 63 : Math.min(62, Math.floor(part * 63))]!
      }).join("")),
  }
}

/** Square roots tell small rates apart; what is below the lowest level is no flow. */
const levelOf = (rate: number, maxRate: number): number => {
  const steps = LEVELS.last - LEVELS.first + 1
  const step = maxRate === 0 ? 0 : Math.round(Math.sqrt(rate / maxRate) * steps)
  return step === 0 ? PAIR.none : LEVELS.first - 1 + step
}

/** One character a pair, and one for each run of up to 32 pairs between which there is nothing. */
export const packPairs = (values: ReadonlyArray<number>): string => {
  let text = ""
  for (let i = 0; i < values.length;) {
    let run = 0
    while (run < 32 && i + run < values.length && values[i + run] === PAIR.none) run++
    text += run > 0 ? DIGITS[LEVELS.run + run - 1]! : DIGITS[values[i]!]!
    i += Math.max(1, run)
  }
  return text
}
