/** What the benches of transfers share: sizes on the command line, medians, and the table at the end. */
import { accessSync, constants } from "node:fs"
import { cpus, tmpdir, totalmem } from "node:os"
import process from "node:process"

export const MIB = 1024 * 1024

/** What one transfer cost. */
export interface Sample {
  readonly bytesPerSec: number
  readonly seconds: number
  readonly cpuSeconds: number
  readonly peakBytes: number
}

export interface Summary {
  readonly median: number
  readonly min: number
  readonly max: number
}

export interface Result {
  readonly name: string
  readonly bytesPerSec: Summary
  readonly cpuSeconds: Summary
  readonly peakBytes: Summary
  readonly samples: ReadonlyArray<Sample>
}

/** Bytes, from a number with `K`, `M` or `G` for powers of 1024. */
export const parseSize = (text: string): number => {
  const match = /^(\d+)([KMG]?)$/.exec(text)
  if (match === null) throw new Error(`not a size: ${text}`)
  return Number(match[1]) * 1024 ** ("KMG".indexOf(match[2] || " ") + 1)
}

/** How many measured runs, from the command line. */
export const parseRuns = (text: string): number => {
  const runs = Number(text)
  if (!Number.isInteger(runs) || runs < 1) throw new Error(`not a number of runs: ${text}`)
  return runs
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

const summary = (samples: ReadonlyArray<Sample>, pick: (one: Sample) => number): Summary => {
  const values = samples.map(pick)
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) }
}

/** The samples of one client, summed up. */
export const result = (name: string, samples: ReadonlyArray<Sample>): Result => ({
  name,
  bytesPerSec: summary(samples, (one) => one.bytesPerSec),
  cpuSeconds: summary(samples, (one) => one.cpuSeconds),
  peakBytes: summary(samples, (one) => one.peakBytes),
  samples,
})

/** One transfer in a line; round 0 is the one that does not count. */
export const line = (round: number, name: string, one: Sample): string =>
  `${round === 0 ? "warm-up" : `run ${round}  `} ${name.padEnd(11)} ` +
  `${(one.bytesPerSec / 1e6).toFixed(0).padStart(5)} MB/s ${one.cpuSeconds.toFixed(2).padStart(6)} CPU s ` +
  `${(one.peakBytes / MIB).toFixed(0).padStart(5)} MiB`

const cell = (one: Summary, unit: number, digits: number, base?: number): string => {
  const range = `${(one.min / unit).toFixed(digits)}-${(one.max / unit).toFixed(digits)}`
  const ratio = base === undefined ? "" : ` x${(one.median / base).toFixed(2)}`
  return `${(one.median / unit).toFixed(digits)} (${range})${ratio}`.padEnd(27)
}

/** All clients beside libtorrent, if it is one of them. */
export const table = (results: ReadonlyArray<Result>): string => {
  const yardstick = results.find(({ name }) => name === "libtorrent")
  return [
    "",
    "median (min-max) xlibtorrent",
    `${"".padEnd(12)}${"MB/s".padEnd(27)}${"CPU seconds".padEnd(27)}peak MiB`,
    ...results.map(({ name, bytesPerSec, cpuSeconds, peakBytes }) =>
      name.padEnd(12) + cell(bytesPerSec, 1e6, 0, yardstick?.bytesPerSec.median) +
      cell(cpuSeconds, 1, 2, yardstick?.cpuSeconds.median) +
      cell(peakBytes, MIB, 0, yardstick?.peakBytes.median)
    ),
  ].join("\n")
}
