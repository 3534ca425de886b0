/**
 * What a simulated run consists of: who takes part, over which lines, what goes wrong and when, all of it decided before
 * the first event. A run is a pure function of its scenario: the seed draws the rest.
 *
 * Where scenarios come from: `scenario/Defaults.ts` fills in what is not said, `scenario/Random.ts` draws whole ones from
 * a seed, `scenario/Check.ts` refuses what can't be run.
 */
import type { Millis } from "../base/Time.ts"
import type { PolicyName } from "../torrent/Choker.ts"
import type { Strategy } from "../torrent/Strategy.ts"

/** What a node does beside what the protocol asks of it. */
export type Behaviour = "honest" | "free-rider" | "polluter" | "liar" | "silent" | "slow-loris"

/** When the nodes of a class come: all at one time, evenly spread over a while, or as a Poisson process. */
export type Arrival =
  | { readonly _tag: "AtOnce"; readonly atMs: Millis }
  | { readonly _tag: "Flash"; readonly overMs: Millis }
  | { readonly _tag: "Poisson"; readonly perMinute: number }

/** When a node goes for good: never, when it is complete, at a share ratio; or it comes and goes (churn). */
export type Departure =
  | { readonly _tag: "Stay" }
  | { readonly _tag: "AtCompletion" }
  | { readonly _tag: "Ratio"; readonly ratio: number }
  | { readonly _tag: "Churn"; readonly meanSessionMs: Millis }

/** Nodes that are alike. */
export interface PeerClass {
  readonly name: string
  readonly count: number
  readonly role: "seeder" | "leecher"
  /** What its line carries, bytes a second; 0: unlimited. */
  readonly uploadRateBytesPerSec: number
  readonly downloadRateBytesPerSec: number
  /** What its user lets the client use of that, bytes a second; 0: all. */
  readonly uploadLimitBytesPerSec: number
  readonly downloadLimitBytesPerSec: number
  /** One way, per node; a path is the sum of two. */
  readonly latencyMs: { readonly min: number; readonly mean: number }
  readonly behaviour: Behaviour
  readonly choker: { readonly leeching: PolicyName; readonly seeding: PolicyName; readonly slots: number }
  /** In which order pieces are picked. */
  readonly strategy: Strategy
  /** BEP 16; of seeders. */
  readonly superSeed: boolean
  /** Nobody can connect to it: it has to dial. */
  readonly isBehindNat: boolean
  readonly arrival: Arrival
  readonly departure: Departure
}

/** What goes wrong. Rates are per node and virtual minute unless said otherwise; all 0: a calm world. */
export interface Faults {
  /** A connection is reset. */
  readonly resetsPerMinute: number
  /** A connection delivers nothing for a while. */
  readonly stallsPerMinute: number
  readonly stallMs: Millis
  /** A node and the others can't hear each other for a while. */
  readonly partitionsPerMinute: number
  readonly partitionMs: Millis
  /** A node loses everything but what is on its disk, and comes back after a while. */
  readonly crashesPerMinute: number
  readonly restartMs: Millis
  readonly diskErrorsPerMinute: number
  /** Of what is written to a disk. */
  readonly bitFlipsPerGiB: number
  /** On top of every read, write and hash. */
  readonly diskLatencyMs: Millis
  /** 0 to 1, of the time. */
  readonly trackerDownPart: number
  /** 0 to 0.1: clocks run so much too fast or too slow at most. */
  readonly clockDriftPart: number
  /** The safety phase; then the world heals and liveness is demanded. */
  readonly untilMs: Millis
}

export interface Scenario {
  /** 0 to 2^32 - 1; everything that is drawn is drawn from it. */
  readonly seed: number
  readonly sizeBytes: number
  readonly pieceBytes: number
  readonly classes: ReadonlyArray<PeerClass>
  readonly faults: Faults
  /** `shared`: PIECE payload is a shared buffer whose content is known by its place; `full`: real bytes, really hashed. */
  readonly payload: "shared" | "full"
  /** Connections of a node at most. */
  readonly maxPeers: number
  /** The run ends here, whatever is left to do. */
  readonly maxVirtualMs: Millis
}

/** Nodes of all classes together. */
export const peerCount = (scenario: Scenario): number =>
  scenario.classes.reduce((sum, { count }) => sum + count, 0)

/** Pieces of the torrent; the last may be shorter. */
export const pieceCount = ({ sizeBytes, pieceBytes }: Scenario): number => Math.ceil(sizeBytes / pieceBytes)
