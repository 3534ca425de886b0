/**
 * What happened to whom, in order, for people and scripts to read: a log that stops growing. Who uploads to whom changes
 * far more often than anything else, so those entries have a share of their own and can't crowd out the rest.
 */
import { assert } from "../../base/Assert.ts"
import type { Millis } from "../../base/Time.ts"

/** Entries that are kept of each of the two sorts; about 20 bytes each. */
export const MAX_ENTRIES = 50_000

/** One line of the log. */
export interface Entry {
  readonly atMs: Millis
  /** `join`, `leave`, `crash`, `complete`, `unchoke`, `wrong-piece`, `healed`, or `fault:` and its kind. */
  readonly event: string
  /** `undefined`: the tracker, or the whole world. */
  readonly peer: number | undefined
  /** Of `unchoke`: who may download from `peer` now. */
  readonly other: number | undefined
}

/** Columns that grow together; `NOBODY` stands for no peer. */
export interface EventLog {
  readonly names: Array<string>
  readonly codes: Map<string, number>
  atMs: Float64Array
  code: Uint16Array
  peer: Int32Array
  other: Int32Array
  count: number
  unchokes: number
  /** Entries that found no room. */
  leftOut: number
}

const NOBODY = -1
const UNCHOKE = "unchoke"

export const make = (): EventLog => ({
  names: [],
  codes: new Map(),
  atMs: new Float64Array(1_024),
  code: new Uint16Array(1_024),
  peer: new Int32Array(1_024),
  other: new Int32Array(1_024),
  count: 0,
  unchokes: 0,
  leftOut: 0,
})

/** Adds an entry, or counts it as left out. */
export const add = (log: EventLog, atMs: Millis, event: string, peer = NOBODY, other = NOBODY): void => {
  const isUnchoke = event === UNCHOKE
  const sameSort = isUnchoke ? log.unchokes : log.count - log.unchokes
  if (sameSort >= MAX_ENTRIES) {
    log.leftOut++
    return
  }
  if (log.count === log.atMs.length) grow(log)
  const at = log.count++
  log.atMs[at] = atMs
  log.code[at] = codeOf(log, event)
  log.peer[at] = peer
  log.other[at] = other
  if (isUnchoke) log.unchokes++
}

/** Every entry that was kept, oldest first. */
export const entries = function* (log: EventLog): Generator<Entry> {
  for (let at = 0; at < log.count; at++) {
    const peer = log.peer[at]!
    const other = log.other[at]!
    yield {
      atMs: log.atMs[at]!,
      event: log.names[log.code[at]!]!,
      peer: peer === NOBODY ? undefined : peer,
      other: other === NOBODY ? undefined : other,
    }
  }
}

const codeOf = (log: EventLog, event: string): number => {
  const known = log.codes.get(event)
  if (known !== undefined) return known
  const code = log.names.length
  assert(code < 65_536, "there are few kinds of events")
  log.names.push(event)
  log.codes.set(event, code)
  return code
}

const grow = (log: EventLog): void => {
  const atMs = new Float64Array(log.count * 2)
  const code = new Uint16Array(log.count * 2)
  const peer = new Int32Array(log.count * 2)
  const other = new Int32Array(log.count * 2)
  atMs.set(log.atMs)
  code.set(log.code)
  peer.set(log.peer)
  other.set(log.other)
  Object.assign(log, { atMs, code, peer, other })
}
