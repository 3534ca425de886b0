/**
 * How fast and at what cost a big torrent is downloaded over loopback from one seeder: shoal beside aria2 and libtorrent.
 * `npm run bench -- --help` tells the options, README.md how to read the result.
 */
import { accessSync, constants } from "node:fs"
import { cpus, tmpdir, totalmem } from "node:os"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import * as Aria2 from "../support/Aria2.ts"
import * as Libtorrent from "../support/Libtorrent.ts"
import * as Process from "../support/Process.ts"
import * as Shoal from "../support/Shoal.ts"
import * as TempDir from "../support/TempDir.ts"
import * as Torrents from "../support/Torrents.ts"
import * as Tracker from "../support/Tracker.ts"

const MIB = 1024 * 1024
const measure = fileURLToPath(new URL("measure.py", import.meta.url))

const HELP = `usage: npm run bench -- [options]
  --size SIZE       bytes to download, with K, M or G for powers of 1024 (1G)
  --piece-size SIZE a power of two (1M)
  --runs N          measured runs of each client, after one that does not count (3)
  --only LIST       of these clients: shoal-node, shoal-deno, aria2, libtorrent
  --deno            also shoal on Deno
  --dir DIR         where the data goes (/dev/shm where there is one)
  --json            one JSON object instead of the table`

interface Sample {
  readonly bytesPerSec: number
  readonly seconds: number
  readonly cpuSeconds: number
  readonly peakBytes: number
}

interface Contestant {
  readonly name: string
  readonly missing: string | undefined
  readonly command: (out: string) => Promise<ReadonlyArray<string>>
}

const parseSize = (text: string): number => {
  const match = /^(\d+)([KMG]?)$/.exec(text)
  if (match === null) throw new Error(`not a size: ${text}`)
  return Number(match[1]) * 1024 ** ("KMG".indexOf(match[2] || " ") + 1)
}

const isWritable = (dir: string): boolean => {
  try {
    accessSync(dir, constants.W_OK)
    return true
  } catch {
    return false
  }
}

/** One download to an empty folder, checked against the original afterwards. */
const sample = async (
  contestant: Contestant,
  torrent: Torrents.TestTorrent,
  dir: string,
): Promise<Sample> => {
  using out = TempDir.make("bench-out", dir)
  const command = await contestant.command(out.path)
  // a home of its own, so that no run finds what the one before it kept
  const home = out.sub("home")
  await using child = Process.start(Libtorrent.python()!, [measure, ...command], {
    name: contestant.name,
    env: { ...Shoal.homeEnv(home), NO_COLOR: "1" },
  })
  await child.exited
  const last = child.stdout().trimEnd().split("\n").at(-1) ?? ""
  const cost = last.startsWith('{"code"') ? JSON.parse(last) as Record<string, number> : { code: -1 }
  const differing = cost["code"] === 0 ? Torrents.differing(torrent, out.path) : torrent.files
  if (differing.length > 0) {
    throw new Error(`${contestant.name} did not download the torrent\n${Process.report(child)}`)
  }
  const seconds = cost["seconds"]!
  return {
    seconds,
    bytesPerSec: torrent.totalLength / seconds,
    cpuSeconds: cost["user"]! + cost["system"]!,
    peakBytes: cost["peakBytes"]!,
  }
}

const median = (values: ReadonlyArray<number>): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

const summary = (samples: ReadonlyArray<Sample>, pick: (one: Sample) => number) => {
  const values = samples.map(pick)
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) }
}

