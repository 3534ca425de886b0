/**
 * How many announces a tracker answers, how soon and at what cost: shoal beside opentracker, npm's bittorrent-tracker and
 * the least that a Node process can do. `npm run bench:tracker -- --help` tells the options, ../README.md how to read it.
 */
import { existsSync } from "node:fs"
import { cpus, totalmem } from "node:os"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import * as Process from "../../support/Process.ts"
import * as Cpu from "./Cpu.ts"
import type { Case, CaseResult } from "./Load.ts"
import * as Servers from "./Servers.ts"
import * as StoreBench from "./StoreBench.ts"

const MIB = 1024 * 1024

const HELP = `usage: npm run bench:tracker -- [options]
  --seconds N       how long each case is measured (10)
  --rounds N        measured rounds; contestants take turns in each (3)
  --only LIST       of these: shoal, "shoal, 2 workers", "shoal, Redis", opentracker, bittorrent-tracker, "bare Node"
  --protocol P      udp, http or both (both)
  --window N        announces under way at a time (64)
  --swarms N        torrents (10000)
  --peers N         peers in them, the n-th largest swarm as 1/n (100000)
  --no-trackers     without the trackers, which take most of the time
  --no-stores       without the stores alone, in memory and in Redis
  --no-memory       without the memory of the core at 1,000,000 peers
  --json            one JSON object instead of the tables`

interface Sample extends CaseResult {
  readonly residentBytes: number
}

/** Addresses that announces come from: enough for a tracker that limits each, and that spreads them over its workers. */
const ADDRESSES = 16
/** Of one case, however fast the tracker is. */
const MAX_REQUESTS = 5_000_000

const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

const count = (text: string, name: string): number => {
  const number = Number(text)
  if (!Number.isInteger(number) || number < 1) {
    throw new Error(`--${name} takes a whole number from 1, not "${text}"`)
  }
  return number
}

const median = (values: ReadonlyArray<number>): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** One case: a fresh tracker, and a process that asks it. */
const sample = async (
  contestant: Servers.Contestant,
  one: Omit<Case, "port" | "pids">,
): Promise<Sample> => {
  const server = await contestant.start(one.workload)
  try {
    const whole: Case = {
      ...one,
      port: one.protocol === "udp" ? server.udpPort : server.httpPort,
      pids: server.pids(),
    }
    const stdout = await Process.run(process.execPath, [file("load.mjs"), JSON.stringify(whole)], {
      name: "load",
    })
    return { ...JSON.parse(stdout) as CaseResult, residentBytes: Cpu.residentBytes(server.pids()) }
  } finally {
    await server.stop()
  }
}

interface CoreMemory {
  readonly peers: number
  readonly swarms: number
  readonly bytesPerPeer: number
  readonly residentBytes: number
  readonly fillMicros: number
  readonly announceMicros: number
}

/** The built core alone, with this many peers. */
const coreMemory = async (peers: number, swarms: number, family: 4 | 6): Promise<CoreMemory> => {
  const args = ["--expose-gc", file("memory.mjs"), ...[peers, swarms, family].map(String)]
  return JSON.parse(await Process.run(process.execPath, args, { name: "memory" })) as CoreMemory
}

