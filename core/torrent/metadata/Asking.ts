/**
 * Which part is asked of whom, and what comes of the answers.
 *
 * A part cannot be judged alone, so a liar shows only when all are there and the whole has the wrong hash. If one peer
 * gave all of it, it lied, and is banned. If several did, any of them may have: each becomes a suspect, and from then on
 * gives a whole of its own or nothing. So every bad whole costs a liar its place or its company, and a single honest peer
 * is enough in the end.
 */
import * as Bytes from "../../base/Bytes.ts"
import { type Millis, MINUTE, NEVER, SECOND } from "../../base/Time.ts"
import { sha1 } from "../../base/Sha1.ts"
import * as Encoder from "../../wire/Encoder.ts"
import * as Metadata from "../../wire/ExtendedMetadata.ts"
import * as Attempt from "./Attempt.ts"
import * as Contact from "./Contact.ts"
import * as Contacts from "./Contacts.ts"
import type * as State from "./State.ts"

/** Wholes that are fetched at a time, one a size and suspect: it bounds memory at so many times the limit of one. */
export const MAX_ATTEMPTS = 8

/** What an attempt may take while others wait for a place: a liar that trickles must not keep an honest peer waiting. */
const TURN_MS: Millis = 2 * MINUTE

/** Parts that a peer is asked for at a time: a few until it gives one, then 128 KiB, which fill a usual line. */
const FIRST_WINDOW = 2
const WINDOW = 8

/** Parts in a row that do not come in time, after which a peer does not send any. */
const MAX_LATE = 2

/** Refusals in a row after which a peer won't give: BEP 9 lets it refuse for a while to be spared a flood. */
const MAX_REFUSALS = 6

/** Rest after a refusal, doubled after each further one in a row. */
const REST_MS: Millis = 5 * SECOND

/** Answers of no use: parts that came twice are our own doing, so many of them are not. */
const MAX_USELESS = 64

/** Asks every peer that could give something for as much as it may owe. */
export const ask = (fetching: State.Fetching, turn: State.Turn): void => {
  if (fetching.phase !== "fetching") return
  for (const contact of [...fetching.contacts.values()]) dropLate(fetching, contact, turn)
  for (const contact of fetching.contacts.values()) {
    if (!mayAsk(contact, turn.now)) continue
    const attempt = Contacts.attemptOf(fetching, contact) ?? open(fetching, contact, turn.now)
    if (attempt === undefined) continue
    const window = contact.hasGiven ? WINDOW : FIRST_WINDOW
    while (contact.asked.size < window) {
      const part = Attempt.next(attempt, (one) => contact.asked.has(one), turn.now)
      if (part === undefined) break
      Attempt.ask(attempt, part, turn.now)
      contact.asked.set(part, turn.now)
      Encoder.extended(contact.encoder, contact.metadataId, Metadata.request(part))
    }
  }
}

/** When {@link ask} would next do something, unless somebody answers. */
export const nextWake = (fetching: State.Fetching, now: Millis): Millis => {
  if (fetching.phase !== "fetching") return NEVER
  let wake = NEVER
  for (const contact of fetching.contacts.values()) {
    if (!Contact.isHolder(contact) || contact.isCongested) continue
    if (now < contact.restsUntil) {
      wake = Math.min(wake, contact.restsUntil)
      continue
    }
    const attempt = Contacts.attemptOf(fetching, contact)
    if (attempt === undefined) wake = Math.min(wake, nextTurnAt(fetching))
    else if (contact.asked.size < (contact.hasGiven ? WINDOW : FIRST_WINDOW)) {
      wake = Math.min(wake, Attempt.nextHaste(attempt, (part) => contact.asked.has(part)))
    }
  }
  return wake
}

const mayAsk = (contact: Contact.Contact, now: Millis): boolean =>
  Contact.isHolder(contact) && !contact.isCongested && now >= contact.restsUntil

/** An attempt for this peer's size; in place of one that nobody works on, or has worked on for too long, if need be. */
const open = (
  fetching: State.Fetching,
  contact: Contact.Contact,
  now: Millis,
): Attempt.Attempt | undefined => {
  const { attempts } = fetching
  if (attempts.length >= MAX_ATTEMPTS) {
    const spare = attempts.find((one) => !isWorkedOn(fetching, one, now)) ??
      attempts.find(({ startedAt }) => now >= startedAt + TURN_MS)
    if (spare === undefined) return undefined
    discard(fetching, spare)
  }
  const attempt = Attempt.make(contact.size, contact.isSuspect ? contact.conn : undefined, now)
  attempts.push(attempt)
  return attempt
}

/** When a place among the attempts falls free by itself. */
const nextTurnAt = ({ attempts }: State.Fetching): Millis =>
  attempts.length < MAX_ATTEMPTS ? NEVER : Math.min(...attempts.map(({ startedAt }) => startedAt + TURN_MS))

