/**
 * How much that is of no use a peer may say. Every message that is no news, or takes back what was just said, costs some
 * of our patience; time and what is of use give it back. Who has used it up does not talk to us but keeps us busy.
 *
 *      costs         KEEP-ALIVE, a HAVE that we know, hints, CHOKE, INTERESTED, CANCEL, messages that nobody offered
 *      gives back    time, each block that goes either way, each piece that we tell of
 *
 * Honest peers are far below it, by any measure: two keep-alives in four minutes, a choke in ten seconds. Only interest
 * changes as fast as pieces are verified, and so those give back what it costs.
 */
import type { Millis } from "../base/Time.ts"

/** Messages of no use that may come at once: a seek of a streaming client takes back some 500 requests in one moment. */
export const MAX_USELESS = 2_000

/** What a second gives back: nobody notices so many, and no honest peer says so many for long. */
export const PER_SECOND = 50

/** What a block gives back, whichever way it went: a late CANCEL, a choke and an unchoke are part of the exchange. */
export const BLOCK = 4

/** What a HAVE of ours gives back: the peer may want something now, and no more once it has got it. */
export const HAVE = 2

/** Requests in vain that one CHOKE may make of ours for each message that it counts: they cost us as many messages. */
export const DROPPED_REQUESTS = 8

/** What a further extended handshake counts: a dictionary to be read, and all that may follow from it. */
export const HANDSHAKE = 10

/** Pieces that a repeated bitfield or `have_all` goes through for each message that it counts: some microseconds. */
export const LISTED_PIECES = 4_096

/** Mutable, of one peer. */
export interface Patience {
  /** Messages of no use that nothing has made up for yet, as of `at`. */
  useless: number
  at: Millis
}

export const make = (now: Millis): Patience => ({ useless: 0, at: now })

/** A message was of no use, or cost as much as so many. Returns the rule that is broken once there were too many. */
export const strain = (patience: Patience, now: Millis, cost = 1): string | undefined => {
  const restored = (now - patience.at) * PER_SECOND / 1_000
  patience.useless = Math.max(0, patience.useless - restored) + cost
  patience.at = now
  return patience.useless > MAX_USELESS ? "it sends one message of no use after another" : undefined
}

/** Something of use has been said or sent. */
export const soothe = (patience: Patience, amount: number): void => {
  if (patience.useless > 0) patience.useless = Math.max(0, patience.useless - amount)
}
