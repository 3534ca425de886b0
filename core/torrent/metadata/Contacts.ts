/** Connections for the metadata: who is dialled, who is let in, and how a connection ends. */
import * as Address from "../../base/Address.ts"
import { type Millis, NEVER } from "../../base/Time.ts"
import * as Encoder from "../../wire/Encoder.ts"
import * as Candidates from "../Candidates.ts"
import * as Crowd from "../Crowd.ts"
import * as Dials from "../Dials.ts"
import type { ConnId } from "../Input.ts"
import * as Limits from "../Limits.ts"
import * as Places from "../Places.ts"
import * as Attempt from "./Attempt.ts"
import * as Contact from "./Contact.ts"
import type * as State from "./State.ts"

/** A peer without metadata has had this long to come by some before its place goes to an address that waits. */
const HOLDER_PATIENCE_MS: Millis = 30_000

const hasPlace = (fetching: State.Fetching): boolean =>
  fetching.contacts.size < fetching.maxContacts && Places.hasPlace(fetching.local.load)

const mayDial = (fetching: State.Fetching): boolean =>
  fetching.phase === "fetching" && hasPlace(fetching) &&
  fetching.halfOpen < Limits.MAX_HALF_OPEN && Places.hasDial(fetching.local.load)

/** When the next candidate may be dialled, or a place is to be made for it. */
export const nextDialAt = (fetching: State.Fetching, now: Millis): Millis => {
  if (fetching.phase !== "fetching") return NEVER
  const { candidates, local } = fetching
  const at = Math.max(Candidates.nextDialAt(candidates, now), Dials.nextAt(local.load.dials, now))
  if (mayDial(fetching)) return at
  const idle = longestIdle(fetching)
  return idle === undefined || !isFull(fetching) ? NEVER : Math.max(at, idle.readyAt + HOLDER_PATIENCE_MS)
}

const isFull = (fetching: State.Fetching): boolean => fetching.contacts.size >= fetching.maxContacts

const longestIdle = (fetching: State.Fetching): Contact.Contact | undefined => {
  let found: Contact.Contact | undefined
  for (const contact of fetching.contacts.values()) {
    if (contact.phase !== "ready" || Contact.isHolder(contact)) continue
    if (found === undefined || contact.readyAt < found.readyAt) found = contact
  }
  return found
}

/** Drops the peer that has been here longest without metadata, if it had its time; false if there is none. */
const makePlace = (fetching: State.Fetching, turn: State.Turn): boolean => {
  const idle = longestIdle(fetching)
  if (idle === undefined || turn.now < idle.readyAt + HOLDER_PATIENCE_MS) return false
  close(fetching, idle, turn, "it has no metadata, and its place is wanted")
  return true
}

/** Dials as many candidates as there is room for. */
export const dial = (fetching: State.Fetching, turn: State.Turn): void => {
  const { dials } = fetching.local.load
  while (fetching.phase === "fetching" && Dials.isAllowed(dials, turn.now)) {
    const address = Candidates.next(fetching.candidates, turn.now)
    if (address === undefined) return
    if (!mayDial(fetching) && !(isFull(fetching) && makePlace(fetching, turn) && mayDial(fetching))) return
    Candidates.connecting(fetching.candidates, address)
    Dials.spend(dials, turn.now)
    const contact = enter(fetching, fetching.local.nextConn++, address, false, turn)
    fetching.halfOpen++
    fetching.local.load.halfOpen++
    turn.out.push({ _tag: "Dial", torrent: fetching.id, conn: contact.conn, address })
  }
}

/** A peer that came to us at `since` has named this torrent. `undefined`: it is refused, and its connection closed. */
export const accept = (
  fetching: State.Fetching,
  conn: ConnId,
  address: Address.Address,
  since: Millis,
  turn: State.Turn,
): Contact.Contact | undefined => {
  const isWelcome = fetching.phase !== "stopped" && !Candidates.isBanned(fetching.candidates, address.host) &&
    !isCrowded(fetching, address) &&
    (hasPlace(fetching) || (isFull(fetching) && makePlace(fetching, turn) && hasPlace(fetching)))
  if (!isWelcome) {
    turn.out.push({ _tag: "Close", conn })
    return undefined
  }
  const contact = enter(fetching, conn, address, true, turn)
  contact.startedAt = since
  greet(fetching, contact)
  return contact
}