const isWorkedOn = (fetching: State.Fetching, attempt: Attempt.Attempt, now: Millis): boolean => {
  for (const contact of fetching.contacts.values()) {
    if (mayAsk(contact, now) && Contacts.attemptOf(fetching, contact) === attempt) return true
  }
  return false
}

const discard = (fetching: State.Fetching, attempt: Attempt.Attempt): void => {
  for (const contact of fetching.contacts.values()) {
    if (Contacts.attemptOf(fetching, contact) === attempt) contact.asked.clear()
  }
  fetching.attempts.splice(fetching.attempts.indexOf(attempt), 1)
}

/** Parts that did not come in time are asked of others; who does not send any has to go. */
const dropLate = (fetching: State.Fetching, contact: Contact.Contact, turn: State.Turn): void => {
  for (const [part, askedAt] of contact.asked) {
    if (turn.now < askedAt + Contact.PART_TIMEOUT) break
    letGo(fetching, contact, part)
    contact.late++
  }
  if (contact.late < MAX_LATE) return
  Contacts.close(fetching, contact, turn, "it does not send the metadata that it offers")
}

const letGo = (fetching: State.Fetching, contact: Contact.Contact, part: number): boolean => {
  if (!contact.asked.delete(part)) return false
  const attempt = Contacts.attemptOf(fetching, contact)
  if (attempt !== undefined) Attempt.release(attempt, part)
  return true
}

/** A peer has not got a part, or has served enough for now. */
export const refused = (
  fetching: State.Fetching,
  contact: Contact.Contact,
  part: number,
  turn: State.Turn,
): undefined => {
  if (!letGo(fetching, contact, part)) return useless(fetching, contact, turn)
  contact.restsUntil = turn.now + REST_MS * 2 ** contact.refusals
  // Several refusals of one moment are one.
  if (contact.asked.size === 0 && ++contact.refusals >= MAX_REFUSALS) {
    Contacts.close(fetching, contact, turn, "it refuses the metadata that it offers")
  }
}

/** A part has come. Returns the rule that it breaks, if it does. */
export const given = (
  fetching: State.Fetching,
  contact: Contact.Contact,
  { bytes, part, totalBytes }: Extract<Metadata.Message, { readonly _tag: "Data" }>,
  turn: State.Turn,
): string | undefined => {
  letGo(fetching, contact, part)
  const attempt = Contacts.attemptOf(fetching, contact)
  // What comes late is welcome; what was never asked for has no place to go, or is judged like the rest.
  if (attempt === undefined) return useless(fetching, contact, turn)
  if (totalBytes !== attempt.totalBytes) return "metadata of another size than it offered (BEP 9)"
  if (part >= attempt.parts.length) return "a part of the metadata that does not exist (BEP 9)"
  if (bytes.length !== Metadata.partBytes(totalBytes, part)) {
    return `a part of the metadata of ${bytes.length} bytes (BEP 9)`
  }
  contact.late = 0
  contact.refusals = 0
  contact.hasGiven = true
  const where = contact.listening ?? contact.address
  if (!Attempt.give(attempt, part, bytes, contact.conn, where)) return useless(fetching, contact, turn)
  if (attempt.missing === 0) judge(fetching, attempt, turn)
  return undefined
}

const useless = (fetching: State.Fetching, contact: Contact.Contact, turn: State.Turn): undefined => {
  if (++contact.useless < MAX_USELESS) return
  Contacts.close(fetching, contact, turn, "it sends metadata that nobody asked for")
}

/** All parts are there: the hash tells whether somebody lied. */
const judge = (fetching: State.Fetching, attempt: Attempt.Attempt, turn: State.Turn): void => {
  const infoBytes = Attempt.whole(attempt)
  if (Bytes.equals(sha1(infoBytes), fetching.infoHash)) return found(fetching, infoBytes, turn)
  fetching.mismatches++
  discard(fetching, attempt)
  const givers = [...attempt.givers]
  const [first] = givers
  turn.out.push({
    _tag: "Emit",
    torrent: fetching.id,
    event: { _tag: "MetadataFailed", suspects: givers.map(([, address]) => address) },
  })
  if (givers.length === 1 && first !== undefined) {
    return Contacts.ban(fetching, ...first, turn, "it sent metadata that is not the torrent's")
  }
  for (const [conn] of givers) {
    const contact = fetching.contacts.get(conn)
    if (contact === undefined) continue
    Contacts.release(fetching, contact)
    contact.isSuspect = true
  }
}

const found = (fetching: State.Fetching, infoBytes: Bytes.Bytes, turn: State.Turn): void => {
  fetching.phase = "found"
  fetching.foundBytes = infoBytes.length
  fetching.attempts.length = 0
  for (const contact of [...fetching.contacts.values()]) {
    contact.asked.clear()
    // Nothing is lost with who has not said anything: the torrent dials again.
    if (contact.phase === "dialling") Contacts.close(fetching, contact, turn, "not needed for now")
  }
  turn.out.push({ _tag: "Emit", torrent: fetching.id, event: { _tag: "MetadataComplete", infoBytes } })
}
