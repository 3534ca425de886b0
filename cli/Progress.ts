/** How progress looks: pure text from snapshots, as a live block or as plain lines. */
import type { TorrentSnapshot } from "../shell/Session.ts"
import type { Progress } from "./Output.ts"
import * as Text from "./Text.ts"

/** What one torrent's lines are drawn from. */
export interface Row {
  /** From the torrent, so not printable yet. */
  readonly name: string
  /** `undefined` while what is on the disk is being checked. */
  readonly snapshot: TorrentSnapshot | undefined
  /** For how long it has only uploaded, and goes on to. */
  readonly seedingMs?: number | undefined
  /** When the ratio ends it. */
  readonly goalRatio?: number | undefined
}

/** The block shows this many torrents, so that it never scrolls; the rest is counted in one line. */
const ROWS = 8
const BAR = 24

/** Milliseconds until `leftBytes` are there at this rate; `Infinity` while nothing comes. */
export const etaMs = (leftBytes: number, rateBytesPerSec: number): number =>
  leftBytes <= 0 ? 0 : rateBytesPerSec > 0 ? leftBytes / rateBytesPerSec * 1_000 : Infinity

/** From 0 to 1; 1 where there is nothing to do. */
export const share = (done: number, total: number): number =>
  total <= 0 ? 1 : Math.min(1, Math.max(0, done / total))

/** One decimal, rounded down, so that 100.0% is said only when everything is there. */
export const percent = (fraction: number): string =>
  `${(Math.floor(fraction * 1_000 + 1e-9) / 10).toFixed(1)}%`

/** A bar of `columns` characters. */
export const bar = (fraction: number, columns: number): string => {
  const full = Math.floor(fraction * columns + 1e-9)
  return "█".repeat(full) + "░".repeat(columns - full)
}

const eta = ({ wantedBytes, haveBytes, downloadRateBytesPerSec }: TorrentSnapshot): string => {
  const ms = etaMs(wantedBytes - haveBytes, downloadRateBytesPerSec)
  return Number.isFinite(ms) ? Text.duration(Math.max(1_000, ms)) : "-"
}

/** Two decimals, rounded down: a goal is said to be reached when it is. */
export const ratio = (value: number): string => (Math.floor(value * 100 + 1e-9) / 100).toFixed(2)

/** What goes on, as text without colours. */
const facts = ({ snapshot, seedingMs, goalRatio }: Row): string => {
  if (snapshot?.state === "metadata") {
    const { haveBytes = 0, totalBytes = 0 } = snapshot.metadata ?? {}
    const peers = `${Text.count(snapshot.peersConnected, "peer")} of ${snapshot.peersKnown}`
    return totalBytes === 0
      ? `looking for the metadata, ${peers}`
      : `metadata ${Text.bytes(haveBytes)} of ${Text.bytes(totalBytes)}, ${peers}`
  }
  if (snapshot?.checked !== undefined) {
    return `checking ${Text.bytes(snapshot.checked.totalBytes)} that are there`
  }
  if (snapshot === undefined) return "looking at what is there"
  if (seedingMs !== undefined) {
    const goal = goalRatio === undefined ? "" : ` of ${ratio(goalRatio)}`
    return `seeding, up ${Text.rate(snapshot.uploadRateBytesPerSec)}, ${
      Text.bytes(snapshot.uploadedBytes)
    } sent, ratio ${ratio(snapshot.ratio)}${goal}, ${Text.count(snapshot.peersConnected, "peer")}, ${
      Text.duration(seedingMs)
    }`
  }
  const amount = `${Text.bytes(snapshot.haveBytes)} of ${Text.bytes(snapshot.wantedBytes)}`
  if (snapshot.state === "complete") return `complete, ${amount}`
  return `${amount}, down ${Text.rate(snapshot.downloadRateBytesPerSec)}, up ${
    Text.rate(snapshot.uploadRateBytesPerSec)
  }, ${Text.count(snapshot.peersConnected, "peer")} of ${snapshot.peersKnown}, ETA ${eta(snapshot)}`
}

/** Of what is wanted, from 0 to 1. */
const progressOf = ({ snapshot }: Row): number =>
  snapshot === undefined
    ? 0
    : snapshot.state === "metadata"
    ? snapshot.metadata === undefined || snapshot.metadata.totalBytes === 0
      ? 0
      : share(snapshot.metadata.haveBytes, snapshot.metadata.totalBytes)
    : snapshot.checked === undefined
    ? share(snapshot.haveBytes, snapshot.wantedBytes)
    : share(snapshot.checked.doneBytes, snapshot.checked.totalBytes)

/** The line for pipes and logs. */
export const plain = (row: Row): string =>
  `${percent(progressOf(row))} ${Text.printable(row.name)}: ${facts(row)}`

/** The live block: two lines a torrent, each within `columns`. */
export const block = (
  rows: ReadonlyArray<Row>,
  columns: number,
  isColoured: boolean,
): ReadonlyArray<string> => {
  const paint = Text.painter(isColoured)
  // Unfinished ones first: what is done needs no watching.
  const shown = [...rows].sort((a, b) => Number(isDone(a)) - Number(isDone(b))).slice(0, ROWS)
  const lines = shown.flatMap((row) => {
    const name = Text.fit(Text.printable(row.name), columns)
    // A bar that is always full says nothing, and there is more to say.
    if (row.seedingMs !== undefined) return [name, paint("dim", Text.fit(`  ${facts(row)}`, columns))]
    const fraction = progressOf(row)
    const label = percent(fraction).padStart(6)
    const barColumns = Math.max(0, Math.min(BAR, columns - label.length - 30))
    const colour = isDone(row) ? "green" : "cyan"
    const used = (barColumns === 0 ? 0 : barColumns + 1) + label.length
    return [
      name,
      (barColumns === 0 ? "" : `${paint(colour, bar(fraction, barColumns))} `) + label +
      paint("dim", Text.fit(`  ${facts(row)}`, columns - used)),
    ]
  })
  const hidden = rows.length - shown.length
  return hidden > 0 ? [...lines, Text.fit(`and ${hidden} more`, columns)] : lines
}

const isDone = (row: Row): boolean => row.snapshot?.state === "complete" && row.seedingMs === undefined

/** Both forms of the same rows. */
export const draw = (rows: ReadonlyArray<Row>): Progress => ({
  block: (columns, isColoured) => block(rows, columns, isColoured),
  lines: () => rows.filter((row) => !isDone(row)).map(plain),
})

/** Progress of one check of data on disk, in bytes, without rates. */
export const drawCheck = (name: string, done: number, total: number): Progress => {
  const text = `checking ${Text.printable(name)}`
  const fraction = share(done, total)
  return {
    block: (columns, isColoured) => {
      const barColumns = Math.max(0, Math.min(BAR, columns - 8))
      const painted = Text.painter(isColoured)("cyan", bar(fraction, barColumns))
      return [Text.fit(text, columns), `${painted}${percent(fraction).padStart(7)}`]
    },
    lines: () => [`${percent(fraction)} ${text}: ${Text.bytes(done)} of ${Text.bytes(total)}`],
  }
}
