/**
 * What shoal costs beside other clients, in one run: `npm run bench`. `-- --help` tells the cases and options, README.md how to
 * read the result.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { cpus } from "node:os"
import process from "node:process"
import { parseArgs } from "node:util"
import * as Case from "./Case.ts"
import { crowd } from "./cases/Crowd.ts"
import * as Download from "./cases/Download.ts"
import * as Hashing from "./cases/Hashing.ts"
import { idle } from "./cases/Idle.ts"
import { latency } from "./cases/Latency.ts"
import { limits } from "./cases/Limits.ts"
import * as Many from "./cases/Many.ts"
import * as Upload from "./cases/Upload.ts"
import * as Figures from "./Figures.ts"

const CASES: ReadonlyArray<Case.Case> = [
  ...[Download.one, Download.eight, Upload.one, Upload.eight, Hashing.check, Hashing.create],
  ...[Many.files, Many.pieces, latency, idle, crowd, limits],
]

const HELP = `usage: npm run bench -- [options]
  --cases LIST      some of the cases below, by name (all)
  --only LIST       some of the clients, by name, as shoal-node,libtorrent (all that are there)
  --runs N          measured runs of each client, after one that does not count (3)
  --size SIZE       bytes of the large torrent, with K, M or G for powers of 1024 (2G)
  --piece-size SIZE a power of two (1M)
  --dir DIR         where the data goes (/dev/shm where there is one)
  --json            one JSON object instead of tables
  --save FILE       writes that object to a file as well
  --compare FILE    sets the medians beside those of such a file

cases
${CASES.map(({ name, summary }) => `  ${name.padEnd(10)}${summary}`).join("\n")}`

interface Saved {
  readonly size: number
  readonly runs: number
  readonly machine: ReturnType<typeof Figures.machine>
  readonly outcomes: ReadonlyArray<Case.Outcome>
}

/** Cases by their names on the command line. */
const chosen = (list: string | undefined): ReadonlyArray<Case.Case> =>
  list === undefined ? CASES : list.split(",").map((name) => {
    const found = CASES.find((one) => one.name === name)
    if (found === undefined) throw new Error(`no such case: ${name} (--help lists them)`)
    return found
  })

/** Each median by what the same one was then. */
const comparison = (before: Saved, outcomes: ReadonlyArray<Case.Outcome>): ReadonlyArray<string> =>
  outcomes.flatMap((outcome) =>
    outcome.results.flatMap(({ figures, name }) => {
      const then = before.outcomes.find((one) => one.case === outcome.case)?.results
        .find((one) => one.name === name)
      return Object.entries(figures).flatMap(([key, { median }]) => {
        const old = then?.figures[key]?.median
        return old === undefined ? [] : [`${outcome.case} ${name} ${key}: x${(median / old).toFixed(2)}`]
      })
    })
  )

const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: {
      cases: { type: "string" },
      only: { type: "string" },
      runs: { type: "string", default: "3" },
      size: { type: "string", default: "2G" },
      "piece-size": { type: "string", default: "1M" },
      dir: { type: "string" },
      json: { type: "boolean", default: false },
      save: { type: "string" },
      compare: { type: "string" },
      help: { type: "boolean", default: false },
    },
  })
  if (values.help) return console.log(HELP)
  if (process.platform !== "linux") throw new Error("the bench reads what processes cost from /proc (Linux)")
  const tell = (line: string): void => values.json ? console.error(line) : console.log(line)
  const cases = chosen(values.cases)
  const before = values.compare === undefined
    ? undefined
    : JSON.parse(readFileSync(values.compare, "utf8")) as Saved
  const options = {
    dir: values.dir ?? Figures.fastFolder(),
    size: Figures.parseSize(values.size),
    pieceLength: Figures.parseSize(values["piece-size"]),
    runs: Figures.parseCount(values.runs),
    only: values.only?.split(","),
  }
  tell(`data in ${options.dir}, ${cpus().length} cores, ${cpus()[0]?.model}`)
  const outcomes: Array<Case.Outcome> = []
  for (const one of cases) {
    const outcome = await Case.play(one, options, tell)
    outcomes.push(outcome)
    tell(`\n${Figures.table(one.metrics, outcome.results)}`)
    if (outcome.note !== undefined) tell(outcome.note)
  }
  const { runs, size } = options
  const saved: Saved = { size, runs, machine: Figures.machine(), outcomes }
  if (values.json) console.log(JSON.stringify(saved))
  if (values.save !== undefined) writeFileSync(values.save, `${JSON.stringify(saved)}\n`)
  if (before !== undefined) { for (const line of comparison(before, outcomes)) tell(line) }
}

try {
  await main()
} catch (error) {
  console.error(`bench: ${(error as Error).message}`)
  process.exitCode = 1
}
