/**
 * The addresses that a torrent knows and may dial, each in one state:
 *
 *          add ──▶ ready ◀──(its time has come)── resting
 *                    │                               ▲
 *               connecting ─────────failed───────────┤
 *                    │                               │
 *               connected ───────disconnected────────┘          excluded: ourselves, never dialled
 *                                                               shelved: a seed, while we seed
 *
 * Ready and resting candidates stand in heaps, so that no call looks through thousands of addresses.
 */
import * as Address from "../base/Address.ts"
import * as Deadlines from "../base/Deadlines.ts"
import * as Rng from "../base/Rng.ts"
import { type Millis, MINUTE, NEVER, SECOND } from "../base/Time.ts"
import { isDialable } from "./Dialable.ts"
import * as PeerPriority from "./PeerPriority.ts"

/** Who told us: the user, a tracker, the local network, a peer that came to us, the DHT, another peer (BEP 11). */
export type Source = "user" | "tracker" | "lsd" | "incoming" | "dht" | "pex"

/**
 * How far a source is trusted, the best first. A DHT node stores only the address that asked it to; a peer exchange is
 * anything that one stranger says.
 */
const TRUST: ReadonlyArray<Source> = ["user", "tracker", "lsd", "incoming", "dht", "pex"]

/** Addresses kept for one torrent: a swarm's worth, and some 1 MB of memory at most (libtorrent: 3,000). */
export const MAX_CANDIDATES = 3_000

/** Hosts remembered as banned; beyond that the oldest is forgiven, since IPv6 has more hosts than we have memory. */
export const MAX_BANNED_HOSTS = 10_000

/** Ports of one host taken from the DHT or other peers: many are an attempt to have us flood that host (BEP 11). */
export const MAX_HEARSAY_PORTS = 8

/** Below it, services listen that are no peers: strangers must not have us dial those (BEP 11). */
export const FIRST_HEARSAY_PORT = 1_024

/** Rest after the first failure, doubled after each further one in a row, up to the longest. */
const REST_MS: Millis = 15 * SECOND
const MAX_REST_MS: Millis = 30 * MINUTE

/** Until an address is thought of again that there was no room for: places fall free by the minute. */
const POSTPONED_MS: Millis = MINUTE

/** Somebody who names a peer is waiting for it. */
const USER_REST_MS: Millis = 5 * SECOND
const MAX_USER_REST_MS: Millis = MINUTE

/** What no connection means for a candidate, and what one does. */
type Status = "ready" | "resting" | "connecting" | "connected" | "excluded" | "shelved"

interface Candidate {
  /** Its number in the heaps. */
  readonly id: number
  readonly address: Address.Address
  source: Source
  status: Status
  /** In a row. */
  failures: number
  /** It had everything when we last saw it. */
  isSeed: boolean
  /** Drawn once: the order among equals, in which neither dialling nor dropping favours who came first. */
  readonly luck: number
  /** The order among equals in which they are dialled: by canonical priority (BEP 40), by luck where it isn't known. */
  turn: number
}

/** Mutable, one owner. */
export interface Candidates {
  readonly byAddress: Map<string, Candidate>
  readonly byId: Map<number, Candidate>
  /** Ids by host, for bans and for the limit on ports. */
  readonly byHost: Map<string, Set<number>>
  /** Candidates that may be dialled, the best first: the heap orders preferences instead of times. */
  readonly ready: Deadlines.Deadlines
  /** When each resting candidate becomes ready. */
  readonly resting: Deadlines.Deadlines
  /** Candidates that are not in use, the first to be dropped first. */
  readonly spare: Deadlines.Deadlines
  /** Hosts, oldest ban first. */
  readonly banned: Set<string>
  /** We have all we want: a seed is not worth a dial. */
  isSeeding: boolean
  /** Our own end, from which canonical priorities are computed; `undefined`: nothing is known of it. */
  self: PeerPriority.Self | undefined
  nextId: number
}

