/** `npm run fuzz`: which targets, for how long, and what came of it. See README.md. */
import { createHash } from "node:crypto"
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join, relative } from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import type { Bytes } from "../../core/base/Bytes.ts"
import * as Build from "./Build.ts"
import type { Target } from "./Target.ts"
import * as Targets from "./Targets.ts"
import * as Watch from "./Watch.ts"

const FOUND = fileURLToPath(new URL("found", import.meta.url))

const USAGE = `usage: npm run fuzz -- TARGET … [--minutes N] [--seed S] [--jobs N] [--corpus DIR]
       npm run fuzz -- --all [--minutes N] …      the time is for all targets together
       npm run fuzz -- TARGET --replay FILE       runs one input
       npm run fuzz -- --list                     the targets, and what must hold
       --missed                                   says at the end which lines nothing has reached`

const say = (text: string): boolean => process.stdout.write(`${text}\n`)

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    all: { type: "boolean", default: false },
    list: { type: "boolean", default: false },
    missed: { type: "boolean", default: false },
    minutes: { type: "string", default: "1" },
    jobs: { type: "string", default: "1" },
    seed: { type: "string" },
    corpus: { type: "string" },
    replay: { type: "string" },
  },
})

const nameOf = (input: Bytes): string => createHash("sha1").update(input).digest("hex").slice(0, 16)

const filesOf = (folder: string): ReadonlyArray<Bytes> => {
  try {
    return readdirSync(folder).sort().map((name) => new Uint8Array(readFileSync(join(folder, name))))
  } catch {
    return []
  }
}

const save = (folder: string, input: Bytes): string => {
  mkdirSync(folder, { recursive: true })
  const path = join(folder, nameOf(input))
  writeFileSync(path, input)
  return relative(process.cwd(), path)
}

const fuzz = async (target: Target, seed: number, minutes: number): Promise<Watch.Summary> => {
  const built = await Build.build({ entry: Targets.entryOf(target), covers: target.covers })
  const kept = values.corpus === undefined ? undefined : join(values.corpus, target.name)
  try {
    const summary = await Watch.watch({
      target,
      built,
      seed,
      minutes,
      corpus: [...target.seeds(), ...(kept === undefined ? [] : filesOf(kept))],
      onKept: (input) => {
        if (kept !== undefined) save(kept, input)
      },
      onFinding: ({ input, report }) => {
        const file = save(join(FOUND, target.name), input)
        say(`\n${target.name}: ${report}\n  again: npm run fuzz -- ${target.name} --replay ${file}\n`)
      },
    })
    if (values.missed && summary.missed !== undefined) {
      say(
        `${target.name} never reached:\n  ${summary.missed.map((block) => built.blocks[block]).join("\n  ")}`,
      )
    }
    return summary
  } finally {
    await Build.remove(built)
  }
}

const replay = async (target: Target, file: string): Promise<boolean> => {
  const built = await Build.build({ entry: Targets.entryOf(target), covers: target.covers })
  try {
    process.setSourceMapsEnabled(true)
    const bundle = await import(built.url) as Targets.Bundle
    const same = bundle.targets.find(({ name }) => name === target.name)!
    const finding = bundle.attempt(same, bundle.counters, new Uint8Array(readFileSync(file)))
    say(
      finding === undefined
        ? `${target.name}: nothing is wrong with it`
        : `${target.name}: ${finding.report}`,
    )
    return finding === undefined
  } finally {
    await Build.remove(built)
  }
}

/** The columns are as wide as what stands in them. */
const table = (rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows.map((row) =>
    row.map((cell, i) => i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)).join("  ")
  ).join("\n")
}

const rowOf = (summary: Watch.Summary): ReadonlyArray<string> => [
  summary.target,
  summary.executions.toLocaleString("en"),
  Math.round(summary.executions / summary.seconds).toLocaleString("en"),
  `${summary.covered}/${summary.blocks}`,
  `${Math.round(100 * summary.covered / Math.max(1, summary.blocks))} %`,
  String(summary.corpus),
  String(summary.findings),
]

const main = async (): Promise<number> => {
  const targets = values.all ? [...Targets.all] : Targets.all.filter(({ name }) => positionals.includes(name))
  if (values.list) {
    for (const { name, oracle } of Targets.all) say(`${name.padEnd(18)} ${oracle}`)
    return 0
  }
  const unknown = positionals.find((name) => !Targets.all.some((target) => target.name === name))
  const minutes = Number(values.minutes)
  const jobs = Number(values.jobs)
  if (unknown !== undefined || targets.length === 0 || !(minutes > 0) || !(jobs >= 1)) {
    say(unknown === undefined ? USAGE : `there is no target ${unknown}; npm run fuzz -- --list has them`)
    return 2
  }
  if (values.replay !== undefined) return await replay(targets[0]!, values.replay) ? 0 : 1
  const seed = values.seed === undefined ? Date.now() >>> 0 : Number(values.seed)
  say(`seed ${seed}`)
  const each = values.all ? minutes * Math.min(jobs, targets.length) / targets.length : minutes
  const summaries: Array<Watch.Summary> = []
  const waiting = [...targets]
  const worker = async (): Promise<void> => {
    for (let target = waiting.shift(); target !== undefined; target = waiting.shift()) {
      const summary = await fuzz(target, seed, each)
      summaries.push(summary)
      say(rowOf(summary).join("  "))
    }
  }
  await Promise.all(Array.from({ length: jobs }, worker))
  const sorted = targets.flatMap(({ name }) => summaries.filter(({ target }) => target === name))
  say(
    "\n" +
      table([["target", "executions", "a second", "blocks", "", "corpus", "crashes"], ...sorted.map(rowOf)]),
  )
  return sorted.some(({ findings }) => findings > 0) ? 1 : 0
}

process.exitCode = await main()