/** As many connections with that address as a torrent may have; of its network no more can be had than of contacts. */
const isCrowded = ({ contacts }: State.Fetching, { host }: Address.Address): boolean => {
  let count = 0
  for (const { address, isIncoming } of contacts.values()) if (isIncoming && address.host === host) count++
  const isLocal = Crowd.networkOf(host) === undefined
  return count >= (isLocal ? Limits.MAX_PER_LOCAL_ADDRESS : Limits.MAX_PER_ADDRESS)
}

const enter = (
  fetching: State.Fetching,
  conn: ConnId,
  address: Address.Address,
  isIncoming: boolean,
  turn: State.Turn,
): Contact.Contact => {
  const contact = Contact.make(conn, address, isIncoming, turn.now)
  fetching.contacts.set(conn, contact)
  fetching.local.load.connections++
  return contact
}

/** The dial succeeded: we speak first (BEP 3). */
export const opened = (fetching: State.Fetching, contact: Contact.Contact, turn: State.Turn): void => {
  if (contact.phase !== "dialling") return
  fetching.halfOpen--
  fetching.local.load.halfOpen--
  contact.phase = "greeting"
  contact.startedAt = turn.now
  Candidates.connected(fetching.candidates, contact.address)
  greet(fetching, contact)
}

const greet = ({ infoHash, local }: State.Fetching, { encoder }: Contact.Contact): void =>
  Encoder.handshake(encoder, {
    infoHash,
    peerId: local.peerId,
    // As in the handshake of a torrent, for the connection becomes one of a torrent.
    features: { fast: true, extended: true, dht: local.dhtPort !== undefined },
  })

/** Ends a connection from our side. */
export const close = (
  fetching: State.Fetching,
  contact: Contact.Contact,
  turn: State.Turn,
  reason: string,
): void => {
  turn.out.push({ _tag: "Close", conn: contact.conn })
  gone(fetching, contact, turn, reason)
}

/** A connection has ended: what it owes is free again, and its address rests, the longer the less it was of use. */
export const gone = (
  fetching: State.Fetching,
  contact: Contact.Contact,
  turn: State.Turn,
  reason: string,
): void => {
  release(fetching, contact)
  fetching.contacts.delete(contact.conn)
  fetching.keptBytes -= contact.keptBytes
  fetching.local.load.connections--
  if (contact.phase === "dialling") {
    fetching.halfOpen--
    fetching.local.load.halfOpen--
  }
  const { listening, phase } = contact
  if (listening !== undefined) {
    if (phase === "ready") {
      // Who has nothing to give yet is no worse a peer for the torrent to come.
      const wasUseful = contact.hasGiven || (!Contact.isHolder(contact) && contact.useless === 0)
      Candidates.disconnected(fetching.candidates, listening, turn.now, wasUseful)
    } else Candidates.failed(fetching.candidates, listening, turn.now)
  }
  if (phase !== "ready") return
  turn.out.push({
    _tag: "Emit",
    torrent: fetching.id,
    event: { _tag: "PeerDisconnected", address: contact.address, reason },
  })
}

/** Nothing is waited for from this peer any more. */
export const release = (fetching: State.Fetching, contact: Contact.Contact): void => {
  const attempt = attemptOf(fetching, contact)
  if (attempt !== undefined) { for (const part of contact.asked.keys()) Attempt.release(attempt, part) }
  contact.asked.clear()
}

/** The attempt that a peer has part in, if there is one for it. */
export const attemptOf = (
  { attempts }: State.Fetching,
  { conn, isSuspect, size }: Contact.Contact,
): Attempt.Attempt | undefined => {
  for (const attempt of attempts) {
    if (attempt.totalBytes === size && attempt.only === (isSuspect ? conn : undefined)) return attempt
  }
  return undefined
}

/** Never again: by host, and on this machine, whose programs share one, by address. */
export const ban = (
  fetching: State.Fetching,
  conn: ConnId,
  address: Address.Address,
  turn: State.Turn,
  reason: string,
): void => {
  const { candidates } = fetching
  const contact = fetching.contacts.get(conn)
  const where = contact?.listening ?? address
  if (Address.isLoopback(where)) {
    Candidates.add(candidates, where, "incoming", fetching.rng)
    Candidates.exclude(candidates, where)
  } else Candidates.ban(candidates, where)
  turn.out.push({
    _tag: "Emit",
    torrent: fetching.id,
    event: { _tag: "PeerBanned", address: where, reason },
  })
  for (const other of [...fetching.contacts.values()]) {
    const isSame = other.conn === conn ||
      (other.address.host === where.host && Candidates.isBanned(candidates, where.host))
    if (isSame) close(fetching, other, turn, reason)
  }
}
