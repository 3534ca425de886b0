/** How often a peer may tell us of others: each thing so many times a minute, whatever it sends. */
import { type Millis, MINUTE } from "../base/Time.ts"

/** Mutable, made when it is first needed. */
export interface Budget {
  /** When the minute began. */
  since: Millis
  /** Peer exchange messages in it (BEP 11). */
  pex: number
  /** Hole punching: what it asks for, and whom it has us dial (BEP 55). */
  holepunch: number
  /** DHT nodes (BEP 5). */
  nodes: number
}

/** What is counted. */
export type Kind = "pex" | "holepunch" | "nodes"

export const make = (now: Millis): Budget => ({ since: now, pex: 0, holepunch: 0, nodes: 0 })

/** Counts one more; returns how many there were in this minute. */
export const spend = (budget: Budget, kind: Kind, now: Millis): number => {
  if (now - budget.since >= MINUTE) Object.assign(budget, make(now))
  return ++budget[kind]
}
