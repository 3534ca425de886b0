/** What holds where a scenario does not say otherwise: a calm world, one seeder, leechers on ordinary lines. */
import { MINUTE, SECOND } from "../../base/Time.ts"
import * as PieceSize from "../../metainfo/PieceSize.ts"
import type { Faults, PeerClass, Scenario } from "../Scenario.ts"

const MIB = 1024 * 1024

/** Nothing goes wrong. The durations say how long it would take if it did. */
export const calm: Faults = {
  resetsPerMinute: 0,
  stallsPerMinute: 0,
  stallMs: 10 * SECOND,
  partitionsPerMinute: 0,
  partitionMs: 20 * SECOND,
  crashesPerMinute: 0,
  restartMs: 10 * SECOND,
  diskErrorsPerMinute: 0,
  bitFlipsPerGiB: 0,
  diskLatencyMs: 0,
  trackerDownPart: 0,
  clockDriftPart: 0,
  untilMs: 0,
}

/** A home line: four times as fast down as up; 10 to some 30 ms to the exchange. */
export const leecher: PeerClass = {
  name: "leecher",
  count: 50,
  role: "leecher",
  uploadRateBytesPerSec: MIB,
  downloadRateBytesPerSec: 4 * MIB,
  uploadLimitBytesPerSec: 0,
  downloadLimitBytesPerSec: 0,
  latencyMs: { min: 10, mean: 30 },
  behaviour: "honest",
  choker: { leeching: "tit-for-tat", seeding: "round-robin", slots: 8 },
  strategy: "rarest",
  superSeed: false,
  isBehindNat: false,
  arrival: { _tag: "AtOnce", atMs: 0 },
  departure: { _tag: "Stay" },
}

/** Twice as fast as a leecher, and there from the start to the end. */
export const seeder: PeerClass = {
  ...leecher,
  name: "seeder",
  count: 1,
  role: "seeder",
  uploadRateBytesPerSec: 2 * MIB,
}

/** Takes what it can get and gives nothing: without upload it has nothing to be reciprocated for. */
export const freeRider = (like: PeerClass): PeerClass => ({
  ...like,
  name: "free rider",
  role: "leecher",
  behaviour: "free-rider",
})

/** Says that it has everything, and sends garbage. */
export const polluter: PeerClass = { ...leecher, name: "polluter", count: 1, behaviour: "polluter" }

const DEFAULT_SIZE_BYTES = 32 * MIB

/** A day of virtual time: a swarm that is not done by then will not be. */
const DEFAULT_MAX_VIRTUAL_MS = 24 * 60 * MINUTE

/** The size of pieces that `create` would choose, for content of this size. */
export const pieceBytes = (sizeBytes: number): number => PieceSize.choose(sizeBytes)

/** A scenario of which only what matters is said. */
export const scenario = (changes: Partial<Scenario> = {}): Scenario => {
  const sizeBytes = changes.sizeBytes ?? DEFAULT_SIZE_BYTES
  return {
    seed: 0,
    sizeBytes,
    pieceBytes: pieceBytes(sizeBytes),
    classes: [seeder, leecher],
    faults: calm,
    payload: "shared",
    maxPeers: 50,
    maxVirtualMs: DEFAULT_MAX_VIRTUAL_MS,
    ...changes,
  }
}
