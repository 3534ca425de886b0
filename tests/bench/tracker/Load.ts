/** The process that asks: reads one case as JSON from its argument, prints one result as JSON. */
import process from "node:process"
import * as Rng from "../../../core/base/Rng.ts"
import { cpuSeconds } from "./Cpu.ts"
import * as HttpLoad from "./HttpLoad.ts"
import * as Tally from "./Tally.ts"
import * as UdpLoad from "./UdpLoad.ts"
import * as Workload from "./Workload.ts"

export interface Case {
  readonly protocol: "udp" | "http"
  readonly port: number
  /** The tracker's processes, whose time is measured. */
  readonly pids: ReadonlyArray<number>
  readonly workload: Workload.WorkloadOptions
  /** Questions under way at a time. */
  readonly window: number
  readonly seconds: number
  readonly maxRequests: number
}

export interface CaseResult {
  readonly answersPerSec: number
  readonly answered: number
  readonly lost: number
  readonly errors: number
  readonly firstError?: string
  readonly p50Ms: number
  readonly p99Ms: number
  readonly peersPerAnswer: number
  /** Of the tracker's processes, user and system, for each answer. */
  readonly cpuMicros: number
  readonly connections: number
  /** Of the process that asks: near 1, it was the bottleneck. */
  readonly ownLoad: number
}

/** As long as this many times the measured part, at most. */
export const WARM_UP = 2

const run = async (one: Case): Promise<CaseResult> => {
  const workload = Workload.make(one.workload)
  const load = await (one.protocol === "udp" ? UdpLoad : HttpLoad).start(one.port, one.window, workload)

  // Everybody comes once, so that the tracker has its swarms when the clock starts; as far as a slow one gets.
  const warmUp = Tally.make()
  const warm = performance.now() + WARM_UP * one.seconds * 1000
  let first = 0
  await load.run(() => first < workload.peers && performance.now() < warm ? first++ : undefined, warmUp)
  const failed = warmUp.errors + warmUp.lost
  if (failed > first / 2) {
    throw new Error(`${failed} of ${first} announces failed: ${warmUp.firstError ?? "no answer"}`)
  }

  const rng = Rng.make(one.workload.seed + 1)
  const tally = Tally.make()
  const cpuBefore = cpuSeconds(one.pids)
  const ownBefore = process.cpuUsage()
  const started = performance.now()
  const end = started + one.seconds * 1000
  let asked = 0
  await load.run(() => {
    if (asked >= one.maxRequests || performance.now() >= end) return undefined
    asked++
    return Rng.below(rng, workload.peers)
  }, tally)
  // What was lost at the end is waited for, and must not count as time without answers.
  const seconds =
    Math.min(performance.now() - started, asked < one.maxRequests ? one.seconds * 1000 : Infinity) / 1000
  const own = process.cpuUsage(ownBefore)
  const cpu = cpuSeconds(one.pids) - cpuBefore
  load.close()
  return {
    answersPerSec: tally.answered / seconds,
    answered: tally.answered,
    lost: tally.lost,
    errors: tally.errors,
    ...(tally.firstError === undefined ? {} : { firstError: tally.firstError }),
    p50Ms: Tally.percentile(tally, 0.5),
    p99Ms: Tally.percentile(tally, 0.99),
    peersPerAnswer: tally.peers / Math.max(tally.answered, 1),
    cpuMicros: cpu * 1e6 / Math.max(tally.answered, 1),
    connections: tally.connections,
    ownLoad: (own.user + own.system) / 1e6 / seconds,
  }
}

try {
  console.log(JSON.stringify(await run(JSON.parse(process.argv[2]!) as Case)))
} catch (error) {
  console.error((error as Error).message)
  process.exit(1)
}
