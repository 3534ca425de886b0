/**
 * Whose place goes to somebody else when there is no room. Pure: a table of peers in, connections out. Nobody goes that
 * has just come, and nobody that we exchange with: an address that we know nothing of is worth more than a peer that
 * neither gave nor took for a while, and less than one that did.
 *
 *      rank   the peer                                     goes after
 *      0      neither side wants anything                  1 minute
 *      1      it owes us blocks and sends none (snubbed)   1 minute
 *      2      only it wants something                      2 minutes     not while we seed: they all do
 *      3      we want something, and it doesn't let us     3 minutes     not while we seed: there is nothing to want
 */
import { type Millis, MINUTE } from "../base/Time.ts"
import type { ConnId } from "./Input.ts"

/** Time between two rounds (libtorrent: 5 minutes for the same share; a download may be over by then). */
export const INTERVAL_MS: Millis = MINUTE

/** Of the connected peers, the share that goes in one round (libtorrent: 4 %). */
const SHARE = 0.04

/** With fewer than this part of all places taken there is room for newcomers anyway (libtorrent: 90 %). */
const CUTOFF = 0.9

/** By rank: for how long a peer may be idle. */
const PATIENCE_MS: ReadonlyArray<Millis> = [MINUTE, MINUTE, 2 * MINUTE, 3 * MINUTE]

/** A peer that has exchanged nothing for so long only waits: a newcomer may have as good a claim to its place. */
const WAITING_MS: Millis = 2 * MINUTE

/** Ranks that go while we seed. */
const SEEDING_RANKS = 1

/** One connected peer, as far as its place goes. */
export interface Standing {
  readonly conn: ConnId
  /** When its handshake was done. */
  readonly connectedAt: Millis
  /** When payload last went either way; `connectedAt` or earlier: never. */
  readonly exchangedAt: Millis
  /** We want something from it. */
  readonly amInterested: boolean
  /** It wants something from us. */
  readonly isInterested: boolean
  readonly isSnubbed: boolean
}

/** True if so many peers leave little room for others. */
export const isNearlyFull = (peers: number, places: number): boolean => peers >= places * CUTOFF

/** How many go in one round: a small share, at least one, and no more than could take their places. */
export const quota = (peers: number, waiting: number): number =>
  Math.min(waiting, Math.max(1, Math.floor(peers * SHARE)))

/** Those whose places are given away, worst first, `count` at most; fewer where the others are of use. */
export const worst = (
  peers: Iterable<Standing>,
  count: number,
  context: { readonly now: Millis; readonly isSeeding: boolean },
): Array<ConnId> => {
  const idle: Array<Standing> = []
  for (const peer of peers) if (mayGo(peer, context)) idle.push(peer)
  idle.sort((a, b) => rank(a) - rank(b) || idleSince(a) - idleSince(b) || a.conn - b.conn)
  return idle.slice(0, count).map((peer) => peer.conn)
}

/**
 * Who goes for a peer of this priority (BEP 40) where nobody is idle enough for {@link worst}: the one of the lowest
 * priority, if that is lower, among those that only wait. Whoever has exchanged something of late stays.
 */
export const outranked = (
  peers: Iterable<Standing>,
  priority: number,
  priorityOf: (peer: Standing) => number | undefined,
  now: Millis,
): ConnId | undefined => {
  let lowest = priority
  let conn: ConnId | undefined
  for (const peer of peers) {
    if (now - idleSince(peer) < WAITING_MS) continue
    const its = priorityOf(peer)
    if (its === undefined || its >= lowest) continue
    lowest = its
    conn = peer.conn
  }
  return conn
}

const mayGo = (peer: Standing, { now, isSeeding }: { readonly now: Millis; readonly isSeeding: boolean }) =>
  !(isSeeding && rank(peer) >= SEEDING_RANKS) && now - idleSince(peer) >= PATIENCE_MS[rank(peer)]!

const rank = ({ amInterested, isInterested, isSnubbed }: Standing): number => {
  if (isSnubbed) return 1
  if (amInterested) return 3
  return isInterested ? 2 : 0
}

const idleSince = (peer: Standing): Millis => Math.max(peer.connectedAt, peer.exchangedAt)
