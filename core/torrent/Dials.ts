/**
 * How fast a client dials, all torrents together: whatever strangers name to us, we are no flood to anybody, and dials that
 * fail at once, as those to a network that we have no way to, cost little.
 */
import { type Millis, SECOND } from "../base/Time.ts"

/** Dials a second, in the long run (libtorrent: 30). */
export const PER_SECOND = 30

/** Dials at once, after a while without: a torrent that begins wants its first peers now. */
export const AT_ONCE = 60

/** Mutable, one owner. */
export interface Dials {
  /** Dials that could be made at `at`. */
  left: number
  at: Millis
}

export const make = (): Dials => ({ left: AT_ONCE, at: 0 })

/** Dials that could be made now, in whole and in part. Changes nothing. */
const available = ({ at, left }: Dials, now: Millis): number =>
  Math.min(AT_ONCE, left + Math.max(0, now - at) * PER_SECOND / SECOND)

/** Whether somebody may be dialled now. */
export const isAllowed = (dials: Dials, now: Millis): boolean => available(dials, now) >= 1

/** When: `now`, or the first whole millisecond that is surely late enough. Changes nothing. */
export const nextAt = (dials: Dials, now: Millis): Millis => {
  const missing = 1 - available(dials, now)
  return missing <= 0 ? now : now + Math.floor(missing * SECOND / PER_SECOND) + 1
}

/** Somebody is being dialled. */
export const spend = (dials: Dials, now: Millis): void => {
  dials.left = available(dials, now) - 1
  dials.at = now
}
