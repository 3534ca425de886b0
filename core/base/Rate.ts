/**
 * How fast bytes have come lately: a ring of counters, each for a short stretch of time. Adding is O(1) and allocates
 * nothing; reading changes nothing, so that looking at a state leaves it as it was.
 */
import { type Millis, SECOND } from "./Time.ts"

/** What the average reaches back over: long enough to be steady, short enough to follow. */
export const WINDOW_MS: Millis = 5 * SECOND

const SLOTS = 20
const SLOT_MS: Millis = WINDOW_MS / SLOTS

/** An average over less than this would make one early block look like a torrent of them. */
const MIN_SPAN_MS: Millis = SECOND

/** Of all through whom nothing has gone yet, which is most connections of a swarm. */
const NO_RING = new Float64Array(0)

/** Mutable, one owner. */
export interface Rate {
  /** Bytes by slot of time; the slot `tick % SLOTS` is being filled, the others hold the SLOTS - 1 before it. */
  ring: Float64Array
  /** Number of the newest slot, counted from time 0. */
  tick: number
  readonly startedAt: Millis
  /** Everything ever added. */
  totalBytes: number
}

export const make = (now: Millis): Rate => ({
  ring: NO_RING,
  tick: tickOf(now),
  startedAt: now,
  totalBytes: 0,
})

/** Counts bytes that were transferred at `now`. */
export const add = (rate: Rate, now: Millis, bytes: number): void => {
  const tick = tickOf(now)
  if (rate.ring.length === 0) rate.ring = new Float64Array(SLOTS)
  if (tick > rate.tick) {
    const stale = Math.min(SLOTS, tick - rate.tick)
    for (let i = 0; i < stale; i++) rate.ring[slotOf(tick - i)] = 0
    rate.tick = tick
  }
  rate.ring[slotOf(rate.tick)]! += bytes
  rate.totalBytes += bytes
}

/** The average over the last five seconds, or since `make` if that is less; 0 after as long without bytes. */
export const bytesPerSec = (rate: Rate, now: Millis): number => {
  if (rate.totalBytes === 0) return 0
  const tick = Math.max(tickOf(now), rate.tick)
  let bytes = 0
  for (let t = rate.tick; t > tick - SLOTS && t > rate.tick - SLOTS; t--) bytes += rate.ring[slotOf(t)]!
  // The oldest slot that counts began SLOTS - 1 slots before the newest, which is still being filled.
  const span = Math.min(now - (tick - SLOTS + 1) * SLOT_MS, now - rate.startedAt)
  return bytes * SECOND / Math.max(span, MIN_SPAN_MS)
}

const tickOf = (now: Millis): number => Math.floor(now / SLOT_MS)

/** Times may be negative: only differences of a monotonic clock mean anything. */
const slotOf = (tick: number): number => ((tick % SLOTS) + SLOTS) % SLOTS
