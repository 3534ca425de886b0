/**
 * When a torrent asks the DHT for peers, and is announced there by the same walk (BEP 5).
 *
 *      due ──LookUp──▶ asking ──LookedUp──▶ waiting ──▶ due …
 *
 * Nodes keep an announce for half an hour and more, so that one every quarter of an hour is enough; who lacks peers asks
 * sooner, and less and less so, for the swarm does not grow by asking. A private torrent never asks (BEP 27).
 */
import { type Millis, MINUTE, NEVER, SECOND } from "../base/Time.ts"

/** Nodes forget peers after half an hour at the earliest, and some announces get lost. */
export const INTERVAL_MS: Millis = 15 * MINUTE

/** Who lacks peers asks again after this, and each time after twice as long. */
const FIRST_RETRY_MS: Millis = 30 * SECOND

/** Mutable, one owner. */
export interface Lookups {
  /** When the next one is due; NEVER while one is under way, and for torrents that ask nobody. */
  at: Millis
  /** Lookups in a row after which peers were lacking still. */
  failures: number
}

/** At once, unless the torrent is not to be known there. */
export const make = (isAllowed: boolean, now: Millis): Lookups => ({
  at: isAllowed ? now : NEVER,
  failures: 0,
})

/** Whether one is due; from now on it is under way. */
export const begin = (lookups: Lookups, now: Millis): boolean => {
  if (lookups.at > now) return false
  lookups.at = NEVER
  return true
}

/** One is over; `lacksPeers`: what it brought is not enough. */
export const end = (lookups: Lookups, lacksPeers: boolean, now: Millis): void => {
  lookups.failures = lacksPeers ? lookups.failures + 1 : 0
  const retryMs = FIRST_RETRY_MS * 2 ** (lookups.failures - 1)
  lookups.at = now + (lacksPeers ? Math.min(INTERVAL_MS, retryMs) : INTERVAL_MS)
}

/** None will be asked for any more. */
export const stop = (lookups: Lookups): void => {
  lookups.at = NEVER
}
