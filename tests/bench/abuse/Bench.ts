/**
 * What strangers can do to a running shoal: `shoal seed` and `shoal download`, on Node and on Deno, with a peer that
 * behaves and others that don't. `npm run bench:abuse -- --help` tells the options, ../README.md how to read the result.
 */
import { cpus } from "node:os"
import process from "node:process"
import { parseArgs } from "node:util"
import * as Shoal from "../../support/Shoal.ts"
import * as TempDir from "../../support/TempDir.ts"
import * as Torrents from "../../support/Torrents.ts"
import * as Figures from "../Figures.ts"
import { MIB } from "../Figures.ts"
import * as Abuses from "./Abuses.ts"
import * as Run from "./Run.ts"

const HELP = `usage: npm run bench:abuse -- [options]
  --only LIST       of these abuses: ${Abuses.ALL.map(({ name }) => name).join(", ")}
  --roles LIST      what shoal does: seed, download (both)
  --runtimes LIST   node, deno (both)
  --seconds N       measured before each abuse, and again during it (4)
  --rate SIZE       what the good peer's line takes a second; 0 is as fast as it goes (0 of a seed, 48M to a download)
  --dir DIR         where the data goes (/dev/shm where there is one)
  --json            one JSON object instead of the table`

const SEED_BYTES = 256 * MIB
const PIECE_BYTES = 256 * 1024

/** More than a download can get while it is measured. */
const downloadBytes = (seconds: number, rateBytesPerSec: number): number =>
  Math.ceil((2 * seconds + 10) * rateBytesPerSec / MIB) * MIB

/** What a client of this field may be asked for: memory below this, and half of the rate. */
const MAX_PEAK_BYTES = 300e6
const MIN_RATIO = 0.5

const isFine = ({ peakBytes, ratio }: Run.Outcome): boolean =>
  peakBytes < MAX_PEAK_BYTES && ratio >= MIN_RATIO

const line = (one: Run.Outcome): string =>
  [
    one.role.padEnd(9),
    one.runtime.padEnd(5),
    one.abuse.padEnd(17),
    (one.undisturbedBytesPerSec / 1e6).toFixed(0).padStart(6),
    (one.abusedBytesPerSec / 1e6).toFixed(0).padStart(6),
    `x${one.ratio.toFixed(2)}`.padStart(6),
    `x${one.perCpuRatio.toFixed(2)}`.padStart(6),
    (one.peakBeforeBytes / 1e6).toFixed(0).padStart(6),
    (one.peakBytes / 1e6).toFixed(0).padStart(6),
    one.cpuBefore.toFixed(2).padStart(6),
    one.cpuMeanwhile.toFixed(2).padStart(6),
    one.opened.toFixed(0).padStart(6),
    (one.sentBytes / 1e6).toFixed(1).padStart(6),
    one.chokes + one.connects > 0 ? `  choked ${one.chokes}, connected ${one.connects}` : "",
    isFine(one) ? "" : "  <",
  ].join(" ")

const HEAD = [
  `${"".padEnd(33)}   payload, MB/s           per CPU  peak, MB      CPU of shoal  abuse, a second`,
  `${"".padEnd(33)} before  abuse  ratio  ratio before  abuse before  abuse  opens     MB`,
].join("\n")

const among = <A extends string>(all: ReadonlyArray<A>, list: string | undefined): ReadonlyArray<A> => {
  if (list === undefined) return all
  const names = list.split(",")
  const unknown = names.find((name) => !all.includes(name as A))
  if (unknown !== undefined) throw new Error(`not one of ${all.join(", ")}: ${unknown}`)
  return all.filter((one) => names.includes(one))
}

const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: {
      only: { type: "string" },
      roles: { type: "string" },
      runtimes: { type: "string" },
      seconds: { type: "string", default: "4" },
      rate: { type: "string" },
      dir: { type: "string" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  })
  if (values.help) return console.log(HELP)
  if (process.platform !== "linux") throw new Error("the bench reads what processes cost from /proc (Linux)")
  const tell = (text: string): void => values.json ? console.error(text) : console.log(text)
  const seconds = Number(values.seconds)
  if (!(seconds >= 1)) throw new Error(`not a number of seconds: ${values.seconds}`)
  const abuses = among(Abuses.ALL.map(({ name }) => name), values.only)
  const roles = among(["seed", "download"] as const, values.roles)
  const runtimes = among(["node", "deno"] as const, values.runtimes)

  using temp = TempDir.make("bench-abuse", values.dir ?? Figures.fastFolder())
  const outcomes: Array<Run.Outcome> = []
  for (const role of roles) {
    const rateBytesPerSec = Figures.parseSize(values.rate ?? (role === "seed" ? "0" : "48M"))
    const length = role === "seed" ? SEED_BYTES : downloadBytes(seconds, rateBytesPerSec)
    const dir = temp.sub(role)
    const files = [{ path: "", length }]
    const torrent = await Torrents.make({ dir, name: "abuse.bin", files, pieceLength: PIECE_BYTES })
    tell(
      `shoal ${role}, ${length / MIB} MiB, one good peer at ${
        rateBytesPerSec === 0 ? "any rate" : `${rateBytesPerSec / MIB} MiB/s`
      }, ${cpus().length} cores\n${HEAD}`,
    )
    for (const runtime of runtimes) {
      const missing = Shoal.missing(runtime)
      if (missing !== undefined) {
        tell(`${runtime} is left out: ${missing}`)
        continue
      }
      for (const abuse of abuses) {
        const one = await Run.run({ role, runtime, torrent, dir, abuse, seconds, rateBytesPerSec })
        outcomes.push(one)
        tell(line(one))
      }
    }
  }
  const bad = outcomes.filter((one) => !isFine(one))
  if (values.json) return console.log(JSON.stringify({ seconds, machine: Figures.machine(), outcomes }))
  console.log(
    bad.length === 0
      ? `all ${outcomes.length} below ${MAX_PEAK_BYTES / 1e6} MB, with at least ${MIN_RATIO} of the rate`
      : `${bad.length} of ${outcomes.length} are not (<)`,
  )
}

try {
  await main()
} catch (error) {
  console.error(`bench: ${(error as Error).message}`)
  process.exitCode = 1
}
