/** What is left of a run for people to look at. Its size depends on the number of peers, never on the run's length. */
import type { Millis } from "../../base/Time.ts"
import type { Scenario } from "../Scenario.ts"
import type { Entry } from "./EventLog.ts"

/** One peer's run. Payload unless said otherwise. */
export interface PeerRecord {
  readonly index: number
  readonly address: string
  /** Index into the scenario's classes. */
  readonly classIndex: number
  readonly arrivedAtMs: Millis
  /** `undefined`: it never was. Of a seeder: its arrival. */
  readonly completedAtMs: Millis | undefined
  /** `undefined`: it was there at the end. */
  readonly leftAtMs: Millis | undefined
  readonly sessions: number
  readonly crashes: number
  readonly downloadedBytes: number
  readonly uploadedBytes: number
  readonly wastedBytes: number
  readonly hashFailures: number
  /** As the network counted: everything, the protocol's own bytes too. */
  readonly sentBytes: number
  readonly receivedBytes: number
  /** Time in which at least one peer let it download. */
  readonly unchokedMs: Millis
  /** How often a peer began to let it download. */
  readonly unchokes: number
  readonly pieces: number
}

/** Numbers over time: `values[slot * columns + column]`, slots of `slotMs` from 0 on. */
export interface Series {
  readonly slotMs: Millis
  readonly slots: number
  readonly columns: number
  readonly values: Float64Array | Float32Array
}

/** The state of a pair of sampled peers in a frame. */
export const PAIR = {
  /** Not connected, or nothing is wanted. */
  none: 0,
  /** Connected: the row's peer keeps the column's peer, which wants something, from downloading. */
  choked: 1,
  /** The row's peer lets the column's peer download. */
  unchoked: 2,
} as const

export interface Recording {
  readonly scenario: Scenario
  readonly pieceCount: number
  readonly endedAtMs: Millis
  readonly peers: ReadonlyArray<PeerRecord>
  /** Payload that the clients counted in each slot, in bytes: a column a class. */
  readonly downloaded: Series
  readonly uploaded: Series
  /** Peers that are there at the end of each slot: those that want a copy and lack some of it, those that have everything. */
  readonly population: Series
  /** Faults that were injected in each slot: one column. */
  readonly faults: Series
  /** Copies of a piece at the end of each slot, averaged over the pieces of a column. */
  readonly copies: Series
  /** The peers that the frames show, by index, in the order of rows and columns. */
  readonly sample: ReadonlyArray<number>
  /** Payload from one sampled peer to another in each slot, in bytes: `from * sample.length + to`. */
  readonly flows: Series
  /** {@link PAIR} at the end of each slot, in the same order. */
  readonly pairs: Series
  /** Part of the pieces that each sampled peer has at the end of each slot, 0 to 1; -1: it isn't there. */
  readonly progress: Series
  readonly events: () => Iterable<Entry>
  /** Events beyond what is kept. */
  readonly eventsLeftOut: number
}
