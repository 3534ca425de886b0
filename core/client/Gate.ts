/**
 * Who may connect at all: the cheapest answer there is, before anything is made for a connection, so that an address which
 * comes again and again costs next to nothing. Torrents have their own, narrower limits (`torrent/Crowd.ts`); here an
 * address is one whatever it comes for.
 *
 *      each host has a few visits at once, and gets new ones back with time; and so many connections open, no more
 *
 * Pure: the shell asks before it takes a connection, and tells when one is gone.
 */
import * as Address from "../base/Address.ts"
import { type Millis, SECOND } from "../base/Time.ts"

/** What one host may do. */
export interface Allowance {
  /** Connections that it may have open, for all torrents together. */
  readonly open: number
  /** Visits that it may make at once. */
  readonly burst: number
  /** Visits that it gets back each second. */
  readonly perSec: number
}

/**
 * An address of the internet: it may share many torrents with us and connect for all of them as we start; whoever is
 * sent away comes again after minutes, not at once.
 */
export const GLOBAL: Allowance = { open: 50, burst: 50, perSec: 1 }

/** This machine and its local network, where whole swarms may stand behind one address. */
export const LOCAL: Allowance = { open: 200, burst: 200, perSec: 5 }

/** Hosts that are remembered; of more, those are forgotten that came first and have nothing open. */
export const MAX_VISITORS = 10_000

interface Visitor {
  open: number
  /** Visits that it could make at `updatedAt`. */
  visits: number
  updatedAt: Millis
}

/** Mutable, one owner. */
export interface Gate {
  /** By host; whoever came last stands last. */
  readonly visitors: Map<string, Visitor>
  /** How often somebody was sent away. */
  refused: number
}

export const make = (): Gate => ({ visitors: new Map(), refused: 0 })

/** True if the host may connect now, which counts as a visit; then `entered` and `left` are to be told. */
export const admits = (gate: Gate, host: string, now: Millis): boolean => {
  const { burst, open, perSec } = allowanceOf(host)
  const visitor = gate.visitors.get(host) ?? { open: 0, visits: burst, updatedAt: now }
  const earned = Math.max(0, now - visitor.updatedAt) / SECOND * perSec
  visitor.visits = Math.min(burst, visitor.visits + earned)
  visitor.updatedAt = now
  // Whoever is refused is remembered, too.
  gate.visitors.delete(host)
  gate.visitors.set(host, visitor)
  forgetSome(gate)
  if (visitor.visits < 1 || visitor.open >= open) {
    gate.refused++
    return false
  }
  visitor.visits--
  return true
}

/** A connection of this host is open. */
export const entered = (gate: Gate, host: string): void => {
  const visitor = gate.visitors.get(host)
  if (visitor !== undefined) visitor.open++
}

/** It is gone. */
export const left = (gate: Gate, host: string): void => {
  const visitor = gate.visitors.get(host)
  if (visitor !== undefined && visitor.open > 0) visitor.open--
}

const allowanceOf = (host: string): Allowance => Address.isLocal({ host, port: 1 }) ? LOCAL : GLOBAL

/** The oldest without a connection; there are never so many connections that there is none. */
const forgetSome = ({ visitors }: Gate): void => {
  if (visitors.size <= MAX_VISITORS) return
  for (const [host, { open }] of visitors) {
    if (open > 0) continue
    visitors.delete(host)
    return
  }
}