export const make = (): Candidates => ({
  byAddress: new Map(),
  byId: new Map(),
  byHost: new Map(),
  ready: Deadlines.make(),
  resting: Deadlines.make(),
  spare: Deadlines.make(),
  banned: new Set(),
  isSeeding: false,
  self: undefined,
  nextId: 0,
})

/** Our own address as others see it: among equals those are dialled first that both ends prefer (BEP 40). */
export const rankFrom = (candidates: Candidates, self: PeerPriority.Self): void => {
  if (candidates.self === self) return
  candidates.self = self
  for (const candidate of candidates.byId.values()) {
    candidate.turn = turnOf(self, candidate.address, candidate.luck)
    enter(candidates, candidate, candidate.status)
  }
}

/** Smaller is earlier. Who stays in a full table is left to luck: made-up addresses of high priority could fill it. */
const turnOf = (self: PeerPriority.Self | undefined, address: Address.Address, luck: number): number => {
  const priority = self === undefined ? undefined : PeerPriority.between(self, address)
  return priority === undefined ? luck : 2 ** 32 - 1 - priority
}

/** Known addresses, in whatever state. */
export const size = (candidates: Candidates): number => candidates.byAddress.size

/** How many of them could be dialled now. Changes nothing. */
export const dialableCount = (candidates: Candidates, now: Millis): number =>
  Deadlines.size(candidates.ready) + Deadlines.countDue(candidates.resting, now)

export const isKnown = (candidates: Candidates, address: Address.Address): boolean =>
  candidates.byAddress.has(Address.format(address))

/** Who told us of an address, the most trusted of them; `undefined`: it is not known. */
export const sourceOf = (candidates: Candidates, address: Address.Address): Source | undefined =>
  candidates.byAddress.get(Address.format(address))?.source

export const isBanned = (candidates: Candidates, host: string): boolean => candidates.banned.has(host)

/**
 * Learns an address. False if it is no use: port 0, no host that could be dialled, banned, by hearsay a port of other
 * services or one too many of a host, or worse than all of a full table. A known address keeps its state and its better
 * source.
 */
export const add = (
  candidates: Candidates,
  address: Address.Address,
  source: Source,
  rng: Rng.Rng,
): boolean => {
  const known = candidates.byAddress.get(Address.format(address))
  if (known !== undefined) {
    promote(candidates, known, source)
    return true
  }
  if (!isDialable(address) || candidates.banned.has(address.host)) return false
  const ids = candidates.byHost.get(address.host) ?? new Set()
  if (isHearsay(source) && (ids.size >= MAX_HEARSAY_PORTS || address.port < FIRST_HEARSAY_PORT)) return false
  const id = candidates.nextId++
  const luck = Rng.next(rng)
  const candidate: Candidate = {
    id,
    address,
    source,
    status: "ready",
    failures: 0,
    isSeed: false,
    luck,
    turn: turnOf(candidates.self, address, luck),
  }
  candidates.byAddress.set(Address.format(address), candidate)
  candidates.byId.set(id, candidate)
  candidates.byHost.set(address.host, ids.add(id))
  enter(candidates, candidate, "ready")
  if (size(candidates) > MAX_CANDIDATES) drop(candidates, Deadlines.first(candidates.spare)!)
  return candidates.byId.has(id)
}

/**
 * The best address to dial now: the user's first, then the fewest failures, then the highest priority for both ends, or
 * luck. It stays until `connecting`.
 */
export const next = (candidates: Candidates, now: Millis): Address.Address | undefined => {
  for (;;) {
    const id = Deadlines.popDue(candidates.resting, now)
    if (id === undefined) break
    enter(candidates, candidates.byId.get(id)!, "ready")
  }
  const id = Deadlines.first(candidates.ready)
  return id === undefined ? undefined : candidates.byId.get(id)!.address
}

/** When {@link next} has something: `now`, later, or NEVER. Changes nothing. */
export const nextDialAt = (candidates: Candidates, now: Millis): Millis =>
  Deadlines.size(candidates.ready) > 0 ? now : Math.max(now, Deadlines.next(candidates.resting))

