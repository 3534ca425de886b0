/**
 * How fast and at what cost a big torrent is downloaded over loopback from one seeder: shoal beside aria2 and libtorrent.
 * `npm run bench -- --help` tells the options, README.md how to read the result.
 */
import { cpus } from "node:os"
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
import * as Figures from "./Figures.ts"
import { MIB, type Sample } from "./Figures.ts"

const measure = fileURLToPath(new URL("measure.py", import.meta.url))

const HELP = `usage: npm run bench -- [options]
  --size SIZE       bytes to download, with K, M or G for powers of 1024 (1G)
  --piece-size SIZE a power of two (1M)
  --runs N          measured runs of each client, after one that does not count (3)
  --only LIST       of these clients: shoal-node, shoal-deno, aria2, libtorrent
  --deno            also shoal on Deno
  --dir DIR         where the data goes (/dev/shm where there is one)
  --json            one JSON object instead of the table`

interface Contestant {
  readonly name: string
  readonly missing: string | undefined
  readonly command: (out: string) => Promise<ReadonlyArray<string>>
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
  const runs = Figures.parseRuns(values.runs)
  const withoutSeeder = Libtorrent.missing()
  if (withoutSeeder !== undefined) throw new Error(`the bench seeds with libtorrent; ${withoutSeeder}`)

  const dir = values.dir ?? Figures.fastFolder()
  using temp = TempDir.make("bench", dir)
  const size = Figures.parseSize(values.size)
  const files = [{ path: "", length: size }]
  const plain = await Torrents.make({
    dir: temp.path,
    name: "bench.bin",
    files,
    pieceLength: Figures.parseSize(values["piece-size"]),
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
      tell(Figures.line(round, contestant.name, one))
      if (round > 0) samples.get(contestant.name)!.push(one)
    }
  }

  const results = [...samples].map(([name, ones]) => Figures.result(name, ones))
  console.log(
    values.json
      ? JSON.stringify({ size, runs, dir, machine: Figures.machine(), results })
      : Figures.table(results),
  )
}

try {
  await main()
} catch (error) {
  console.error(`bench: ${(error as Error).message}`)
  process.exitCode = 1
}
