/**
 * When piece after piece is wrong, whoever sends it, the fault is more likely ours: a disk or a memory that spoils what it
 * keeps. Each ban for bad data is remembered until a piece is good; so many from different places, and those who were
 * banned get another chance, and the user hears of it.
 *
 *      ban ▷ ban ▷ ban ▷ ban     ──▶ warning, all four pardoned ({@link MAX_PARDONS} times at most)
 *      ban ▷ good piece ▷ ban    ──▶ nothing: the disk can keep a piece, so the bad ones are their senders' fault
 *
 * Strangers can bring that about, too, from several networks: they gain a few pieces' worth of our time by it, no more.
 * So the download goes on, and it is the user who decides.
 */
import * as Address from "../base/Address.ts"
import * as Candidates from "./Candidates.ts"
import * as Crowd from "./Crowd.ts"
import type { Sender } from "./SmartBan.ts"
import type * as State from "./State.ts"

/** Places in a row from which nothing good came: one liar has one, and a handful of them seldom are all that there are. */
export const MIN_PLACES = 4

/** How often those who were banned get another chance in one run: what a broken disk costs is bounded, too. */
export const MAX_PARDONS = 3

/** Mutable, of one torrent. */
export interface SelfDoubt {
  /** Who was banned since the last good piece, by place: {@link MIN_PLACES} at most. */
  readonly banned: Map<string, Address.Address>
  pardons: number
}

export const make = (): SelfDoubt => ({ banned: new Map(), pardons: 0 })

/** A piece was good: our disk and memory can do it. */
export const pieceWasGood = ({ selfDoubt }: State.Torrent): void => selfDoubt.banned.clear()

/** Somebody was banned, since what the disk holds of it is wrong. */
export const banned = (torrent: State.Torrent, { address }: Sender, turn: State.Turn): void => {
  const { selfDoubt } = torrent
  selfDoubt.banned.set(placeOf(address), address)
  const places = selfDoubt.banned.size
  if (places < MIN_PLACES) return
  const isPardoned = pardon(torrent, turn) > 0
  selfDoubt.banned.clear()
  const message =
    `every piece is wrong, from ${places} peers in a row: this machine's disk or memory may spoil them, check both` +
    (isPardoned ? "; the peers get another chance" : "")
  const event = { _tag: "Warning", reason: "SelfDoubt", message } as const
  turn.out.push({ _tag: "Emit", torrent: torrent.id, event })
}

/** Lets those in who were banned since the last good piece; returns how many. */
export const pardon = ({ candidates, rng, selfDoubt }: State.Torrent, turn: State.Turn): number => {
  const { size } = selfDoubt.banned
  if (size === 0 || selfDoubt.pardons >= MAX_PARDONS) return 0
  selfDoubt.pardons++
  for (const address of selfDoubt.banned.values()) Candidates.pardon(candidates, address, rng, turn.now)
  selfDoubt.banned.clear()
  return size
}

/** What one stranger may have many addresses in is one place; near us each host is one, and here each port. */
const placeOf = (address: Address.Address): string =>
  Address.isLoopback(address) ? Address.format(address) : Crowd.networkOf(address.host) ?? address.host
