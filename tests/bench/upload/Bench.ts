/**
 * How fast and at what cost a big torrent is uploaded over loopback to one leecher: shoal beside aria2 and libtorrent.
 * `npm run bench:upload -- --help` tells the options, ../README.md how to read the result.
 */
import { readFileSync } from "node:fs"
import { cpus } from "node:os"
import process from "node:process"
import { parseArgs } from "node:util"
import * as Aria2 from "../../support/Aria2.ts"
import * as Libtorrent from "../../support/Libtorrent.ts"
import * as Shoal from "../../support/Shoal.ts"
import * as Swarm from "../../support/Swarm.ts"
import * as TempDir from "../../support/TempDir.ts"
import * as Torrents from "../../support/Torrents.ts"
import * as Figures from "../Figures.ts"
import { MIB, type Sample } from "../Figures.ts"
import { cpuSeconds } from "../tracker/Cpu.ts"
import * as Limits from "./Limits.ts"

const HELP = `usage: npm run bench:upload -- [options]
  --size SIZE       bytes to upload, with K, M or G for powers of 1024 (1G)
  --piece-size SIZE a power of two (1M)
  --runs N          measured runs of each client, after one that does not count (3)
  --only LIST       of these clients: shoal-node, shoal-deno, aria2, libtorrent
  --no-limits       without the check that rate limits are kept
  --no-speed        that check alone
  --dir DIR         where the data goes (/dev/shm where there is one)
  --json            one JSON object instead of the tables`

/** So much is transferred at so many bytes a second. */
const LIMITED_BYTES = 32 * MIB
const LIMIT = MIB

/** Longer than anybody takes: whoever hangs must not hang the bench. */
const PATIENCE_MS = 300_000

/** A process that seeds. */
interface Running {
  readonly pid: number
  readonly address: string
  readonly log: () => string
  readonly stop: () => Promise<void>
}

interface Contestant {
  readonly name: string
  readonly missing: string | undefined
  readonly start: (torrent: Torrents.TestTorrent, home: string) => Promise<Running>
}

const shoal = (runtime: Shoal.Runtime): Contestant => ({
  name: `shoal-${runtime}`,
  missing: Shoal.missing(runtime),
  start: async (torrent, home) => {
    const { address, child, log, stop } = await Swarm.seed(torrent, { runtime, home })
    return { pid: child.pid, address, log, stop }
  },
})

const ALL: ReadonlyArray<Contestant> = [
  shoal("node"),
  shoal("deno"),
  { name: "aria2", missing: Aria2.missing(), start: (torrent) => Aria2.seed(torrent) },
  {
    name: "libtorrent",
    missing: undefined,
    start: (torrent) => Libtorrent.seed(torrent, { check: true }),
  },
]

/** The most memory that was resident in a process's life. */
const peakBytes = (pid: number): number =>
  Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1] ?? 0) * 1024

/** One upload to an empty folder, checked against the original afterwards. */
const sample = async (
  { address, log, pid }: Running,
  torrent: Torrents.TestTorrent,
  dir: string,
): Promise<Sample> => {
  using out = TempDir.make("bench-out", dir)
  const before = cpuSeconds([pid])
  await using leecher = await Libtorrent.leech(torrent, out.path, [address])
  const seconds = await leecher.seconds(PATIENCE_MS).catch((error: Error) => {
    throw new Error(`${error.message}\n${log()}`)
  })
  const cost = cpuSeconds([pid]) - before
  await leecher.leave()
  const differing = Torrents.differing(torrent, out.path)
  if (differing.length > 0) throw new Error(`the copy is not as it should be\n${log()}`)
  return {
    seconds,
    bytesPerSec: torrent.totalLength / seconds,
    cpuSeconds: cost,
    peakBytes: peakBytes(pid),
  }
}

interface Options {
  readonly dir: string
  readonly size: number
  readonly pieceLength: number
  readonly runs: number
  readonly contestants: ReadonlyArray<Contestant>
  readonly tell: (line: string) => void
}

