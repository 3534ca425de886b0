/**
 * One step's working set: the time, the commands so far, the peers that it touched, and whether it brought anything that
 * wants deciding. Most reads of a swarm do not: a HAVE of what we have ourselves, a part of a block. Nor does what the disk
 * has written. Such a step is as a tick before its time, which changes nothing, and ends with the facts.
 */
import type { Millis } from "../base/Time.ts"
import type { Command } from "./Command.ts"
import type { Peer } from "./Peer.ts"

export interface Turn {
  readonly now: Millis
  readonly out: Array<Command>
  /** Peers that may have something to be sent or could take another request, each once ({@link touch}). */
  readonly touched: Array<Peer>
  /** Blocks have become free: every peer may take a request. */
  refillAll: boolean
  /** Something has come that may lead to a decision. */
  isNews: boolean
}

/** A step's beginning. */
export const make = (now: Millis, isNews: boolean): Turn => ({
  now,
  out: [],
  touched: [],
  refillAll: false,
  isNews,
})

/** The peer may have something to be sent or could take another request: it is looked at before the step ends. */
export const touch = (turn: Turn, peer: Peer): void => {
  // A mark on the peer instead of a Set: a step touches a handful of peers at most, and a Set costs more than all of them.
  if (peer.isTouched) return
  peer.isTouched = true
  turn.touched.push(peer)
}

/** The peer is gone: nothing is sent to it any more. */
export const forget = (turn: Turn, peer: Peer): void => {
  if (!peer.isTouched) return
  peer.isTouched = false
  turn.touched.splice(turn.touched.indexOf(peer), 1)
}

/** Nothing has come that could lead to a decision. */
export const isQuiet = (turn: Turn): boolean => !turn.isNews && !turn.refillAll && turn.touched.length === 0
