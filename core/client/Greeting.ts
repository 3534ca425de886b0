/**
 * Connections that came to us and have not said yet which torrent they are for.
 *
 *      ConnAccepted ──▶ waiting ──the info-hash is here──▶ handed to its torrent, with all bytes so far
 *                          └──▶ closed: no BitTorrent, too late, or the oldest of too many
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

/** Connections that may wait at a time. With more the oldest goes: an honest peer says at once what it wants. */
export const MAX_GUESTS = 100

interface Guest {
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
    readonly bytes: Bytes.Bytes
  }

export const make = (): Greeting => ({ guests: new Map(), deadlines: Deadlines.make() })

/** Lets a new connection wait; returns the one that has to be closed for it, if there are too many. */
export const accept = (
  greeting: Greeting,
  conn: ConnId,
  address: Address,
  now: Millis,
): ConnId | undefined => {
  const head = new Uint8Array(Handshake.HEAD_BYTES)
  greeting.guests.set(conn, { address: plain(address), head, held: 0 })
  Deadlines.set(greeting.deadlines, conn, now + Limits.HANDSHAKE_TIMEOUT)
  if (greeting.guests.size <= MAX_GUESTS) return undefined
  for (const oldest of greeting.guests.keys()) {
    forget(greeting, oldest)
    return oldest
  }
}

export const isWaiting = (greeting: Greeting, conn: ConnId): boolean => greeting.guests.has(conn)

/** A guest has sent something. Unless it said little, it waits no longer. */
export const read = (greeting: Greeting, conn: ConnId, bytes: Bytes.Bytes): Said => {
  const guest = greeting.guests.get(conn)
  if (guest === undefined) return { _tag: "Little" }
  const { address, head, held } = guest
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
  return { _tag: "Torrent", infoHash, address, bytes: all }
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
