/** How much a tracker takes, tells and keeps. */
import { MINUTE, SECOND } from "../base/Time.ts"

/** Peers for whoever doesn't say how many it wants: what the codecs fill in. */
export const DEFAULT_NUM_WANT = 50
/** Peers of one reply at most: 200 compact IPv4 peers are the most that a UDP packet carries whole. */
export const MAX_NUM_WANT = 200

/** A reply's interval is shortened by up to this part, so that peers that came together don't come back together. */
export const JITTER = 0.1

export interface Limits {
  /** What peers are told, less up to {@link JITTER}; twice as long without a word, and a peer is gone. */
  readonly intervalSeconds: number
  /** At most the shortest interval that is told. */
  readonly minIntervalSeconds: number
  /**
   * Torrents, counted for each family: at some 150 bytes each. For a new one beyond goes one that has nobody but a peer that
   * has not stayed yet, which is what a flood is made of; where there is none, the new one is refused.
   */
  readonly maxSwarms: number
  /** In all, at some 80 bytes each, 100 for IPv6. Who comes beyond these two is answered, but not told to others. */
  readonly maxPeers: number
  readonly maxPeersPerSwarm: number
  /** What one address (IPv6: a /64) may bring within two intervals: torrents that nobody else is in, and peers. */
  readonly newSwarmsPerAddress: number
  readonly newPeersPerAddress: number
}

/** The intervals are what most public trackers tell; the rest keeps a tracker within 1 GiB whatever is thrown at it. */
export const LIMITS: Limits = {
  intervalSeconds: 30 * MINUTE / SECOND,
  minIntervalSeconds: 15 * MINUTE / SECOND,
  maxSwarms: 2_000_000,
  maxPeers: 10_000_000,
  maxPeersPerSwarm: 1_000_000,
  newSwarmsPerAddress: 10_000,
  newPeersPerAddress: 100_000,
}

/**
 * Torrents that are looked at for one that can go: where one in four can, all of these miss once in ten thousand times, and
 * where none can, a flood costs as much as so many reads of memory each time.
 */
export const EVICTION_TRIES = 32

/** Seconds that a peer is kept without a word: one announce may get lost. */
export const timeToLive = (limits: Limits): number => 2 * limits.intervalSeconds

/** Peers that one turn forgets at most, some milliseconds' worth; if more are due, `Server.nextWake` is in the past. */
export const EXPIRE_BUDGET = 10_000
