/**
 * A node's own clock: whole milliseconds, too fast or too slow, and never back. Whole, because a client notes the time
 * in many places: a small integer stands where it is noted, where any other number would be an object of its own.
 */
import type { Millis } from "../base/Time.ts"

/** A tick that comes a hair too early changes nothing and would be asked for again at the same time: this ends that. */
const GRAIN_MS = 2 ** -10

/** What the clock says at a time of the world. */
export const local = (drift: number, now: Millis): Millis => Math.floor(now * (1 + drift))

/** The first time of the world, to a thousandth of a millisecond, at which the clock says `at` or more. */
export const world = (drift: number, at: Millis): Millis => {
  let time = Math.ceil(at) / (1 + drift)
  while (local(drift, time) < at) time += GRAIN_MS
  return time
}
