/** How a simulation looks: its progress, and at the end what came out, for people and for scripts. */
import type { Scenario } from "../core/sim/Scenario.ts"
import * as Scenarios from "../core/sim/Scenario.ts"
import * as Statistics from "../core/sim/scenario/Statistics.ts"
import type { Fields, Progress } from "./Output.ts"
import * as Bar from "./Progress.ts"
import type { Outcome } from "./SimulatePlay.ts"
import * as Text from "./Text.ts"

/** How far a run is. */
export interface Moment {
  readonly virtualMs: number
  readonly completed: number
  readonly peers: number
  readonly deliveries: number
  readonly realMs: number
}

const BAR = 24
/** What came last says most; more of it is in the events of `--json`. */
const VIOLATIONS_SHOWN = 10

const perSecond = (count: number, ms: number): number => ms > 0 ? Math.round(count / ms * 1_000) : 0
const seconds = (ms: number): number => Math.round(ms) / 1_000
const grouped = (value: number): string => String(value).replace(/\B(?=(\d{3})+$)/g, ",")
const decimals = (value: number, digits: number): string =>
  Number.isFinite(value) ? value.toFixed(digits) : "-"
/** JSON has no NaN: what does not exist is left out. */
const finite = (value: number): number | undefined => Number.isFinite(value) ? value : undefined
const finiteSeconds = (ms: number): number | undefined => Number.isFinite(ms) ? seconds(ms) : undefined

const facts = (moment: Moment): string =>
  `${Text.duration(moment.virtualMs)} of virtual time, ${moment.completed} of ${moment.peers} complete, ` +
  `${grouped(perSecond(moment.deliveries, moment.realMs))} deliveries/s`

/** A bar of those that are complete on a terminal, else a line. */
export const progress = (moment: Moment): Progress => ({
  block: (columns, isColoured) => {
    const paint = Text.painter(isColoured)
    const barColumns = Math.max(0, Math.min(BAR, columns - 60))
    const bar = Bar.bar(Bar.share(moment.completed, moment.peers), barColumns)
    return [paint("cyan", bar) + paint("dim", Text.fit(` ${facts(moment)}`, columns - barColumns))]
  },
  lines: () => [facts(moment)],
})

export const progressFields = (moment: Moment): Fields => ({
  virtualSeconds: seconds(moment.virtualMs),
  completed: moment.completed,
  peers: moment.peers,
  deliveries: moment.deliveries,
  deliveriesPerSecond: perSecond(moment.deliveries, moment.realMs),
})

/** What is about to be run, in a line: the seed above all. */
export const started = (scenario: Scenario): string => {
  const nodes = scenario.classes.filter(({ count }) => count > 0).map(({ count, name }) =>
    `${count} × ${Text.printable(name)}`
  )
  const pieces = Text.count(Scenarios.pieceCount(scenario), "piece")
  return `seed ${scenario.seed}: ${nodes.join(", ")}; ${Text.bytes(scenario.sizeBytes)} in ${pieces} of ${
    Text.bytes(scenario.pieceBytes)
  }`
}

export const startedFields = (scenario: Scenario): Fields => ({
  seed: scenario.seed,
  nodes: Scenarios.peerCount(scenario),
  totalLength: scenario.sizeBytes,
  pieceLength: scenario.pieceBytes,
  classes: scenario.classes.map(({ behaviour, count, name, role }) => ({ name, role, behaviour, count })),
})

/** What came out, in a few lines. */
export const summary = (outcome: Outcome): ReadonlyArray<string> => {
  const { deliveries, digest, events, peakMemoryBytes, realMs, virtualMs, watched } = outcome
  const { completed, completion, fairness, firstCopyCost, peers, seederCopies } = outcome.summary
  const firstCopy = Number.isFinite(firstCopyCost)
    ? `, ${decimals(firstCopyCost, 2)} until every piece was elsewhere`
    : ""
  return [
    `${completed} of ${peers} complete after ${Text.duration(virtualMs)} of virtual time`,
    ...(completed === 0 ? [] : [
      `completion  min ${Text.duration(completion.min)}, median ${Text.duration(completion.median)}, ` +
      `p95 ${Text.duration(completion.p95)}, max ${Text.duration(completion.max)}`,
    ]),
    `seeders     gave ${decimals(seederCopies, 2)} copies${firstCopy}`,
    `fairness    ${decimals(fairness, 3)} among honest leechers, 1 if each gave as much as it took`,
    ...classTable(outcome.summary.classes),
    `run         ${Text.duration(virtualMs)} of virtual time in ${Text.duration(realMs)}, ${
      decimals(virtualMs / Math.max(1, realMs), 1)
    } times as fast as life; ${Text.bytes(peakMemoryBytes)} at most`,
    `            ${grouped(deliveries)} deliveries, ${grouped(perSecond(deliveries, realMs))}/s; ` +
    `${grouped(events)} events, ${grouped(perSecond(events, realMs))}/s`,
    ...(watched === undefined ? [] : [`checked     ${checked(watched)}`]),
    `digest      ${digest}`,
  ]
}

