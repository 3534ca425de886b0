/** What the cases that move a torrent's bytes have in common. */
import * as Torrents from "../../support/Torrents.ts"
import type { Metric, Sample } from "../Figures.ts"
import { GIB, MIB } from "../Figures.ts"

export const METRICS: ReadonlyArray<Metric> = [
  { key: "rate", title: "MB/s", digits: 0 },
  { key: "cpu", title: "CPU s/GiB", digits: 2 },
  { key: "peak", title: "peak MiB", digits: 0 },
]

/** `bytes` of payload at this cost. */
export const sample = (
  bytes: number,
  { cpuSeconds, peakBytes, seconds }: {
    readonly seconds: number
    readonly cpuSeconds: number
    readonly peakBytes: number
  },
): Sample => ({
  rate: bytes / seconds / 1e6,
  cpu: cpuSeconds / (bytes / GIB),
  peak: peakBytes / MIB,
})

/** A torrent of one file of so many bytes, with its data, below `dir`. */
export const large = (dir: string, bytes: number, pieceLength: number): Promise<Torrents.TestTorrent> =>
  Torrents.make({ dir, name: "bench.bin", files: [{ path: "", length: bytes }], pieceLength })
