/**
 * One connection of a torrent, from the dial to its end.
 *
 *      dialling ──ConnOpened──▶ handshaking ──handshake──▶ ready
 *          │                        │                        │
 *          └────────────────────────┴──── failed, closed, violation, time-out ──▶ (removed)
 */
import type { Address } from "../base/Address.ts"
import * as Rate from "../base/Rate.ts"
import type { Millis } from "../base/Time.ts"
import type { BlockIndex, Geometry, PieceIndex } from "../metainfo/Geometry.ts"
import * as Decoder from "../wire/Decoder.ts"
import * as Encoder from "../wire/Encoder.ts"
import * as Bitfield from "./Bitfield.ts"
import type { ConnId } from "./Input.ts"
import * as Limits from "./Limits.ts"
import * as Pipeline from "./Pipeline.ts"

/** Mutable, owned by its torrent. */
export interface Peer {
  readonly conn: ConnId
  readonly address: Address
  phase: "dialling" | "handshaking" | "ready"
  readonly decoder: Decoder.Decoder
  /** What this step has to say to the peer; sent as one write at the end of the step. */
  readonly encoder: Encoder.Encoder
  /** The peer's program, for people. */
  client: string
  peerId: string
  supportsFast: boolean
  /** Pieces the peer has; all clear until it says more. */
  readonly has: Bitfield.Bitfield
  /** False until the first message after the handshake: only there may a bitfield stand (BEP 3, BEP 6). */
  hasSpoken: boolean
  /** Counted as a seed by the picker. */
  isSeed: boolean
  /** The peer chokes us. */
  isChoking: boolean
  /** The peer wants something from us. */
  isInterested: boolean
  /** We have told the peer that we are interested. */
  amInterested: boolean
  /** Requests the peer takes at a time (BEP 10 `reqq`). */
  reqq: number
  /** Blocks asked for and not yet here, with the time of asking; oldest first. */
  readonly requests: Map<BlockIndex, Millis>
  /** How many answers that are no longer waited for may still arrive for a block, oldest first. */
  readonly forgotten: Map<BlockIndex, number>
  /** Pieces that may be requested while choked (BEP 6). */
  readonly allowedFast: Set<PieceIndex>
  readonly suggested: Set<PieceIndex>
  readonly pipeline: Pipeline.Pipeline
  /** As many requests are outstanding as the pipeline allows. */
  isFilled: boolean
  /** The request that found the pipeline empty: its answer shows the latency. */
  latencyProbe: BlockIndex | undefined
  /** The block whose fragments are being accepted. */
  incoming: BlockIndex | undefined
  /** On parole: it had a part in a bad piece, and gets whole pieces of its own until one is good. */
  isOnParole: boolean
  sharedFailures: number
  isSnubbed: boolean
  /** The download limit keeps us from reading: the peer cannot be late. */
  isPaused: boolean
  /** When reading last went on after such a pause. */
  resumedAt: Millis
  /** Requests refused in a row. */
  rejects: number
  readonly startedAt: Millis
  lastReceivedAt: Millis
  lastSentAt: Millis
  /** When the peer last sent a block, or when it came to owe us one. */
  owedSince: Millis
  /** When either side last wanted something from the other. */
  usefulAt: Millis
  readonly downloadRate: Rate.Rate
}

export const make = (conn: ConnId, address: Address, geometry: Geometry, now: Millis): Peer => ({
  conn,
  address,
  phase: "dialling",
  decoder: Decoder.make({ maxMessageBytes: Limits.MAX_MESSAGE_BYTES + Math.ceil(geometry.pieceCount / 8) }),
  encoder: Encoder.make(),
  client: "",
  peerId: "",
  supportsFast: false,
  has: Bitfield.make(geometry.pieceCount),
  hasSpoken: false,
  isSeed: false,
  isChoking: true,
  isInterested: false,
  amInterested: false,
  reqq: Limits.DEFAULT_REQQ,
  requests: new Map(),
  forgotten: new Map(),
  allowedFast: new Set(),
  suggested: new Set(),
  pipeline: Pipeline.make(now),
  isFilled: false,
  latencyProbe: undefined,
  incoming: undefined,
  isOnParole: false,
  sharedFailures: 0,
  isSnubbed: false,
  isPaused: false,
  resumedAt: now,
  rejects: 0,
  startedAt: now,
  lastReceivedAt: now,
  lastSentAt: now,
  owedSince: now,
  usefulAt: now,
  downloadRate: Rate.make(now),
})

/** Takes a request back; its answer may be on its way all the same. The oldest such expectation is dropped first. */
export const forget = (peer: Peer, block: BlockIndex): void => {
  if (!peer.requests.delete(block)) return
  peer.forgotten.set(block, (peer.forgotten.get(block) ?? 0) + 1)
  if (peer.forgotten.size <= Limits.MAX_FORGOTTEN_BLOCKS) return
  for (const oldest of peer.forgotten.keys()) {
    peer.forgotten.delete(oldest)
    return
  }
}

/** True if the peer owes an answer for this block, waited for or not. */
export const expects = (peer: Peer, block: BlockIndex): boolean =>
  peer.requests.has(block) || peer.forgotten.has(block)

/** One answer for this block has come. True if it was waited for, false if it was not, `undefined` if none was owed. */
export const answer = (peer: Peer, block: BlockIndex): boolean | undefined => {
  // Requests are answered in order, so the forgotten ones come first; but which is which makes no difference.
  if (peer.requests.delete(block)) return true
  const owed = peer.forgotten.get(block)
  if (owed === undefined) return undefined
  if (owed > 1) peer.forgotten.set(block, owed - 1)
  else peer.forgotten.delete(block)
  return false
}

/** When this peer's own timers would next do something; computed anew, since most inputs only push it back. */
export const nextWake = (peer: Peer): Millis => {
  if (peer.phase !== "ready") return peer.startedAt + handshakeTimeout(peer)
  let wake = peer.lastSentAt + Limits.KEEP_ALIVE_INTERVAL
  if (peer.isPaused) return wake
  wake = Math.min(wake, peer.lastReceivedAt + Limits.INACTIVITY_TIMEOUT)
  if (!peer.amInterested && !peer.isInterested) wake = Math.min(wake, peer.usefulAt + Limits.USELESS_TIMEOUT)
  if (peer.isSnubbed) return Math.min(wake, peer.owedSince + Limits.SNUB_TIMEOUT)
  if (peer.requests.size === 0) return wake
  return Math.min(wake, peer.owedSince + Limits.OWED_TIMEOUT, overdueAt(peer))
}

/** When the longest-waiting request is overdue; `Infinity` if there is none. */
const overdueAt = (peer: Peer): Millis => {
  for (const askedAt of peer.requests.values()) return dueAt(peer, askedAt)
  return Infinity
}

/** When a request of `askedAt` is overdue: time in which we did not read doesn't count. */
export const dueAt = (peer: Peer, askedAt: Millis): Millis =>
  Math.max(askedAt, peer.resumedAt) + Limits.REQUEST_TIMEOUT

/** While dialling, the shell's own connect time-out comes first; this one is the net under it. */
const handshakeTimeout = (peer: Peer): Millis =>
  peer.phase === "dialling" ? 6 * Limits.HANDSHAKE_TIMEOUT : Limits.HANDSHAKE_TIMEOUT
