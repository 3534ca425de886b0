/** Which scenarios can be run: every bound, with what would have been right, so that the world may trust its scenario. */
import * as PieceSize from "../../metainfo/PieceSize.ts"
import * as Choker from "../../torrent/Choker.ts"
import { orders } from "../../torrent/Strategy.ts"
import type { Arrival, Departure, Faults, PeerClass, Scenario } from "../Scenario.ts"
import * as Scenarios from "../Scenario.ts"

/** What is wrong, where: keys and indexes from the scenario down. */
export interface Problem {
  readonly path: ReadonlyArray<string | number>
  /** What would have been right: `expected a whole number from 1 to 100`. */
  readonly message: string
}

const MIB = 1024 * 1024
const GIB = 1024 * MIB
const SECOND_MS = 1_000
const HOUR_MS = 3_600 * SECOND_MS

/** More nodes than this do not fit any machine's memory. */
const MAX_NODES = 100_000
/** Real bytes are held by every node; a payload that is known by its place costs nothing. */
const MAX_FULL_BYTES = 64 * MIB
const MAX_SHARED_BYTES = 1024 * GIB
/** Every node keeps tables of so many places. */
const MAX_PIECES = 262_144
const MAX_RATE = 64 * GIB
const MAX_LATENCY_MS = 60 * SECOND_MS
const MAX_PAUSE_MS = 24 * HOUR_MS
const MAX_RUN_MS = 366 * 24 * HOUR_MS
/** Once a second for each node: beyond that nothing would ever get done. */
const MAX_PER_MINUTE = 60

/** Finds everything that keeps a scenario from being run; empty: it can be. */
export const check = (scenario: Scenario): ReadonlyArray<Problem> => {
  const found = new Finder()
  checkContent(scenario, found)
  checkClasses(scenario, found)
  checkFaults(scenario.faults, found.at("faults"))
  found.whole(["maxPeers"], scenario.maxPeers, 1, 10_000)
  found.whole(["maxVirtualMs"], scenario.maxVirtualMs, SECOND_MS, MAX_RUN_MS)
  if (scenario.faults.untilMs > scenario.maxVirtualMs) {
    found.say(["faults", "untilMs"], "expected an end of the faults before the end of the run")
  }
  return found.problems
}

/** Collects problems below one place of the scenario. */
class Finder {
  readonly problems: Array<Problem>
  readonly place: Problem["path"]

  constructor(problems: Array<Problem> = [], place: Problem["path"] = []) {
    this.problems = problems
    this.place = place
  }

  at(...path: Problem["path"]): Finder {
    return new Finder(this.problems, [...this.place, ...path])
  }

  say(path: Problem["path"], message: string): void {
    this.problems.push({ path: [...this.place, ...path], message })
  }

  whole(path: Problem["path"], value: number, low: number, high: number): void {
    if (Number.isSafeInteger(value) && value >= low && value <= high) return
    this.say(path, `expected a whole number from ${low} to ${high}, not ${value}`)
  }

  bytes(path: Problem["path"], value: number, low: number, high: number): void {
    if (Number.isSafeInteger(value) && value >= low && value <= high) return
    this.say(
      path,
      `expected bytes from ${low} to ${high / GIB >= 1 ? `${high / GIB}G` : `${high / MIB}M`}, not ${value}`,
    )
  }

  number(path: Problem["path"], value: number, low: number, high: number): void {
    if (value >= low && value <= high) return
    this.say(path, `expected a number from ${low} to ${high}, not ${value}`)
  }

  oneOf(path: Problem["path"], value: string, words: ReadonlyArray<string>): void {
    if (!words.includes(value)) this.say(path, `expected one of ${words.join(", ")}, not ${value}`)
  }
}

const checkContent = (scenario: Scenario, found: Finder): void => {
  const { payload, pieceBytes, seed, sizeBytes } = scenario
  found.whole(["seed"], seed, 0, 2 ** 32 - 1)
  found.oneOf(["payload"], payload, ["shared", "full"])
  found.bytes(["sizeBytes"], sizeBytes, 1, payload === "full" ? MAX_FULL_BYTES : MAX_SHARED_BYTES)
  if (!PieceSize.isAllowed(pieceBytes)) {
    found.say(["pieceBytes"], `expected a power of two from 16K to 64M, not ${pieceBytes}`)
  } else if (Scenarios.pieceCount(scenario) > MAX_PIECES) {
    const count = Scenarios.pieceCount(scenario)
    found.say(["pieceBytes"], `expected larger pieces: ${count} of them are more than ${MAX_PIECES}`)
  }
}

