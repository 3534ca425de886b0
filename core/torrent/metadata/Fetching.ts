/**
 * A torrent of which only the info-hash is known, as a machine (BEP 9): dispatch only. It finds peers, asks several at a
 * time for parts of the `info` dictionary, verifies the whole, and waits to be taken over by the torrent itself.
 *
 *      fetching ──hash is right──▶ found ──Add──▶ (its connections, addresses and trackers are the torrent's)
 *          └──────── Stop ────────▶ stopped ◀── Stop
 */
import type { Address } from "../../base/Address.ts"
import type { Bytes } from "../../base/Bytes.ts"
import { type Millis, NEVER } from "../../base/Time.ts"
import * as Encoder from "../../wire/Encoder.ts"
import * as Candidates from "../Candidates.ts"
import type { Command } from "../Command.ts"
import type { ConnId, Input, TorrentId } from "../Input.ts"
import * as Limits from "../Limits.ts"
import * as Lookups from "../Lookups.ts"
import type { Local } from "../State.ts"
import * as Asking from "./Asking.ts"
import * as Contact from "./Contact.ts"
import * as Contacts from "./Contacts.ts"
import * as Hearing from "./Hearing.ts"
import * as State from "./State.ts"
import * as Trackers from "./Trackers.ts"

export type Fetching = State.Fetching
export type Options = State.Options

/** A magnet link that has just been added, with its first commands. */
export const start = (
  id: TorrentId,
  local: Local,
  infoHash: Bytes,
  options: State.Options,
  now: Millis,
): readonly [Fetching, ReadonlyArray<Command>] => {
  const fetching = State.make(id, local, infoHash, options, now)
  const turn: State.Turn = { now, out: [] }
  Trackers.step(fetching, { _tag: "Start", now }, turn)
  decide(fetching, turn)
  return [fetching, turn.out]
}

/** One transition. Spends `fetching`. What only a torrent with metadata could mean is ignored. */
export const step = (fetching: Fetching, input: Input): readonly [Fetching, ReadonlyArray<Command>] => {
  const turn: State.Turn = { now: input.now, out: [] }
  take(fetching, input, turn)
  decide(fetching, turn)
  return [fetching, turn.out]
}

/**
 * A peer that connected to us at `since` has named this torrent; `bytes` is all that it has sent so far. Spends `fetching`.
 */
export const accept = (
  fetching: Fetching,
  conn: ConnId,
  address: Address,
  since: Millis,
  bytes: Bytes,
  now: Millis,
): readonly [Fetching, ReadonlyArray<Command>] => {
  const turn: State.Turn = { now, out: [] }
  const contact = Contacts.accept(fetching, conn, address, since, turn)
  if (contact !== undefined) Hearing.read(fetching, contact, bytes, turn)
  decide(fetching, turn)
  return [fetching, turn.out]
}

/** When a `Tick` would next change something. */
export const nextWake = (fetching: Fetching, now: Millis): Millis => {
  let wake = Math.min(fetching.announceAt, fetching.lookups.at)
  for (const contact of fetching.contacts.values()) wake = Math.min(wake, Contact.nextWake(contact))
  return Math.min(wake, Contacts.nextDialAt(fetching, now), Asking.nextWake(fetching, now))
}

/** Facts first: what the input says, without choosing anything. */
const take = (fetching: Fetching, input: Input, turn: State.Turn): void => {
  const contact = "conn" in input ? fetching.contacts.get(input.conn) : undefined
  switch (input._tag) {
    case "ConnRead":
      if (contact !== undefined) Hearing.read(fetching, contact, input.bytes, turn)
      return
    case "ConnOpened":
      if (contact !== undefined) Contacts.opened(fetching, contact, turn)
      return
    case "ConnFailed":
    case "ConnClosed":
      if (contact !== undefined) {
        Contacts.gone(fetching, contact, turn, input.reason ?? "it closed the connection")
      }
      return
    case "ConnCongested":
    case "ConnDrained":
      if (contact !== undefined) contact.isCongested = input._tag === "ConnCongested"
      return
    case "PeersFound":
      for (const address of input.addresses) {
        Candidates.add(fetching.candidates, address, input.source, fetching.rng)
      }
      return
    case "LookedUp":
      return Lookups.end(
        fetching.lookups,
        input.answers === 0,
        Trackers.isStarved(fetching, turn.now),
        turn.now,
      )
    case "Announced":
      return Trackers.announced(fetching, input.tracker, input.response, turn)
    case "AnnounceFailed":
      return Trackers.failed(fetching, input.tracker, input.failure, turn)
    case "Stop":
      return stop(fetching, turn)
  }
}

/** Then decide, once for all that the input brought. */
const decide = (fetching: Fetching, turn: State.Turn): void => {
  if (fetching.phase !== "stopped") {
    runTimers(fetching, turn)
    Trackers.askIfStarved(fetching, turn)
    Lookups.run(
      fetching.lookups,
      { id: fetching.id, infoHash: fetching.infoHash, isSeed: false },
      turn.now,
      turn.out,
    )
    Asking.ask(fetching, turn)
    Contacts.dial(fetching, turn)
  }
  if (turn.now >= fetching.announceAt) Trackers.step(fetching, { _tag: "Tick", now: turn.now }, turn)
  for (const contact of fetching.contacts.values()) {
    if (Encoder.isEmpty(contact.encoder)) continue
    contact.lastSentAt = turn.now
    turn.out.push({ _tag: "Send", conn: contact.conn, chunks: Encoder.takeChunks(contact.encoder) })
  }
}

const runTimers = (fetching: Fetching, turn: State.Turn): void => {
  for (const contact of [...fetching.contacts.values()]) {
    if (contact.phase !== "ready") {
      if (turn.now >= Contact.nextWake(contact)) {
        Contacts.close(fetching, contact, turn, "no handshake in time")
      }
      continue
    }
    if (turn.now >= contact.lastReceivedAt + Limits.INACTIVITY_TIMEOUT) {
      Contacts.close(fetching, contact, turn, "it has been silent for too long")
    } else if (turn.now >= contact.lastSentAt + Limits.KEEP_ALIVE_INTERVAL) {
      Encoder.keepAlive(contact.encoder)
    }
  }
}

const stop = (fetching: Fetching, turn: State.Turn): void => {
  fetching.phase = "stopped"
  for (const contact of [...fetching.contacts.values()]) Contacts.close(fetching, contact, turn, "stopped")
  fetching.attempts.length = 0
  Lookups.stop(fetching.lookups)
  Trackers.step(fetching, { _tag: "Stop", now: turn.now }, turn)
  if (fetching.announceAt <= turn.now) fetching.announceAt = NEVER
}