const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: {
      seconds: { type: "string", default: "10" },
      rounds: { type: "string", default: "3" },
      only: { type: "string" },
      protocol: { type: "string", default: "both" },
      window: { type: "string", default: "64" },
      swarms: { type: "string", default: "10000" },
      peers: { type: "string", default: "100000" },
      "no-trackers": { type: "boolean", default: false },
      "no-stores": { type: "boolean", default: false },
      "no-memory": { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  })
  if (values.help) return console.log(HELP)
  const tell = (line: string): void => values.json ? console.error(line) : console.log(line)
  const rounds = count(values.rounds, "rounds")
  const seconds = count(values.seconds, "seconds")
  const window = count(values.window, "window")
  const workload = {
    swarms: count(values.swarms, "swarms"),
    peers: count(values.peers, "peers"),
    addresses: ADDRESSES,
    seed: 1,
  }
  if (workload.peers < workload.swarms) {
    throw new Error("every swarm has a peer: --peers must not be below --swarms")
  }
  const protocols = (["udp", "http"] as const).filter((one) =>
    values.protocol === "both" || values.protocol === one
  )
  if (protocols.length === 0) throw new Error(`--protocol is udp, http or both, not "${values.protocol}"`)

  const all = [
    Servers.shoal(1),
    Servers.shoal(2),
    Servers.shoalRedis,
    Servers.opentracker,
    Servers.bittorrentTracker,
    Servers.bare,
  ]
  const names = values.only?.split(/,(?! )/)
  for (const name of names ?? []) {
    if (!all.some((one) => one.name === name)) throw new Error(`--only knows no "${name}"`)
  }
  const isWanted = (name: string): boolean => !values["no-trackers"] && (names?.includes(name) ?? true)
  const wanted = all.filter(({ name }) => isWanted(name))
  for (const { missing, name } of wanted) if (missing !== undefined) tell(`${name} is left out: ${missing}`)
  const contestants = wanted.filter(({ missing }) => missing === undefined)

  tell(
    `${workload.peers} peers in ${workload.swarms} swarms, ${window} announces under way, ${seconds} s a case, ` +
      `${cpus().length} cores`,
  )
  const samples = new Map<string, Array<Sample>>()
  for (let round = 1; round <= rounds; round++) {
    for (const protocol of protocols) {
      for (const contestant of contestants) {
        const one = await sample(contestant, {
          protocol,
          workload,
          window,
          seconds,
          maxRequests: MAX_REQUESTS,
        })
        const key = `${protocol} ${contestant.name}`
        samples.set(key, [...samples.get(key) ?? [], one])
        const faults = one.errors === 0 ? "" : `, ${one.errors} errors: ${one.firstError}`
        tell(
          `round ${round} ${key.padEnd(24)} ${one.answersPerSec.toFixed(0).padStart(7)} answers/s` +
            `${one.lost === 0 ? "" : `, ${one.lost} lost`}${faults}`,
        )
      }
    }
  }

  const results = [...samples].map(([key, ones]) => {
    const pick = (of: (one: Sample) => number): number => median(ones.map(of))
    return {
      protocol: key.slice(0, key.indexOf(" ")),
      name: key.slice(key.indexOf(" ") + 1),
      answersPerSec: pick((one) => one.answersPerSec),
      p50Ms: pick((one) => one.p50Ms),
      p99Ms: pick((one) => one.p99Ms),
      cpuMicros: pick((one) => one.cpuMicros),
      residentBytes: pick((one) => one.residentBytes),
      lost: ones.reduce((sum, { lost }) => sum + lost, 0),
      errors: ones.reduce((sum, { errors }) => sum + errors, 0),
      samples: ones,
    }
  })

  if (!values["no-stores"] && StoreBench.missing() !== undefined) {
    tell(`the store in Redis is left out: ${StoreBench.missing()}`)
  }
  const stores = values["no-stores"] ? [] : await StoreBench.measure({ workload, window, seconds })

  const dist = existsSync(file("../../../dist/core/tracker/Server.js"))
  if (!dist && !values["no-memory"]) {
    tell("the core's memory is left out: dist/ is not built (npm run prepare)")
  }
  const memory = dist && !values["no-memory"]
    ? [await coreMemory(1_000_000, 100_000, 4), await coreMemory(1_000_000, 100_000, 6)]
    : []

  if (values.json) {
    const machine = {
      cpu: cpus()[0]?.model,
      cores: cpus().length,
      memoryBytes: totalmem(),
      node: process.version,
    }
    return console.log(
      JSON.stringify({ workload, window, seconds, rounds, machine, results, stores, memory }),
    )
  }
  for (const protocol of protocols) {
    const table = results.filter((one) => one.protocol === protocol)
    if (table.length === 0) continue
    /** The median of the rounds' own ratios: the machine's other load changes from round to round. */
    const ratio = (one: typeof table[number], name: string): string => {
      const rival = table.find((other) => other.name === name)
      if (rival === undefined) return ""
      return median(
        one.samples.map((sample, round) => sample.answersPerSec / rival.samples[round]!.answersPerSec),
      )
        .toFixed(2)
    }
    const rivals = ["opentracker", "bittorrent-tracker", "bare Node"]
    console.log(
      `\n${
        protocol.toUpperCase().padEnd(20)
      }answers/s   p50 ms   p99 ms   CPU µs      MiB     lost   errors` +
        rivals.map((name) => `x${name}`.padStart(21)).join(""),
    )
    for (const one of table) {
      const ratios = rivals.map((name) => ratio(one, name).padStart(21))
      console.log(
        one.name.padEnd(20) + one.answersPerSec.toFixed(0).padStart(9) + one.p50Ms.toFixed(2).padStart(9) +
          one.p99Ms.toFixed(2).padStart(9) + one.cpuMicros.toFixed(1).padStart(9) +
          (one.residentBytes / MIB).toFixed(0).padStart(9) + String(one.lost).padStart(9) +
          String(one.errors).padStart(9) + ratios.join(""),
      )
    }
  }
  if (stores.length > 0) {
    console.log(
      "\nSTORES               announces/s   p50 ms   p99 ms   CPU µs   in Redis   bytes a peer in Redis",
    )
  }
  for (const one of stores) {
    console.log(
      one.name.padEnd(24) + one.announcesPerSec.toFixed(0).padStart(8) + one.p50Ms.toFixed(3).padStart(9) +
        one.p99Ms.toFixed(3).padStart(9) + one.cpuMicros.toFixed(1).padStart(9) +
        (one.redisCpuMicros?.toFixed(1) ?? "").padStart(11) +
        (one.redisBytesPerPeer?.toFixed(0) ?? "").padStart(12),
    )
  }
  for (const [index, one] of memory.entries()) {
    console.log(
      `\ncore, IPv${index === 0 ? 4 : 6}: ${one.peers} peers in ${one.swarms} swarms: ${
        one.bytesPerPeer.toFixed(0)
      } ` +
        `bytes a peer, ${(one.residentBytes / MIB).toFixed(0)} MiB resident; ${
          one.fillMicros.toFixed(2)
        } µs for a new ` +
        `peer, ${one.announceMicros.toFixed(2)} µs for an announce with up to 50 peers`,
    )
  }
}

try {
  await main()
} catch (error) {
  console.error(`bench: ${(error as Error).message}`)
  process.exitCode = 1
}