const checkClasses = (scenario: Scenario, found: Finder): void => {
  const { classes } = scenario
  const names = new Set<string>()
  classes.forEach((peerClass, index) => {
    const here = found.at("classes", index)
    if (names.has(peerClass.name)) {
      here.say(["name"], `expected a name of its own, not ${peerClass.name} again`)
    }
    names.add(peerClass.name)
    checkClass(peerClass, here)
  })
  const nodes = Scenarios.peerCount(scenario)
  if (nodes > MAX_NODES) found.say(["classes"], `expected at most ${MAX_NODES} nodes in all, not ${nodes}`)
  const has = (role: PeerClass["role"], isRight: (one: PeerClass) => boolean): boolean =>
    classes.some((one) => one.role === role && one.count > 0 && isRight(one))
  if (!has("seeder", (one) => one.behaviour === "honest")) {
    found.say(["classes"], "expected at least one honest seeder, for nobody else has the content")
  }
  if (!has("leecher", ({ behaviour }) => downloads(behaviour))) {
    found.say(["classes"], "expected at least one leecher that is honest or a free rider")
  }
}

/** Those that try to get a copy; the others are there to disturb. */
const downloads = (behaviour: PeerClass["behaviour"]): boolean =>
  behaviour === "honest" || behaviour === "free-rider"

const BEHAVIOURS: ReadonlyArray<PeerClass["behaviour"]> = [
  "honest",
  "free-rider",
  "polluter",
  "liar",
  "silent",
  "slow-loris",
]

const checkClass = (one: PeerClass, found: Finder): void => {
  if (!/^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,39}$/u.test(one.name)) {
    found.say(["name"], "expected 1 to 40 letters, digits, spaces, '.', '_' or '-'")
  }
  found.whole(["count"], one.count, 0, MAX_NODES)
  found.oneOf(["role"], one.role, ["seeder", "leecher"])
  found.oneOf(["behaviour"], one.behaviour, BEHAVIOURS)
  found.bytes(["uploadRateBytesPerSec"], one.uploadRateBytesPerSec, 0, MAX_RATE)
  found.bytes(["downloadRateBytesPerSec"], one.downloadRateBytesPerSec, 0, MAX_RATE)
  found.bytes(["uploadLimitBytesPerSec"], one.uploadLimitBytesPerSec, 0, MAX_RATE)
  found.bytes(["downloadLimitBytesPerSec"], one.downloadLimitBytesPerSec, 0, MAX_RATE)
  found.number(["latencyMs", "min"], one.latencyMs.min, 0, MAX_LATENCY_MS)
  found.number(["latencyMs", "mean"], one.latencyMs.mean, 0, MAX_LATENCY_MS)
  if (one.latencyMs.mean < one.latencyMs.min) {
    found.say(["latencyMs", "mean"], "expected a mean latency that is not below the least one")
  }
  const policies = Object.keys(Choker.policies)
  found.oneOf(["choker", "leeching"], one.choker.leeching, policies)
  found.oneOf(["choker", "seeding"], one.choker.seeding, policies)
  found.whole(["choker", "slots"], one.choker.slots, 1, 1_000)
  found.oneOf(["strategy"], one.strategy, Object.keys(orders))
  if (one.superSeed && (one.role !== "seeder" || one.behaviour !== "honest")) {
    found.say(["superSeed"], "expected an honest seeder")
  }
  if (one.behaviour === "free-rider" && one.role === "seeder") {
    found.say(["behaviour"], "expected a leecher as free rider: a seeder that gives nothing is no use")
  }
  checkArrival(one.arrival, found.at("arrival"))
  checkDeparture(one.departure, found.at("departure"))
}

const checkArrival = (arrival: Arrival, found: Finder): void => {
  if (arrival._tag === "AtOnce") found.number(["atMs"], arrival.atMs, 0, MAX_PAUSE_MS)
  else if (arrival._tag === "Flash") found.number(["overMs"], arrival.overMs, 0, MAX_PAUSE_MS)
  else found.number(["perMinute"], arrival.perMinute, 0.001, 1_000_000)
}

const checkDeparture = (departure: Departure, found: Finder): void => {
  if (departure._tag === "Ratio") found.number(["ratio"], departure.ratio, 0.001, 1_000_000)
  if (departure._tag === "Churn") {
    found.number(["meanSessionMs"], departure.meanSessionMs, SECOND_MS, MAX_PAUSE_MS)
  }
}

const checkFaults = (faults: Faults, found: Finder): void => {
  for (
    const key of [
      "resetsPerMinute",
      "stallsPerMinute",
      "partitionsPerMinute",
      "crashesPerMinute",
      "diskErrorsPerMinute",
    ] as const
  ) found.number([key], faults[key], 0, MAX_PER_MINUTE)
  for (const key of ["stallMs", "partitionMs", "restartMs"] as const) {
    found.number([key], faults[key], 1, MAX_PAUSE_MS)
  }
  found.number(["diskLatencyMs"], faults.diskLatencyMs, 0, MAX_LATENCY_MS)
  found.number(["bitFlipsPerGiB"], faults.bitFlipsPerGiB, 0, 1_000_000)
  found.number(["trackerDownPart"], faults.trackerDownPart, 0, 1)
  found.number(["clockDriftPart"], faults.clockDriftPart, 0, 0.1)
  found.number(["untilMs"], faults.untilMs, 0, MAX_RUN_MS)
}
