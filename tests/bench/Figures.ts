/** What the benches share: sizes on the command line, medians, and tables that set shoal beside others. */
import { accessSync, constants } from "node:fs"
import { cpus, tmpdir, totalmem } from "node:os"
import process from "node:process"

export const MIB = 1024 * 1024
export const GIB = 1024 * MIB

/** What a run cost, by the keys of its case's metrics. */
export type Sample = Readonly<Record<string, number>>

/** A figure that a case measures. */
export interface Metric {
  readonly key: string
  /** With its unit, as in the head of a table. */
  readonly title: string
  readonly digits: number
}

export interface Summary {
  readonly median: number
  readonly min: number
  readonly max: number
  readonly samples: ReadonlyArray<number>
}

/** The figures of one contestant of a case, by the keys of the metrics. */
export interface Result {
  readonly name: string
  readonly figures: Readonly<Record<string, Summary>>
}

/** Bytes, from a number with `K`, `M` or `G` for powers of 1024. */
export const parseSize = (text: string): number => {
  const match = /^(\d+)([KMG]?)$/.exec(text)
  if (match === null) throw new Error(`not a size: ${text}`)
  return Number(match[1]) * 1024 ** ("KMG".indexOf(match[2] || " ") + 1)
}

/** How many of something, from the command line. */
export const parseCount = (text: string): number => {
  const count = Number(text)
  if (!Number.isInteger(count) || count < 1) throw new Error(`not a number of something: ${text}`)
  return count
}

/** Where data goes that no disk is to slow down. */
export const fastFolder = (): string => {
  try {
    accessSync("/dev/shm", constants.W_OK)
    return "/dev/shm"
  } catch {
    return tmpdir()
  }
}

export const machine = () => ({
  cpu: cpus()[0]?.model,
  cores: cpus().length,
  memoryBytes: totalmem(),
  node: process.version,
})

const median = (values: ReadonlyArray<number>): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

const summary = (samples: ReadonlyArray<number>): Summary => ({
  median: median(samples),
  min: Math.min(...samples),
  max: Math.max(...samples),
  samples,
})

/** The samples of one contestant, summed up. */
export const result = (
  name: string,
  metrics: ReadonlyArray<Metric>,
  samples: ReadonlyArray<Sample>,
): Result => ({
  name,
  figures: Object.fromEntries(metrics.map(({ key }) => [key, summary(samples.map((one) => one[key]!))])),
})

/** One run in a line; round 0 is the one that does not count. */
export const line = (round: number, name: string, metrics: ReadonlyArray<Metric>, one: Sample): string =>
  `${round === 0 ? "warm-up" : `run ${round}  `} ${name.padEnd(12)}` +
  metrics.map(({ digits, key, title }) => `${one[key]!.toFixed(digits).padStart(8)} ${title}`).join(" ")

const isOurs = ({ name }: Result): boolean => name.startsWith("shoal")

/** Medians with their spread, then the ratios of our medians to each of the others'. */
export const table = (metrics: ReadonlyArray<Metric>, results: ReadonlyArray<Result>): string => {
  const cell = ({ max, median, min }: Summary, digits: number): string =>
    `${median.toFixed(digits)} (${min.toFixed(digits)}-${max.toFixed(digits)})`
  const rows = [
    ["median (min-max)", ...metrics.map(({ title }) => title)],
    ...results.map(({ figures, name }) => [
      name,
      ...metrics.map(({ digits, key }) => cell(figures[key]!, digits)),
    ]),
    ...results.filter(isOurs).flatMap((ours) =>
      results.filter((one) => !isOurs(one)).map((other) => [
        `${ours.name} / ${other.name}`,
        ...metrics.map(({ key }) =>
          `x${(ours.figures[key]!.median / other.figures[key]!.median).toFixed(2)}`
        ),
      ])
    ),
  ]
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows.map((row) => row.map((text, column) => text.padEnd(widths[column]!)).join("  ").trimEnd()).join(
    "\n",
  )
}
