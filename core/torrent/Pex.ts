/**
 * Peer exchange (BEP 11): each peer that takes it hears to whom we are connected, and from then on who came and who went.
 *
 *      known   joined 1   joined 2   joined 5   …       a counter gives joining and leaving their order
 *      left    joined 3, left 4   …
 *      told    a peer has heard of everybody up to a number: what it hears next is what lies behind it
 *
 * So each peer costs three numbers, and one timer serves them all: it runs while there is news, once a minute, and soon
 * after somebody new can hear. Who comes and goes in between is never mentioned. Private torrents have none of this (BEP 27).
 */
import * as Address from "../base/Address.ts"
import type { Bytes } from "../base/Bytes.ts"
import * as IpBytes from "../base/IpBytes.ts"
import { type Millis, MINUTE, NEVER, SECOND } from "../base/Time.ts"
import * as Encoder from "../wire/Encoder.ts"
import * as ExtendedPex from "../wire/ExtendedPex.ts"
import * as Budget from "./Budget.ts"
import * as Candidates from "./Candidates.ts"
import type { ConnId } from "./Input.ts"
import * as Peer from "./Peer.ts"
import type * as State from "./State.ts"
import * as Turn from "./Turn.ts"

/** One message a minute to each peer (BEP 11). */
export const INTERVAL_MS: Millis = MINUTE

/** News waits for so long, since peers come in bunches. */
export const GATHER_MS: Millis = 2 * SECOND

/** Messages of a peer that are taken in a minute: its clock may run faster, and its first one stands outside its rounds. */
export const MAX_TAKEN = 2

/** So many in a minute are a flood: the peer is closed (libtorrent: the seventh). */
export const FLOOD = 7

/** Who has gone is remembered for those who don't know yet; a peer that is so far behind never hears of it. */
export const MAX_LEFT = 500

/** Of a torrent. Mutable, one owner. */
export interface Pex {
  /** Connected peers that others could dial, in the order in which we came to know where. */
  readonly known: Map<ConnId, { readonly joined: number; readonly address: Address.Address }>
  /** Those that are not connected any more, in the order in which they went. */
  readonly left: Array<Left>
  /** Joinings and leavings so far. */
  count: number
  /** When somebody may hear something; NEVER while there is no news. */
  dueAt: Millis
  /** When the last round was. */
  ranAt: Millis
}

interface Left {
  readonly joined: number
  readonly left: number
  readonly address: Address.Address
}

/** How far a peer has been told. */
export interface Told {
  /** Of everybody that had joined by then. */
  joined: number
  /** Of everybody that had left by then. */
  left: number
  /** When a message last left; -Infinity: never. */
  sentAt: Millis
}

export const make = (): Pex => ({ known: new Map(), left: [], count: 0, dueAt: NEVER, ranAt: -Infinity })

/** A connected peer can be dialled by others, too, as far as that is known: call it whenever it may have become known. */
export const joined = ({ pex }: State.Torrent, peer: Peer.Peer, turn: State.Turn): void => {
  if (pex === undefined || peer.phase !== "ready" || peer.listening === undefined) return
  if (pex.known.has(peer.conn)) return
  pex.known.set(peer.conn, { joined: ++pex.count, address: peer.listening })
  schedule(pex, turn.now)
}

/** A connection has ended. */
export const left = ({ pex }: State.Torrent, peer: Peer.Peer, turn: State.Turn): void => {
  const known = pex?.known.get(peer.conn)
  if (pex === undefined || known === undefined) return
  pex.known.delete(peer.conn)
  pex.left.push({ joined: known.joined, left: ++pex.count, address: known.address })
  if (pex.left.length > MAX_LEFT) pex.left.shift()
  schedule(pex, turn.now)
}

/** The peer has said what it takes: if that is peer exchange, it hears from us soon. */
export const greeted = ({ pex }: State.Torrent, peer: Peer.Peer, turn: State.Turn): void => {
  if (pex === undefined || peer.extensions.ut_pex === 0 || peer.pex !== undefined) return
  peer.pex = { joined: 0, left: pex.count, sentAt: -Infinity }
  pex.dueAt = Math.min(pex.dueAt, turn.now + GATHER_MS)
}

const schedule = (pex: Pex, now: Millis): void => {
  pex.dueAt = Math.min(pex.dueAt, Math.max(now + GATHER_MS, pex.ranAt + INTERVAL_MS))
}

/** When {@link run} next has something to do. */
export const nextWake = ({ pex }: State.Torrent): Millis => pex?.dueAt ?? NEVER

/** Tells everybody whose minute is over what there is to tell. */
export const run = (torrent: State.Torrent, turn: State.Turn): void => {
  const { pex } = torrent
  if (pex === undefined || turn.now < pex.dueAt) return
  if (turn.now >= pex.ranAt + INTERVAL_MS) pex.ranAt = turn.now
  let isNewsLeft = false
  let heardByAll = pex.count
  for (const peer of Peer.ready(torrent.peers)) {
    const { pex: told } = peer
    if (told === undefined || peer.extensions.ut_pex === 0) continue
    if (turn.now >= told.sentAt + INTERVAL_MS) tell(torrent, pex, peer, told, turn)
    isNewsLeft ||= told.joined < pex.count || told.left < pex.count
    heardByAll = Math.min(heardByAll, told.left)
  }
  while (pex.left.length > 0 && pex.left[0]!.left <= heardByAll) pex.left.shift()
  pex.dueAt = isNewsLeft ? pex.ranAt + INTERVAL_MS : NEVER
}