const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: {
      size: { type: "string", default: "1G" },
      "piece-size": { type: "string", default: "1M" },
      runs: { type: "string", default: "3" },
      only: { type: "string" },
      deno: { type: "boolean", default: false },
      dir: { type: "string" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  })
  if (values.help) return console.log(HELP)
  const tell = (line: string): void => values.json ? console.error(line) : console.log(line)
  const runs = Number(values.runs)
  if (!Number.isInteger(runs) || runs < 1) throw new Error(`not a number of runs: ${values.runs}`)
  const withoutSeeder = Libtorrent.missing()
  if (withoutSeeder !== undefined) throw new Error(`the bench seeds with libtorrent; ${withoutSeeder}`)

  const dir = values.dir ?? (isWritable("/dev/shm") ? "/dev/shm" : tmpdir())
  using temp = TempDir.make("bench", dir)
  const size = parseSize(values.size)
  const files = [{ path: "", length: size }]
  const plain = await Torrents.make({
    dir: temp.path,
    name: "bench.bin",
    files,
    pieceLength: parseSize(values["piece-size"]),
  })
  await using seeder = await Libtorrent.seed(plain, { check: true })
  // aria2 takes no peers by hand, so it alone asks a tracker
  await using tracker = await Tracker.start({ peers: [seeder.address] })
  const tracked = Torrents.withTrackers(plain, `${temp.path}/tracked.torrent`, [tracker.url])

  const shoal = (runtime: Shoal.Runtime): Contestant => ({
    name: `shoal-${runtime}`,
    missing: Shoal.missing(runtime),
    command: (out) => {
      const args = [
        "download",
        plain.file,
        "--quiet",
        "--out",
        out,
        "--peer",
        seeder.address,
        ...Shoal.OFFLINE,
      ]
      return Promise.resolve(Shoal.command(args, runtime))
    },
  })
  const all: ReadonlyArray<Contestant> = [
    shoal("node"),
    ...(values.deno ? [shoal("deno")] : []),
    {
      name: "aria2",
      missing: Aria2.missing(),
      command: async (out) => Aria2.leechCommand(tracked, out, await Process.freePort()),
    },
    {
      name: "libtorrent",
      missing: undefined,
      command: (out) => Promise.resolve(Libtorrent.leechCommand(plain, out, [seeder.address])),
    },
  ]
  const wanted = all.filter(({ name }) => values.only === undefined || values.only.split(",").includes(name))
  for (const { name, missing } of wanted) if (missing !== undefined) tell(`${name} is left out: ${missing}`)
  const contestants = wanted.filter(({ missing }) => missing === undefined)

  tell(`${size / MIB} MiB from one libtorrent seeder over loopback, data in ${dir}, ${cpus().length} cores`)
  const samples = new Map<string, Array<Sample>>(contestants.map(({ name }) => [name, []]))
  for (let round = 0; round <= runs; round++) {
    for (const contestant of contestants) {
      const one = await sample(contestant, plain, dir)
      tell(
        `${round === 0 ? "warm-up" : `run ${round}  `} ${contestant.name.padEnd(11)} ` +
          `${(one.bytesPerSec / 1e6).toFixed(0).padStart(5)} MB/s ${
            one.cpuSeconds.toFixed(2).padStart(6)
          } CPU s ` +
          `${(one.peakBytes / MIB).toFixed(0).padStart(5)} MiB`,
      )
      if (round > 0) samples.get(contestant.name)!.push(one)
    }
  }

  const results = [...samples].map(([name, ones]) => ({
    name,
    bytesPerSec: summary(ones, (one) => one.bytesPerSec),
    cpuSeconds: summary(ones, (one) => one.cpuSeconds),
    peakBytes: summary(ones, (one) => one.peakBytes),
    samples: ones,
  }))
  if (values.json) {
    const machine = {
      cpu: cpus()[0]?.model,
      cores: cpus().length,
      memoryBytes: totalmem(),
      node: process.version,
    }
    return console.log(JSON.stringify({ size, runs, dir, machine, results }))
  }
  const yardstick = results.find(({ name }) => name === "libtorrent")
  const cell = (
    one: { median: number; min: number; max: number },
    unit: number,
    digits: number,
    base?: number,
  ) => {
    const range = `${(one.min / unit).toFixed(digits)}-${(one.max / unit).toFixed(digits)}`
    const ratio = base === undefined ? "" : ` x${(one.median / base).toFixed(2)}`
    return `${(one.median / unit).toFixed(digits)} (${range})${ratio}`.padEnd(27)
  }
  console.log(`\n${"median (min-max) xlibtorrent".padEnd(30)}`)
  console.log(`${"".padEnd(12)}${"MB/s".padEnd(27)}${"CPU seconds".padEnd(27)}peak MiB`)
  for (const { name, bytesPerSec, cpuSeconds, peakBytes } of results) {
    console.log(
      name.padEnd(12) + cell(bytesPerSec, 1e6, 0, yardstick?.bytesPerSec.median) +
        cell(cpuSeconds, 1, 2, yardstick?.cpuSeconds.median) +
        cell(peakBytes, MIB, 0, yardstick?.peakBytes.median),
    )
  }
}

try {
  await main()
} catch (error) {
  console.error(`bench: ${(error as Error).message}`)
  process.exitCode = 1
}
