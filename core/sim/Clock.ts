/** A node's own clock, which goes too fast or too slow and never steps back. */
import type { Millis } from "../base/Time.ts"

/** A tick that comes a hair too early changes nothing and would be asked for again at the same time: this ends that. */
const GRAIN_MS = 2 ** -10

/** What the clock says at a time of the world. */
export const local = (drift: number, now: Millis): Millis => drift === 0 ? now : now * (1 + drift)

/** The first time of the world, to a thousandth of a millisecond, at which the clock says `at` or more. */
export const world = (drift: number, at: Millis): Millis => {
  if (drift === 0) return at
  let time = at / (1 + drift)
  while (local(drift, time) < at) time += GRAIN_MS
  return time
}
