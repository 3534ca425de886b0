/**
 * Connections that came to us and have not said yet which torrent they are for.
 *
 *      ConnAccepted ──▶ waiting ──the info-hash is here──▶ handed to its torrent, with all bytes so far
 *                          └──▶ closed: no BitTorrent, too late, or the oldest of the host with most, of too many
 *
 * The info-hash is enough: the peer id, which follows, may be kept back until we have answered (BEP 3). What a guest
 * costs is bounded by {@link MAX_GUESTS} times 48 bytes, whatever it sends.
 */
import type { Address } from "../base/Address.ts"
import * as Bytes from "../base/Bytes.ts"
import * as Deadlines from "../base/Deadlines.ts"
import type { Millis } from "../base/Time.ts"
import type { ConnId } from "../torrent/Input.ts"
import * as Limits from "../torrent/Limits.ts"
import * as Handshake from "../wire/Handshake.ts"

/** Connections that may wait at a time: an honest peer says at once what it wants, so that few of them do. */
export const MAX_GUESTS = 30

/** So many may wait however few connections there may be in all. */
export const MIN_GUESTS = 4

interface Guest {
  readonly since: Millis
  readonly address: Address
  /** The start of the handshake, of which `held` bytes have come. */
  readonly head: Uint8Array
  held: number
}

/** Mutable, one owner. */
export interface Greeting {
  /** The oldest first. */
  readonly guests: Map<ConnId, Guest>
  /** When each guest's patience ends. */
  readonly deadlines: Deadlines.Deadlines
}

/** What a guest's bytes tell. */
export type Said =
  /** Nothing yet. */
  | { readonly _tag: "Little" }
  /** The guest does not speak BitTorrent. */
  | { readonly _tag: "Garbage" }
  /** `bytes` is everything that it has sent so far. It is a guest no longer. */
  | {
    readonly _tag: "Torrent"
    readonly infoHash: Bytes.Bytes
    readonly address: Address
    /** When it came. */
    readonly since: Millis
    readonly bytes: Bytes.Bytes
  }

export const make = (): Greeting => ({ guests: new Map(), deadlines: Deadlines.make() })

/** Lets a new connection wait; returns the one that has to be closed for it, if there are more than `maxGuests`. */
export const accept = (
  greeting: Greeting,
  conn: ConnId,
  address: Address,
  maxGuests: number,
  now: Millis,
): ConnId | undefined => {
  const head = new Uint8Array(Handshake.HEAD_BYTES)
  greeting.guests.set(conn, { since: now, address: plain(address), head, held: 0 })
  Deadlines.set(greeting.deadlines, conn, now + Limits.HANDSHAKE_TIMEOUT)
  if (greeting.guests.size <= maxGuests) return undefined
  const leaving = mostCrowded(greeting)
  forget(greeting, leaving)
  return leaving
}

/** The oldest of the host that most of them come from: nobody can push out others by coming often. */
const mostCrowded = ({ guests }: Greeting): ConnId => {
  const byHost = new Map<string, Array<ConnId>>()
  for (const [conn, { address }] of guests) {
    byHost.set(address.host, [...byHost.get(address.host) ?? [], conn])
  }
  // Equal ones stay in the order in which their oldest came.
  return [...byHost.values()].reduce((most, conns) => conns.length > most.length ? conns : most)[0]!
}

export const isWaiting = (greeting: Greeting, conn: ConnId): boolean => greeting.guests.has(conn)

/** A guest has sent something. Unless it said little, it waits no longer. */
export const read = (greeting: Greeting, conn: ConnId, bytes: Bytes.Bytes): Said => {
  const guest = greeting.guests.get(conn)
  if (guest === undefined) return { _tag: "Little" }
  const { address, head, held, since } = guest
  const count = Math.min(bytes.length, head.length - held)
  head.set(bytes.subarray(0, count), held)
  guest.held += count
  if (!Handshake.isProtocol(head, guest.held)) {
    forget(greeting, conn)
    return { _tag: "Garbage" }
  }
  if (guest.held < head.length) return { _tag: "Little" }
  forget(greeting, conn)
  const infoHash = Handshake.infoHash(head)
  // Nearly always all of it came in one read, which then goes on as it is.
  const all = held === 0 ? bytes : Bytes.concat([head.subarray(0, held), bytes])
  return { _tag: "Torrent", infoHash, address, since, bytes: all }
}

/** A guest has gone, or has to go. */
export const forget = (greeting: Greeting, conn: ConnId): void => {
  greeting.guests.delete(conn)
  Deadlines.remove(greeting.deadlines, conn)
}

/** One of those that have kept us waiting for too long, forgotten now; `undefined`: no more of them. */
export const popLate = (greeting: Greeting, now: Millis): ConnId | undefined => {
  const conn = Deadlines.popDue(greeting.deadlines, now)
  if (conn !== undefined) greeting.guests.delete(conn)
  return conn
}

/** When the next guest is late. */
export const nextWake = (greeting: Greeting): Millis => Deadlines.next(greeting.deadlines)

/** An IPv4 peer at a socket that listens for both families is an IPv4 peer: bans go by host. */
const plain = (address: Address): Address => {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address.host)
  return mapped === null ? address : { host: mapped[1]!, port: address.port }
}