/** Every message of a watched node is read; of the others it is bytes, pieces and completions that are looked at. */
const checked = ({ count, of }: NonNullable<Outcome["watched"]>): string =>
  count === of
    ? `every message of all ${grouped(of)} clients`
    : `every message of ${grouped(count)} of ${grouped(of)} clients, the bytes and pieces of all`

const HEADS = ["class", "nodes", "complete", "median", "p95", "up", "down", "ratio"]

const classTable = (classes: Statistics.Summary["classes"]): ReadonlyArray<string> => {
  const rows = classes.filter(({ count }) => count > 0).map((one) => [
    Text.printable(one.name),
    String(one.count),
    String(one.completed),
    Text.duration(one.completion.median),
    Text.duration(one.completion.p95),
    Text.bytes(one.uploadedBytes),
    Text.bytes(one.downloadedBytes),
    // What comes to those who have everything, or want nothing, is no payload.
    Statistics.isDownloader(one) ? decimals(one.ratio, 2) : "-",
  ])
  return table([HEADS, ...rows]).map((line) => `  ${line}`)
}

/** Rows of cells below each other: the first column to the left, the others to the right. */
export const table = (rows: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<string> => {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => Text.width(row[column]!))))
  return rows.map((row) =>
    row.map((cell, column) => {
      const space = " ".repeat(widths[column]! - Text.width(cell))
      return column === 0 ? cell + space : space + cell
    }).join("  ").trimEnd()
  )
}

/** The last line of `--json`. */
export const completeFields = (outcome: Outcome) => {
  const {
    deliveries,
    digest,
    events,
    peakMemoryBytes,
    realMs,
    replay,
    scenario,
    violations,
    virtualMs,
    watched,
  } = outcome
  const { classes, completed, completion, fairness, firstCopyCost, peers, seederCopies } = outcome.summary
  return {
    seed: scenario.seed,
    digest,
    peers,
    completed,
    virtualSeconds: seconds(virtualMs),
    realSeconds: seconds(realMs),
    deliveries,
    deliveriesPerSecond: perSecond(deliveries, realMs),
    peakMemoryBytes,
    violations: violations.length,
    events,
    eventsPerSecond: perSecond(events, realMs),
    clients: watched?.of,
    clientsWatched: watched?.count,
    completionSeconds: spread(completion),
    seederCopies: finite(seederCopies),
    firstCopyCost: finite(firstCopyCost),
    fairness: finite(fairness),
    classes: classes.map((one) => ({
      name: one.name,
      role: one.role,
      behaviour: one.behaviour,
      count: one.count,
      arrived: one.arrived,
      completed: one.completed,
      completionSeconds: spread(one.completion),
      uploadedBytes: one.uploadedBytes,
      downloadedBytes: one.downloadedBytes,
      ratio: Statistics.isDownloader(one) ? finite(one.ratio) : undefined,
    })),
    replay,
  }
}

const spread = ({ max, mean, median, min, p95 }: Statistics.Spread): Fields | undefined =>
  Number.isFinite(min)
    ? {
      min: finiteSeconds(min),
      median: finiteSeconds(median),
      mean: finiteSeconds(mean),
      p95: finiteSeconds(p95),
      max: finiteSeconds(max),
    }
    : undefined

/** Which rules were broken, and what led there. */
export const violations = ({ tail, violations: all }: Outcome): ReadonlyArray<string> => [
  ...all.slice(0, VIOLATIONS_SHOWN).map(({ checker, message, node, now }) =>
    `${checker} at ${seconds(now)} s${node === undefined ? "" : `, node ${node}`}: ${Text.printable(message)}`
  ),
  ...(all.length > VIOLATIONS_SHOWN ? [`and ${all.length - VIOLATIONS_SHOWN} more`] : []),
  "what led to the first:",
  ...tail.map((line) => `  ${Text.printable(line)}`),
]
