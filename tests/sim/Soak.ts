/**
 * Small worlds with all checkers, for as long as told: seeds are drawn from the clock, those that fail are printed with
 * what led to it, and the exit code says whether there were any.
 *
 *     npm run sim:soak -- --minutes 10
 *     npm run sim:soak -- --seed 42          one seed, and nothing else
 */
import process from "node:process"
import { parseArgs } from "node:util"
import * as Runs from "./Runs.ts"

const { values } = parseArgs({
  options: { minutes: { type: "string", default: "10" }, seed: { type: "string" } },
})

const MINUTE = 60_000

/** Any other number than the last one: the golden ratio spreads them. */
const next = (seed: number): number => (seed + 0x9e3779b9) >>> 0

let seeds = 0
let events = 0
const failed: Array<number> = []

const tryOne = (seed: number): void => {
  const outcome = Runs.run(Runs.ofSeed(seed))
  seeds++
  events += outcome.events
  if (outcome.failure === undefined) return
  failed.push(seed)
  console.log(`${outcome.failure}\n`)
}

if (values.seed !== undefined) tryOne(Number(values.seed))
else {
  const startedAt = Date.now()
  const minutes = Number(values.minutes)
  for (let seed = startedAt >>> 0; Date.now() - startedAt < minutes * MINUTE; seed = next(seed)) tryOne(seed)
}
console.log(`${seeds} seeds, ${events} events, failed: ${failed.length === 0 ? "none" : failed.join(", ")}`)
process.exitCode = failed.length === 0 ? 0 : 1
