/** One torrent to one fast leecher, and to eight at once: the client in question is their only seeder. */
import { readFileSync } from "node:fs"
import * as Aria2 from "../../support/Aria2.ts"
import * as Libtorrent from "../../support/Libtorrent.ts"
import * as Shoal from "../../support/Shoal.ts"
import * as Swarm from "../../support/Swarm.ts"
import * as TempDir from "../../support/TempDir.ts"
import * as Torrents from "../../support/Torrents.ts"
import * as WebTorrent from "../../support/WebTorrent.ts"
import type { Case, Contestant } from "../Case.ts"
import { MIB } from "../Figures.ts"
import { cpuSeconds } from "../tracker/Cpu.ts"
import * as Transfer from "./Transfer.ts"

/** Longer than anybody takes: whoever hangs must not hang the bench. */
const PATIENCE_MS = 600_000

/** A process that seeds. */
interface Seeder {
  readonly pid: number
  readonly address: string
  readonly log: () => string
  readonly stop: () => Promise<void>
}

interface Starter {
  readonly name: string
  readonly missing: string | undefined
  /** It does not speak encryption. */
  readonly isPlain?: boolean
  readonly start: (torrent: Torrents.TestTorrent, home: string) => Promise<Seeder>
}

const shoal = (runtime: Shoal.Runtime): Starter => ({
  name: `shoal-${runtime}`,
  missing: Shoal.missing(runtime),
  isPlain: true,
  start: async (torrent, home) => {
    const { address, child, log, stop } = await Swarm.seed(torrent, { runtime, home })
    return { pid: child.pid, address, log, stop }
  },
})

const STARTERS: ReadonlyArray<Starter> = [
  shoal("node"),
  shoal("deno"),
  { name: "aria2", missing: Aria2.missing(), start: (torrent) => Aria2.seed(torrent) },
  {
    name: "libtorrent",
    missing: Libtorrent.missing(),
    start: (torrent) => Libtorrent.seed(torrent, { check: true }),
  },
  { name: "webtorrent", missing: WebTorrent.missing(), start: (torrent) => WebTorrent.seed(torrent) },
]

/** The most memory that was resident in a process's life, its check of the data included. */
const peakBytes = (pid: number): number =>
  Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1] ?? 0) * 1024

/** One upload to empty folders, by a seeder that has begun before the clock did. */
const run = async (
  starter: Starter,
  torrent: Torrents.TestTorrent,
  leecherCount: number,
  dir: string,
) => {
  using place = TempDir.make("bench-out", dir)
  const seeder = await starter.start(torrent, place.sub("home"))
  try {
    const before = cpuSeconds([seeder.pid])
    const outs = Array.from({ length: leecherCount }, (_, index) => place.sub(`out${index}`))
    const leechers = await Promise.all(
      outs.map((out) =>
        Libtorrent.leech(torrent, out, [seeder.address], { plain: starter.isPlain === true })
      ),
    )
    try {
      // Each by its own clock, from adding the torrent to its last piece.
      const seconds = await Promise.all(leechers.map((one) => one.seconds(PATIENCE_MS)))
      const cost = cpuSeconds([seeder.pid]) - before
      for (const out of outs) {
        if (Torrents.differing(torrent, out).length > 0) throw new Error("a copy is not as it should be")
      }
      return Transfer.sample(leecherCount * torrent.totalLength, {
        seconds: Math.max(...seconds),
        cpuSeconds: cost,
        peakBytes: peakBytes(seeder.pid),
      })
    } finally {
      await Promise.all(leechers.map((one) => one.stop()))
    }
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${seeder.log()}`)
  } finally {
    await seeder.stop()
  }
}

const make = (name: string, leecherCount: number, summary: string): Case => ({
  name,
  summary,
  metrics: Transfer.METRICS,
  prepare: async ({ dir, pieceLength, size }) => {
    const temp = TempDir.make("bench", dir)
    const bytes = Math.ceil(size / leecherCount / pieceLength) * pieceLength
    const torrent = await Transfer.large(temp.path, bytes, pieceLength)
    return {
      title: `${bytes / MIB} MiB over loopback to ` +
        (leecherCount === 1 ? "one libtorrent" : `each of ${leecherCount} libtorrents`),
      contestants: STARTERS.map((starter): Contestant => ({
        name: starter.name,
        missing: starter.missing,
        run: () => run(starter, torrent, leecherCount, dir),
      })),
      [Symbol.asyncDispose]: () => Promise.resolve(temp.remove()),
    }
  },
})

export const one = make("upload", 1, "a large torrent to one leecher")
export const eight = make("uploads", 8, "the same amount to eight leechers at once")