const tell = (torrent: State.Torrent, pex: Pex, peer: Peer.Peer, told: Told, turn: State.Turn): void => {
  const added = newcomers(pex, peer, told, torrent)
  const dropped = leavers(pex, peer, told)
  told.joined = added.upTo
  told.left = dropped.upTo
  // Who is back was never away, as far as the peer knows.
  for (const address of dropped.found.keys()) {
    if (added.found.delete(address)) dropped.found.delete(address)
  }
  if (added.found.size + dropped.found.size === 0) return
  told.sentAt = turn.now
  const message = { added: [...added.found.values()], dropped: [...dropped.found.values()] }
  Encoder.extended(peer.encoder, peer.extensions.ut_pex, ExtendedPex.encode(message))
  Turn.touch(turn, peer)
}

/** By address; `upTo`: the number up to which the peer will have been told. */
interface News<A> {
  readonly found: Map<string, A>
  readonly upTo: number
}

/** What we know of a peer, as a peer exchange says it. */
const flagsOf = (peer: Peer.Peer): number =>
  (Peer.isDone(peer) ? ExtendedPex.SEED : 0) |
  (peer.extensions.ut_holepunch === 0 ? 0 : ExtendedPex.SUPPORTS_HOLEPUNCH) |
  (peer.isIncoming ? 0 : ExtendedPex.REACHABLE)

/** Those that have joined since the peer was told, the first of them if there are many. */
const newcomers = (
  pex: Pex,
  peer: Peer.Peer,
  told: Told,
  torrent: State.Torrent,
): News<ExtendedPex.Contact> => {
  const found = new Map<string, ExtendedPex.Contact>()
  let upTo = told.joined
  for (const [conn, { address, joined }] of pex.known) {
    if (joined <= told.joined) continue
    if (found.size === ExtendedPex.MAX_CONTACTS) return { found, upTo }
    upTo = joined
    const other = torrent.peers.get(conn)!
    if (other === peer || !isWorthTelling(address, peer.address)) continue
    found.set(Address.format(address), { address, flags: flagsOf(other) })
  }
  return { found, upTo: pex.count }
}

/** Those that have left since the peer was told, and of whom it had heard. */
const leavers = (pex: Pex, peer: Peer.Peer, told: Told): News<Address.Address> => {
  const found = new Map<string, Address.Address>()
  let upTo = told.left
  for (const { address, joined, left } of pex.left) {
    if (left <= told.left) continue
    if (found.size === ExtendedPex.MAX_CONTACTS) return { found, upTo }
    upTo = left
    if (joined > told.joined || !isWorthTelling(address, peer.address)) continue
    found.set(Address.format(address), address)
  }
  return { found, upTo: pex.count }
}

/** The address is an IP literal, and means the same machine to the one who tells it and to the one who hears it. */
const isWorthTelling = (address: Address.Address, to: Address.Address): boolean =>
  IpBytes.compact(address) !== undefined && isCommon(address, to)

/**
 * Whether an address means the same at both ends of a connection with `other`: one of a local network only where that
 * peer is in one, too, and one of this machine only on it. So nobody has us dial into our own network from outside.
 */
export const isCommon = (address: Address.Address, other: Address.Address): boolean => {
  if (Address.isLoopback(address)) return Address.isLoopback(other)
  return !Address.isLocal(address) || Address.isLocal(other)
}

/** A peer tells of others. Returns the rule that it breaks, if it does. */
export const take = (
  torrent: State.Torrent,
  peer: Peer.Peer,
  payload: Bytes,
  turn: State.Turn,
): string | undefined => {
  // Never offered: whoever tells of peers all the same is not heard.
  if (torrent.pex === undefined) return undefined
  peer.budget ??= Budget.make(turn.now)
  const messages = Budget.spend(peer.budget, "pex", turn.now)
  if (messages >= FLOOD) return `${messages} peer exchanges within a minute (BEP 11)`
  if (messages > MAX_TAKEN) return undefined
  const message = ExtendedPex.decode(payload)
  if (!message.ok) return "a peer exchange that is no dictionary (BEP 11)"
  for (const { address, flags } of message.value.added) {
    if (!isCommon(address, peer.address)) continue
    const isNew = !Candidates.isKnown(torrent.candidates, address)
    if (!Candidates.add(torrent.candidates, address, "pex", torrent.rng)) continue
    // Of an address that we know already, no stranger says what it is worth.
    if (isNew && (flags & ExtendedPex.SEED) !== 0) Candidates.markSeed(torrent.candidates, address)
  }
  return undefined
}