/** The contestants take turns as the only seeder that the leecher knows; the others wait without a peer. */
const speed = async (options: Options): Promise<ReadonlyArray<Figures.Result>> => {
  const { contestants, dir, pieceLength, runs, size, tell } = options
  using temp = TempDir.make("bench", dir)
  const files = [{ path: "", length: size }]
  const torrent = await Torrents.make({ dir: temp.path, name: "bench.bin", files, pieceLength })
  tell(
    `${size / MIB} MiB to one libtorrent leecher over loopback, data in ${dir}, ${cpus().length} cores`,
  )
  const running = new Map<string, Running>()
  const samples = new Map<string, Array<Sample>>(contestants.map(({ name }) => [name, []]))
  try {
    for (const { name, start } of contestants) {
      running.set(name, await start(torrent, temp.sub(`home-${name}`)))
    }
    for (let round = 0; round <= runs; round++) {
      for (const { name } of contestants) {
        const one = await sample(running.get(name)!, torrent, dir)
        tell(Figures.line(round, name, one))
        if (round > 0) samples.get(name)!.push(one)
      }
    }
  } finally {
    await Promise.all([...running.values()].map(({ stop }) => stop()))
  }
  return [...samples].map(([name, ones]) => Figures.result(name, ones))
}

const limitLine = ({ bytesPerSec, deviationPercent, direction, runtime }: Limits.Kept): string => {
  const sign = deviationPercent < 0 ? "" : "+"
  return `shoal-${runtime}  ${direction === "up" ? "-u" : "-d"} 1M  ${
    (bytesPerSec / MIB).toFixed(3)
  } MiB/s  ${sign}${deviationPercent.toFixed(1)} %`
}

const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: {
      size: { type: "string", default: "1G" },
      "piece-size": { type: "string", default: "1M" },
      runs: { type: "string", default: "3" },
      only: { type: "string" },
      "no-limits": { type: "boolean", default: false },
      "no-speed": { type: "boolean", default: false },
      dir: { type: "string" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  })
  if (values.help) return console.log(HELP)
  const tell = (line: string): void => values.json ? console.error(line) : console.log(line)
  const withoutLeecher = Libtorrent.missing()
  if (withoutLeecher !== undefined) throw new Error(`the bench leeches with libtorrent; ${withoutLeecher}`)
  if (process.platform !== "linux") throw new Error("the bench reads what processes cost from /proc (Linux)")

  const dir = values.dir ?? Figures.fastFolder()
  const size = Figures.parseSize(values.size)
  const runs = Figures.parseRuns(values.runs)
  const wanted = ALL.filter(({ name }) => values.only === undefined || values.only.split(",").includes(name))
  for (const { name, missing } of wanted) if (missing !== undefined) tell(`${name} is left out: ${missing}`)
  const contestants = wanted.filter(({ missing }) => missing === undefined)

  const results = values["no-speed"] ? [] : await speed({
    dir,
    size,
    pieceLength: Figures.parseSize(values["piece-size"]),
    runs,
    contestants,
    tell,
  })
  if (results.length > 0 && !values.json) console.log(Figures.table(results))

  const runtimes = (["node", "deno"] as const).filter((one) =>
    contestants.some(({ name }) => name === `shoal-${one}`)
  )
  const limits = values["no-limits"] ? [] : await Limits.measure(dir, LIMITED_BYTES, LIMIT, runtimes)
  if (values.json) {
    return console.log(JSON.stringify({ size, runs, dir, machine: Figures.machine(), results, limits }))
  }
  if (limits.length > 0) {
    console.log(
      `\n${LIMITED_BYTES / MIB} MiB at a limit of 1 MiB/s: payload by time, and by how much it is off`,
    )
  }
  for (const one of limits) console.log(limitLine(one))
}

try {
  await main()
} catch (error) {
  console.error(`bench: ${(error as Error).message}`)
  process.exitCode = 1
}
