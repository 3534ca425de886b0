/**
 * Whole scenarios drawn from a seed, small enough for thousands of runs, and strange enough to be worth them: each fault
 * and each kind of hostile peer is there or not by the toss of a coin, for what never goes together finds nothing.
 */
import * as Rng from "../../base/Rng.ts"
import { MINUTE, SECOND } from "../../base/Time.ts"
import type { PolicyName } from "../../torrent/Choker.ts"
import type { Arrival, Behaviour, Departure, Faults, PeerClass, Scenario } from "../Scenario.ts"
import * as Defaults from "./Defaults.ts"

const KIB = 1024

/** Draws for the scenario must not be those of the run that it is for, which begin with the seed itself. */
const SCENARIO_STREAM = 0x5ce9a810
const FAULTS_STREAM = 0xfa017500
const HABITS_STREAM = 0x11317500

const between = (rng: Rng.Rng, low: number, high: number): number => low + Rng.below(rng, high - low + 1)
/** In steps of a thousandth, so that it can be written down exactly. */
const fraction = (rng: Rng.Rng, low: number, high: number): number =>
  Math.round((low + Rng.next(rng) / 2 ** 32 * (high - low)) * 1_000) / 1_000
const coin = (rng: Rng.Rng, oneIn: number): boolean => Rng.below(rng, oneIn) === 0
const among = <A>(rng: Rng.Rng, items: ReadonlyArray<A>): A => items[Rng.below(rng, items.length)]!

/**
 * Faults in the ranges that trusted simulators inject; the same seed gives the same. They last for at most five minutes of
 * virtual time, then the world heals.
 */
export const faults = (seed: number): Faults => {
  const rng = Rng.make(seed ^ FAULTS_STREAM)
  // Every value is drawn whether or not it is used: one coin then changes one fault and nothing else.
  const some = (value: number): number => coin(rng, 2) ? value : 0
  return {
    resetsPerMinute: some(fraction(rng, 0.05, 2)),
    stallsPerMinute: some(fraction(rng, 0.05, 1)),
    stallMs: between(rng, 1, 30) * SECOND,
    partitionsPerMinute: some(fraction(rng, 0.02, 0.5)),
    partitionMs: between(rng, 1, 45) * SECOND,
    crashesPerMinute: some(fraction(rng, 0.02, 0.5)),
    restartMs: between(rng, 1, 30) * SECOND,
    diskErrorsPerMinute: some(fraction(rng, 0.01, 0.3)),
    bitFlipsPerGiB: some(between(rng, 1, 256)),
    diskLatencyMs: some(between(rng, 1, 300)),
    trackerDownPart: some(fraction(rng, 0.05, 0.7)),
    clockDriftPart: some(fraction(rng, 0.001, 0.1)),
    untilMs: between(rng, 15, 300) * SECOND,
  }
}

/** A scenario of 2 to 20 peers and 1 to 200 pieces, of which all who want to and stay can complete. */
export const random = (seed: number): Scenario => {
  const rng = Rng.make(seed ^ SCENARIO_STREAM)
  const pieceBytes = among(rng, [16, 32, 64]) * KIB
  // The last piece is short more often than not; a single one at times.
  const pieces = coin(rng, 8) ? 1 : between(rng, 2, 200)
  const sizeBytes = Math.max(1, pieces * pieceBytes - (coin(rng, 3) ? 0 : Rng.below(rng, pieceBytes)))
  return {
    seed,
    sizeBytes,
    pieceBytes,
    classes: withHabits(seed, classes(rng, between(rng, 2, 20))),
    faults: coin(rng, 4) ? Defaults.calm : faults(seed),
    payload: coin(rng, 4) ? "full" : "shared",
    maxPeers: between(rng, 4, 50),
    maxVirtualMs: 12 * 60 * MINUTE,
  }
}

/** Users who set limits, for one direction or both, in some scenarios, and some who pick pieces at random. */
const withHabits = (seed: number, all: ReadonlyArray<PeerClass>): ReadonlyArray<PeerClass> => {
  const rng = Rng.make(seed ^ HABITS_STREAM)
  const hasLimits = coin(rng, 4)
  const limit = (): number => {
    const rate = coin(rng, 2) ? between(rng, 24, 512) * KIB : 0
    return hasLimits ? rate : 0
  }
  return all.map((one) => ({
    ...one,
    uploadLimitBytesPerSec: limit(),
    downloadLimitBytesPerSec: limit(),
    strategy: coin(rng, 8) ? "random" : one.strategy,
  }))
}