/** The address is being dialled. This and the reports below ignore addresses that are not known (any more). */
export const connecting = (candidates: Candidates, address: Address.Address): void =>
  change(candidates, address, (candidate) => enter(candidates, candidate, "connecting"))

/** There is no room for it now: it is tried again later, and is none the worse for it. */
export const postponed = (candidates: Candidates, address: Address.Address, now: Millis): void =>
  change(candidates, address, (candidate) => {
    enter(candidates, candidate, "resting")
    if (candidate.status === "resting") Deadlines.set(candidates.resting, candidate.id, now + POSTPONED_MS)
  })

/** The address is connected, whoever dialled; it won't be offered meanwhile. */
export const connected = (candidates: Candidates, address: Address.Address): void =>
  change(candidates, address, (candidate) => enter(candidates, candidate, "connected"))

/** The dial or the handshake failed: rests 15 s, twice as long each time, up to 30 minutes (the user's: 5 s to 1). */
export const failed = (candidates: Candidates, address: Address.Address, now: Millis): void =>
  change(candidates, address, (candidate) => {
    candidate.failures++
    rest(candidates, candidate, now)
  })

/** The connection has ended. If it was of use, earlier failures are forgotten; if not, it counts as one more. */
export const disconnected = (
  candidates: Candidates,
  address: Address.Address,
  now: Millis,
  wasUseful: boolean,
): void =>
  change(candidates, address, (candidate) => {
    candidate.failures = wasUseful ? 0 : candidate.failures + 1
    rest(candidates, candidate, now)
  })

/** The peer there has everything. */
export const markSeed = (candidates: Candidates, address: Address.Address): void =>
  change(candidates, address, (candidate) => {
    candidate.isSeed = true
    enter(candidates, candidate, candidate.status)
  })

/** Somebody waits for us to dial that address: it is the next, unless it is in use, or not to be dialled at all. */
export const hurry = (candidates: Candidates, address: Address.Address): void =>
  change(candidates, address, (candidate) => {
    if (candidate.status !== "ready" && candidate.status !== "resting") return
    enter(candidates, candidate, "ready")
    Deadlines.set(candidates.ready, candidate.id, -1)
  })

/** From now on known seeds are left alone: we have all we want. */
export const seeding = (candidates: Candidates): void => {
  candidates.isSeeding = true
  for (const candidate of candidates.byId.values()) {
    if (candidate.isSeed) enter(candidates, candidate, candidate.status)
  }
}

/** Turned out to be ourselves, or was banned where bans go by address: neither dialled nor welcome. */
export const isExcluded = (candidates: Candidates, address: Address.Address): boolean =>
  candidates.byAddress.get(Address.format(address))?.status === "excluded"

/** Some connection, open or being dialled, counts for this address. */
export const isInUse = (candidates: Candidates, address: Address.Address): boolean => {
  const status = candidates.byAddress.get(Address.format(address))?.status
  return status === "connecting" || status === "connected"
}

/** Never dials this host again, on whatever port; forgets its addresses. */
export const ban = (candidates: Candidates, { host }: Pick<Address.Address, "host">): void => {
  for (const id of [...candidates.byHost.get(host) ?? []]) drop(candidates, id)
  candidates.banned.add(host)
  if (candidates.banned.size <= MAX_BANNED_HOSTS) return
  for (const oldest of candidates.banned) {
    candidates.banned.delete(oldest)
    return
  }
}

/** A ban was a mistake, it seems: the address may be dialled again after a rest, and its host come to us at once. */
export const pardon = (
  candidates: Candidates,
  address: Address.Address,
  rng: Rng.Rng,
  now: Millis,
): void => {
  candidates.banned.delete(address.host)
  const known = candidates.byAddress.get(Address.format(address))
  if (known?.status === "excluded") enter(candidates, known, "ready")
  else add(candidates, address, "incoming", rng)
  failed(candidates, address, now)
}

