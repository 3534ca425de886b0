/**
 * Kills real runs of shoal at moments drawn from a seed, for as long as told, and says what came of it.
 *
 *     npm run chaos                                      five minutes
 *     npm run chaos -- --kills 300 --runtime both        so many kills, half of them under Deno
 *     npm run chaos -- --seed 42 --jobs 1                the same lives in the same order
 *
 * What is checked after each kill, and what else happens in between, is in README.md. The exit code says whether all went
 * well.
 */
import { mkdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { parseArgs } from "node:util"
import * as Rng from "../../core/base/Rng.ts"
import * as Shoal from "../support/Shoal.ts"
import * as TempDir from "../support/TempDir.ts"
import * as Torrents from "../support/Torrents.ts"
import * as Disks from "./Disks.ts"
import * as Failing from "./Failing.ts"
import * as Figures from "./Figures.ts"
import * as Life from "./Life.ts"
import * as Others from "./Others.ts"
import * as Truth from "./Truth.ts"

export interface Options {
  readonly seed: number
  readonly runtimes: ReadonlyArray<Shoal.Runtime>
  readonly jobs: number
  /** Lives begin while this is true of the kills so far and the seconds that have passed. */
  readonly goesOn: (kills: number, seconds: number) => boolean
  /** Whether some lives are on disks of their own, which takes a moment each. */
  readonly hasDisks: boolean
  readonly tell: (line: string) => void
}

/** What lives are made of: one file, and many of which some are smaller than a piece. */
const subjectsIn = async (folder: string): Promise<ReadonlyArray<Truth.Subject>> => [
  Truth.subjectOf(await Torrents.small(join(folder, "small"), 4_000_000, 65_536)),
  Truth.subjectOf(
    await Torrents.make({
      dir: join(folder, "many"),
      name: "many",
      pieceLength: 32_768,
      files: Array.from({ length: 12 }, (_, i) => ({
        path: i % 3 === 0 ? `f${i}` : `folder ${i % 3}/f${i}`,
        length: i === 5 ? 0 : i % 4 === 0 ? 600_000 + i : 20_000 * i + 1,
      })),
    }),
  ),
]

/** Lives until it is enough; never fails, what went wrong is in the figures. */
export const run = async (options: Options): Promise<Figures.Figures> => {
  const figures = Figures.make()
  const startedAt = performance.now()
  const seconds = (): number => (performance.now() - startedAt) / 1_000
  const mayKill = (): boolean => options.goesOn(Figures.killCount(figures), seconds())
  using folder = TempDir.make("chaos")
  const subjects = await subjectsIn(folder.path)
  let next = 0

  const one = async (index: number): Promise<void> => {
    // Each life from a number of its own: it is the same whatever the others do.
    const rng = Rng.make(options.seed + index * 0x9e3779b9)
    const place = join(folder.path, `life-${index}`)
    mkdirSync(join(place, "out"), { recursive: true })
    const subject = subjects[Rng.below(rng, subjects.length)]!
    const runtime = options.runtimes[index % options.runtimes.length]!
    const life: Life.Life = { ...Life.foldersIn(place), rng, subject, runtime, figures, mayKill }
    const kind = Rng.below(rng, 12)
    const disk = kind === 0 && options.hasDisks ? Disks.make() : undefined
    try {
      if (disk !== undefined) await Failing.live({ ...life, out: disk.path }, disk)
      else if (kind === 1) await Others.seed(life)
      else if (kind === 2) await Others.create(life)
      else await Life.live(life)
    } catch (error) {
      const message = error instanceof Life.ChaosError
        ? error.message
        : String((error as Error).stack ?? error)
      figures.failures.push(`life ${index} of seed ${options.seed} (${runtime}): ${message}`)
      options.tell(figures.failures.at(-1)!)
    } finally {
      disk?.remove()
      rmSync(place, { recursive: true, force: true })
    }
  }

  const worker = async (): Promise<void> => {
    while (mayKill()) await one(next++)
  }
  await Promise.all(Array.from({ length: options.jobs }, worker))
  return figures
}

/** The command: options from the command line, figures to standard output. */
export const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: {
      minutes: { type: "string" },
      kills: { type: "string" },
      seed: { type: "string" },
      runtime: { type: "string", default: "node" },
      jobs: { type: "string", default: "2" },
    },
  })
  const seed = Number(values.seed ?? Date.now() % 1_000_000)
  const kills = Number(values.kills ?? Infinity)
  const mostSeconds = 60 * Number(values.minutes ?? (values.kills === undefined ? 5 : Infinity))
  const runtimes: ReadonlyArray<Shoal.Runtime> = values.runtime === "both"
    ? ["node", "deno"]
    : [values.runtime === "deno" ? "deno" : "node"]
  for (const runtime of runtimes) {
    const reason = Shoal.missing(runtime)
    if (reason !== undefined) throw new Error(reason)
  }
  const noDisks = Disks.missing()
  console.log(`seed ${seed}${noDisks === undefined ? "" : `; without failing disks: ${noDisks}`}`)
  const startedAt = performance.now()
  const figures = await run({
    seed,
    runtimes,
    jobs: Number(values.jobs),
    goesOn: (killed, seconds) => killed < kills && seconds < mostSeconds,
    hasDisks: noDisks === undefined,
    tell: console.log,
  })
  console.log(Figures.report(figures, (performance.now() - startedAt) / 1_000))
  process.exitCode = figures.failures.length === 0 ? 0 : 1
}
