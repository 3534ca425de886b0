/** How long a tracker that failed is left alone. */
import * as Rng from "../base/Rng.ts"
import { type Millis, MINUTE, SECOND } from "../base/Time.ts"
import type { TrackerFailure } from "./Announce.ts"

/** Wait after a first failure; doubled by each further one in a row. */
export const FIRST_MS: Millis = 5 * SECOND
/** Longest wait: a tracker that was down over night is found again within half an hour. */
export const MAX_MS: Millis = 30 * MINUTE
/** A wait is shortened by up to this part, so that the clients of a tracker that restarts don't return as one. */
export const JITTER = 0.2

/**
 * The wait after so many failures in a row, at least 1; the tracker's own wish (BEP 31) comes first, but not below
 * {@link FIRST_MS}. Advances `rng`.
 */
export const waitMs = (rng: Rng.Rng, failuresInRow: number, wish: TrackerFailure["retryInMs"]): Millis => {
  if (typeof wish === "number") return Math.max(wish, FIRST_MS)
  const wholeMs = Math.min(FIRST_MS * 2 ** (failuresInRow - 1), MAX_MS)
  return wholeMs - Rng.below(rng, Math.floor(wholeMs * JITTER) + 1)
}
