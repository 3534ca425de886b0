/** The report's files for programs: one row a peer, one line an event. */
import type { PeerRecord, Recording } from "../../core/sim/record/Recording.ts"
import * as Figures from "./Figures.ts"

type Cell = string | number | undefined

/** Heading and content of each column of `peers.csv`; times are seconds of virtual time, an empty cell is "never". */
const COLUMNS: ReadonlyArray<readonly [string, (peer: PeerRecord, recording: Recording) => Cell]> = [
  ["index", ({ index }) => index],
  ["class", ({ classIndex }, { scenario }) => scenario.classes[classIndex]?.name],
  ["role", ({ classIndex }, { scenario }) => scenario.classes[classIndex]?.role],
  ["behaviour", ({ classIndex }, { scenario }) => scenario.classes[classIndex]?.behaviour],
  ["address", ({ address }) => address],
  ["arrived_s", ({ arrivedAtMs }) => seconds(arrivedAtMs)],
  ["completed_s", ({ completedAtMs }) => seconds(completedAtMs)],
  ["completion_s", (peer, recording) => seconds(Figures.completionMs(recording, peer))],
  ["left_s", ({ leftAtMs }) => seconds(leftAtMs)],
  ["pieces", ({ pieces }) => pieces],
  ["downloaded_bytes", ({ downloadedBytes }) => downloadedBytes],
  ["uploaded_bytes", ({ uploadedBytes }) => uploadedBytes],
  ["ratio", ({ downloadedBytes, uploadedBytes }) => Figures.ratio(uploadedBytes, downloadedBytes)],
  ["wasted_bytes", ({ wastedBytes }) => wastedBytes],
  ["hash_failures", ({ hashFailures }) => hashFailures],
  ["wire_received_bytes", ({ receivedBytes }) => receivedBytes],
  ["wire_sent_bytes", ({ sentBytes }) => sentBytes],
  ["unchoked_s", ({ unchokedMs }) => seconds(unchokedMs)],
  ["unchokes", ({ unchokes }) => unchokes],
  ["sessions", ({ sessions }) => sessions],
  ["crashes", ({ crashes }) => crashes],
]

/** `peers.csv` (RFC 4180, with a heading). */
export const peersCsv = (recording: Recording): string => {
  const rows = [
    COLUMNS.map(([heading]) => heading),
    ...recording.peers.map((peer) => COLUMNS.map(([, cell]) => cell(peer, recording))),
  ]
  return rows.map((row) => row.map(quote).join(",") + "\r\n").join("")
}

/**
 * `events.jsonl`: one object a line, with `t` in seconds of virtual time. The last line says whether anything was left
 * out: `{"event": "end", "leftOut": 0}`.
 */
export const eventsJsonl = function* (recording: Recording): Generator<string> {
  for (const { atMs, event, other, peer } of recording.events()) {
    yield `${JSON.stringify({ t: seconds(atMs), event, peer, to: other })}\n`
  }
  const leftOut = recording.eventsLeftOut
  yield `${
    JSON.stringify({
      t: seconds(recording.endedAtMs),
      event: "end",
      leftOut,
      ...(leftOut > 0 ? { note: "later events of a sort are left out once there are too many of it" } : {}),
    })
  }\n`
}

/** A cell that a spreadsheet would take for a formula is no number of ours, so it is quoted as text. */
const quote = (cell: Cell): string => {
  if (cell === undefined) return ""
  if (typeof cell === "number") return String(cell)
  const text = /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

const seconds = (ms: number | undefined): number | undefined =>
  ms === undefined ? undefined : Math.round(ms) / 1_000
