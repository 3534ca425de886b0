/**
 * When a torrent asks the DHT for peers, and is announced there by the same walk (BEP 5).
 *
 *      due ──LookUp──▶ asking ──LookedUp──▶ waiting ──▶ due …
 *
 * Nodes keep an announce for half an hour and more, so that one every quarter of an hour is enough; who lacks peers asks
 * sooner, and less and less so, for the swarm does not grow by asking. A private torrent never asks (BEP 27).
 */
import type { Bytes } from "../base/Bytes.ts"
import { type Millis, MINUTE, NEVER, SECOND } from "../base/Time.ts"
import type { Command } from "./Command.ts"
import type { TorrentId } from "./Input.ts"

/** Nodes forget peers after half an hour at the earliest, and some announces get lost. */
export const INTERVAL_MS: Millis = 15 * MINUTE

/** Who lacks peers asks again after this, and each time after twice as long. */
const FIRST_RETRY_MS: Millis = 10 * SECOND

/** Nobody was there to be asked: the first node that comes may be soon. */
const FIRST_DEAF_RETRY_MS: Millis = 5 * SECOND

/** Mutable, one owner. */
export interface Lookups {
  isAllowed: boolean
  /** When the next one is due; NEVER while one is under way, and for torrents that ask nobody. */
  at: Millis
  /** Lookups in a row that nobody answered, or after which peers were lacking still. */
  failures: number
  /** Nobody answered the last one: we are not in the DHT at all. */
  isDeaf: boolean
}

/** At once, unless the torrent is not to be known there. */
export const make = (isAllowed: boolean, now: Millis): Lookups => ({
  isAllowed,
  at: isAllowed ? now : NEVER,
  failures: 0,
  isDeaf: false,
})

/** Asks, if a lookup is due; from now on it is under way. */
export const run = (
  lookups: Lookups,
  torrent: { readonly id: TorrentId; readonly infoHash: Bytes; readonly isSeed: boolean },
  now: Millis,
  out: Array<Command>,
): void => {
  if (lookups.at > now) return
  lookups.at = NEVER
  const { id, infoHash, isSeed } = torrent
  out.push({ _tag: "LookUp", torrent: id, infoHash, isSeed })
}

/** One is over; `lacksPeers`: what it brought is not enough. Nothing, if it was stopped meanwhile. */
export const end = (lookups: Lookups, isDeaf: boolean, lacksPeers: boolean, now: Millis): void => {
  if (!lookups.isAllowed) return
  lookups.isDeaf = isDeaf
  const isFailure = isDeaf || lacksPeers
  lookups.failures = isFailure ? lookups.failures + 1 : 0
  const retryMs = (isDeaf ? FIRST_DEAF_RETRY_MS : FIRST_RETRY_MS) * 2 ** (lookups.failures - 1)
  lookups.at = now + (isFailure ? Math.min(INTERVAL_MS, retryMs) : INTERVAL_MS)
}

/** Whether the DHT may still bring peers: one is under way, or somebody answers and fewer than `times` were in vain. */
export const isHopeful = ({ failures, isAllowed, isDeaf }: Lookups, times: number): boolean =>
  isAllowed && !isDeaf && failures < times

/** What to tell people whose only hope was the DHT; `undefined` if it wasn't. */
export const inVain = ({ isAllowed, isDeaf }: Lookups): string | undefined =>
  !isAllowed
    ? undefined
    : isDeaf
    ? "no DHT node answered; see whether UDP gets through, name a node with --dht-bootstrap, or a peer with --peer"
    : "the DHT knows nobody who has it; try again later, or give a peer with --peer HOST:PORT"

/** None will be asked for any more. */
export const stop = (lookups: Lookups): void => {
  lookups.isAllowed = false
  lookups.at = NEVER
}
