/** Torrents with 100,000 files or 100,000 pieces: what do they take before the first byte, and with 50 peers? */
import { writeFileSync } from "node:fs"
import { Buffer } from "node:buffer"
import { join } from "node:path"
import * as Bencode from "../../support/Bencode.ts"
import * as Libtorrent from "../../support/Libtorrent.ts"
import * as Shoal from "../../support/Shoal.ts"
import * as TempDir from "../../support/TempDir.ts"
import * as Torrents from "../../support/Torrents.ts"
import type { Case, Contestant } from "../Case.ts"
import { type Metric, MIB } from "../Figures.ts"
import * as Measure from "../Measure.ts"
import * as Crowd from "./Crowd.ts"

const COUNT = 100_000

const INSPECT_METRICS: ReadonlyArray<Metric> = [
  { key: "seconds", title: "seconds", digits: 2 },
  { key: "peak", title: "peak MiB", digits: 0 },
]

/** A `.torrent` file of so many files of 100 bytes; nobody has its data. */
const manyFiles = (file: string): void => {
  const files = Array.from({ length: COUNT }, (_, index) => ({
    length: 100,
    path: [`folder ${Math.floor(index / 500)}`, `file ${index}.txt`],
  }))
  const pieceLength = 16_384
  const pieces = Buffer.alloc(20 * Math.ceil(COUNT * 100 / pieceLength), 7)
  writeFileSync(
    file,
    Bencode.encode({ info: { files, name: "many files", "piece length": pieceLength, pieces } }),
  )
}

export const files: Case = {
  name: "files",
  summary: "shoal inspect of 100,000 files",
  metrics: INSPECT_METRICS,
  prepare: ({ dir }) => {
    const temp = TempDir.make("bench", dir)
    const file = join(temp.path, "many.torrent")
    manyFiles(file)
    return Promise.resolve({
      title: `inspect of a torrent of ${COUNT} files`,
      contestants: (["node", "deno"] as const).map((runtime): Contestant => ({
        name: `shoal-${runtime}`,
        missing: Shoal.missing(runtime),
        run: async () => {
          const command = Shoal.command(["inspect", file], runtime)
          const { peakBytes, seconds } = await Measure.run("shoal inspect", command, temp.sub("home"))
          return { seconds, peak: peakBytes / MIB }
        },
      })),
      [Symbol.asyncDispose]: () => Promise.resolve(temp.remove()),
    })
  },
}

/** 100,000 pieces of 16 KiB, with 49 peers besides the one that gives. */
export const pieces: Case = {
  name: "pieces",
  summary: "a torrent of 100,000 pieces with 50 peers",
  metrics: Crowd.METRICS,
  prepare: async ({ dir }) => {
    const temp = TempDir.make("bench", dir)
    const torrent = await Torrents.make({
      dir: temp.path,
      name: "bench.bin",
      files: [{ path: "", length: COUNT * 16_384 }],
      pieceLength: 16_384,
      writer: "own",
    })
    const seeder = await Libtorrent.seed(torrent)
    return {
      title: `${COUNT} pieces of 16 KiB from one libtorrent, with 49 peers more`,
      contestants: (["node", "deno"] as const).map((runtime): Contestant => ({
        name: `shoal-${runtime}`,
        missing: Shoal.missing(runtime),
        run: () => Crowd.run(runtime, torrent, seeder.address, 49, dir),
      })),
      [Symbol.asyncDispose]: async () => {
        await seeder.stop()
        temp.remove()
      },
    }
  },
}
