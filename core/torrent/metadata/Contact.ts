/**
 * One connection of a torrent whose metadata is still being fetched. What the peer says beside the metadata (which pieces
 * it has, whether it chokes us) cannot be read before the number of pieces is known: it is kept as it came, within bounds,
 * for the torrent that takes the connection over.
 *
 *      dialling ──ConnOpened──▶ greeting ──handshake──▶ ready ──metadata verified──▶ handed over
 *          │        accepted ──▶   │                      │
 *          └───────────────────────┴──────────────────────┴── failed, closed, useless, violation ──▶ (removed)
 */
import type { Address } from "../../base/Address.ts"
import type { Millis } from "../../base/Time.ts"
import * as MetainfoLimits from "../../metainfo/Limits.ts"
import * as Decoder from "../../wire/Decoder.ts"
import * as Encoder from "../../wire/Encoder.ts"
import type * as Message from "../../wire/Message.ts"
import type { ConnId } from "../Input.ts"
import * as Limits from "../Limits.ts"
import * as Patience from "../Patience.ts"

/** Mutable, owned by its torrent. */
export interface Contact {
  readonly conn: ConnId
  readonly address: Address
  /** The peer connected to us. */
  readonly isIncoming: boolean
  /** Where the peer can be dialled; `undefined`: not known. */
  listening: Address | undefined
  phase: "dialling" | "greeting" | "ready"
  readonly decoder: Decoder.Decoder
  readonly encoder: Encoder.Encoder
  peerId: string
  client: string
  /** What it has said for the torrent to come, oldest first, and what that costs. */
  readonly kept: Array<Message.Item>
  keptBytes: number
  /** The number that it gave `ut_metadata` (BEP 10); 0: it takes none. */
  metadataId: number
  /** Bytes of metadata that it claims to have; 0: none, or more than is believed. */
  size: number
  /** Parts that it was asked for and owes, oldest first, with the time of asking. */
  readonly asked: Map<number, Millis>
  /** It has answered with a part before. */
  hasGiven: boolean
  /** It gave part of a bad whole: from now on it gives all of one, or none. */
  isSuspect: boolean
  /** Parts in a row that did not come in time, and refusals in a row. */
  late: number
  refusals: number
  /** Messages with metadata that were of no use. */
  useless: number
  /** What is left of ours with it, as regards all other messages. */
  readonly patience: Patience.Patience
  /** After a refusal nothing is asked before. */
  restsUntil: Millis
  isCongested: boolean
  /** When the dial, and then the handshake, began. */
  startedAt: Millis
  readyAt: Millis
  lastReceivedAt: Millis
  lastSentAt: Millis
}

/** The longest message: a bitfield of as many pieces as a torrent may have, which is not known to be too long yet. */
const MAX_MESSAGE_BYTES = Limits.MAX_MESSAGE_BYTES + Math.ceil(MetainfoLimits.MAX_PIECES / 8)

/** A connection that is being dialled, or one that has just been accepted. */
export const make = (conn: ConnId, address: Address, isIncoming: boolean, now: Millis): Contact => ({
  conn,
  address,
  isIncoming,
  listening: isIncoming ? undefined : address,
  phase: isIncoming ? "greeting" : "dialling",
  decoder: Decoder.make({ maxMessageBytes: MAX_MESSAGE_BYTES }),
  encoder: Encoder.make(),
  peerId: "",
  client: "",
  kept: [],
  keptBytes: 0,
  metadataId: 0,
  size: 0,
  asked: new Map(),
  hasGiven: false,
  isSuspect: false,
  late: 0,
  refusals: 0,
  useless: 0,
  patience: Patience.make(now),
  restsUntil: -Infinity,
  isCongested: false,
  startedAt: now,
  readyAt: now,
  lastReceivedAt: now,
  lastSentAt: now,
})

/** An object and what it holds: what one kept message costs besides its bytes. */
const ITEM_BYTES = 64

/** Keeps a message for the torrent to come; returns what that costs. */
export const keep = (contact: Contact, item: Message.Item): number => {
  const own = item._tag === "Bitfield" ? item.bits.length : item._tag === "Extended" ? item.payload.length : 0
  contact.kept.push(item)
  contact.keptBytes += ITEM_BYTES + own
  return ITEM_BYTES + own
}

/** It claims to have the metadata, and takes questions. */
export const isHolder = (contact: Contact): boolean =>
  contact.phase === "ready" && contact.metadataId > 0 && contact.size > 0

/** When this connection's own timers would next do something. */
export const nextWake = (contact: Contact): Millis => {
  const { asked, lastReceivedAt, lastSentAt, phase, startedAt } = contact
  // While dialling, the shell's own connect time-out comes first; this one is the net under it.
  if (phase === "dialling") return startedAt + 6 * Limits.HANDSHAKE_TIMEOUT
  if (phase === "greeting") return startedAt + Limits.HANDSHAKE_TIMEOUT
  let wake = Math.min(lastSentAt + Limits.KEEP_ALIVE_INTERVAL, lastReceivedAt + Limits.INACTIVITY_TIMEOUT)
  for (const askedAt of asked.values()) {
    wake = Math.min(wake, askedAt + PART_TIMEOUT)
    break
  }
  return wake
}

/** A part that has not come by then is not coming: 13 KB/s for a full window (libtorrent asks again after 3 s). */
export const PART_TIMEOUT: Millis = 10_000