/** Never dials this very address again: it turned out to be our own. Others on the same host are somebody else. */
export const exclude = (candidates: Candidates, address: Address.Address): void =>
  change(candidates, address, (candidate) => enter(candidates, candidate, "excluded"))

/** Who may name peers of a private torrent (BEP 27): who comes to us heard of it there. */
export const PRIVATE_SOURCES: ReadonlySet<Source> = new Set(["tracker", "user", "incoming"])

/** Whether somebody named this address who may for a private torrent. */
export const isPrivateSource = (candidates: Candidates, address: Address.Address): boolean => {
  const candidate = candidates.byAddress.get(Address.format(address))
  return candidate !== undefined && PRIVATE_SOURCES.has(candidate.source)
}

/** The torrent has turned out to be private: forgets the addresses that others have named. */
export const keepPrivate = (candidates: Candidates): void => {
  for (const { id, source } of [...candidates.byId.values()]) {
    if (!PRIVATE_SOURCES.has(source)) drop(candidates, id)
  }
}

const change = (
  candidates: Candidates,
  address: Address.Address,
  apply: (candidate: Candidate) => void,
): void => {
  const candidate = candidates.byAddress.get(Address.format(address))
  // Ourselves we stay, however the connection to ourselves goes on to end.
  if (candidate !== undefined && candidate.status !== "excluded") apply(candidate)
}

/** Rests after the failures so far; after none, as after one. */
const rest = (candidates: Candidates, candidate: Candidate, now: Millis): void => {
  const isUsers = candidate.source === "user"
  const doublings = Math.max(0, candidate.failures - 1)
  const restMs = Math.min(
    isUsers ? MAX_USER_REST_MS : MAX_REST_MS,
    (isUsers ? USER_REST_MS : REST_MS) * 2 ** doublings,
  )
  enter(candidates, candidate, "resting")
  if (candidate.status === "resting") Deadlines.set(candidates.resting, candidate.id, now + restMs)
}

/** Gives a candidate its new state and its place in the heaps that go with it. A seed that nobody needs is shelved. */
const enter = (candidates: Candidates, candidate: Candidate, next: Status): void => {
  const { failures, id, isSeed, luck, source, turn } = candidate
  const isFree = next === "ready" || next === "resting"
  const status = isFree && isSeed && candidates.isSeeding ? "shelved" : next
  candidate.status = status
  const isInUse = status === "connecting" || status === "connected"
  const fewFailures = Math.min(failures, 255)
  // Each of these numbers is exact: below 2^53, the more important part in the higher bits.
  const preference = (source === "user" ? 0 : 2 ** 40) + fewFailures * 2 ** 32 + turn
  const worth = (TRUST.length - TRUST.indexOf(source)) * 2 ** 40 + (255 - fewFailures) * 2 ** 32 +
    (2 ** 32 - 1 - luck)
  Deadlines.set(candidates.ready, id, status === "ready" ? preference : NEVER)
  Deadlines.set(candidates.spare, id, isInUse ? NEVER : worth)
  if (status !== "resting") Deadlines.remove(candidates.resting, id)
}

/** Told again by somebody who is trusted more. A resting peer that the user names is tried at once. */
const promote = (candidates: Candidates, candidate: Candidate, source: Source): void => {
  if (TRUST.indexOf(source) >= TRUST.indexOf(candidate.source)) return
  candidate.source = source
  const isAwaited = source === "user" && candidate.status === "resting"
  enter(candidates, candidate, isAwaited ? "ready" : candidate.status)
}

const drop = (candidates: Candidates, id: number): void => {
  const { address } = candidates.byId.get(id)!
  candidates.byId.delete(id)
  candidates.byAddress.delete(Address.format(address))
  const ids = candidates.byHost.get(address.host)!
  ids.delete(id)
  if (ids.size === 0) candidates.byHost.delete(address.host)
  for (const heap of [candidates.ready, candidates.resting, candidates.spare]) Deadlines.remove(heap, id)
}

const isHearsay = (source: Source): boolean => source === "dht" || source === "pex"