const classes = (rng: Rng.Rng, total: number): ReadonlyArray<PeerClass> => {
  const drawn: Array<PeerClass> = [origin(rng)]
  let left = total - 1
  const add = (peerClass: PeerClass): void => {
    if (peerClass.count > 0) drawn.push(peerClass)
    left -= peerClass.count
  }
  for (const behaviour of ["polluter", "liar", "silent", "slow-loris"] as const) {
    // Half of the swarm at least is there to download.
    const most = Math.min(3, left - Math.ceil(total / 2))
    if (coin(rng, 5) && most > 0) add(hostile(rng, behaviour, between(rng, 1, most)))
  }
  if (coin(rng, 4) && left > 2) {
    add({ ...line(rng), name: "free rider", behaviour: "free-rider", count: between(rng, 1, left >> 1) })
  }
  if (coin(rng, 4) && left > 2) {
    // Seeds that come and go, beside the one that can be relied on.
    const count = between(rng, 1, 2)
    add({ ...line(rng), name: "seeder", role: "seeder", count, departure: departure(rng, "seeder") })
  }
  if (coin(rng, 2) && left > 1) {
    const count = between(rng, 1, left - 1)
    add({
      ...line(rng),
      name: "guest",
      count,
      isBehindNat: coin(rng, 2),
      departure: departure(rng, "leecher"),
    })
  }
  add({ ...line(rng), name: "leecher", count: left, isBehindNat: coin(rng, 5) })
  return drawn
}

/** The seeder that is always there, and can be connected to. */
const origin = (rng: Rng.Rng): PeerClass => ({
  ...line(rng),
  name: "origin",
  count: 1,
  role: "seeder",
  superSeed: coin(rng, 4),
  arrival: { _tag: "AtOnce", atMs: 0 },
})

const hostile = (rng: Rng.Rng, behaviour: Behaviour, count: number): PeerClass => ({
  ...line(rng),
  name: behaviour,
  behaviour,
  count,
})

const LEECHING: ReadonlyArray<PolicyName> = ["tit-for-tat", "tit-for-tat", "round-robin", "fastest-upload"]
const SEEDING: ReadonlyArray<PolicyName> = ["round-robin", "fastest-upload", "anti-leech", "round-robin"]

/** An honest leecher that stays, with a line and habits drawn. */
const line = (rng: Rng.Rng): PeerClass => {
  const min = between(rng, 0, 30)
  return {
    ...Defaults.leecher,
    uploadRateBytesPerSec: coin(rng, 6) ? 0 : between(rng, 32, 4_096) * KIB,
    downloadRateBytesPerSec: coin(rng, 3) ? 0 : between(rng, 64, 8_192) * KIB,
    latencyMs: { min, mean: min + between(rng, 1, 270) },
    choker: { leeching: among(rng, LEECHING), seeding: among(rng, SEEDING), slots: between(rng, 2, 12) },
    strategy: coin(rng, 6) ? "sequential" : "rarest",
    arrival: arrival(rng),
  }
}

const arrival = (rng: Rng.Rng): Arrival =>
  among<() => Arrival>(rng, [
    () => ({ _tag: "AtOnce", atMs: coin(rng, 2) ? 0 : between(rng, 1, 60) * SECOND }),
    () => ({ _tag: "Flash", overMs: between(rng, 1, 120) * SECOND }),
    () => ({ _tag: "Poisson", perMinute: between(rng, 2, 60) }),
  ])()

const departure = (rng: Rng.Rng, role: PeerClass["role"]): Departure =>
  among<() => Departure>(rng, [
    () => ({ _tag: "Churn", meanSessionMs: between(rng, 20, 300) * SECOND }),
    () => ({ _tag: "Ratio", ratio: fraction(rng, 0.2, 2) }),
    // A seeder is complete from the start.
    () => role === "seeder" ? { _tag: "Stay" } : { _tag: "AtCompletion" },
  ])()
