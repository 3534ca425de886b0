/**
 * One connection of a torrent, from the dial, or from the handshake of a peer that came to us, to its end.
 *
 *      dialling ──ConnOpened──▶ handshaking ──handshake──▶ ready
 *          │        accepted ──▶    │    └── our own ──▶ mirror
 *          │                        │                      │
 *          └────────────────────────┴──── failed, closed, violation, time-out ──▶ (removed)
 */
import type { Address } from "../base/Address.ts"
import * as Lazy from "../base/Lazy.ts"
import * as Rate from "../base/Rate.ts"
import type { Millis } from "../base/Time.ts"
import type { BlockIndex, Geometry, PieceIndex } from "../metainfo/Geometry.ts"
import * as Decoder from "../wire/Decoder.ts"
import * as Encoder from "../wire/Encoder.ts"
import * as ExtendedIds from "../wire/ExtendedIds.ts"
import * as Bitfield from "./Bitfield.ts"
import type * as Budget from "./Budget.ts"
import type * as Choker from "./Choker.ts"
import type { ConnId } from "./Input.ts"
import * as Limits from "./Limits.ts"
import * as Patience from "./Patience.ts"
import type * as Pex from "./Pex.ts"
import * as Pipeline from "./Pipeline.ts"

/** Mutable, owned by its torrent. What is put into its Maps and Sets goes there by `Lazy.ts`: most stay empty. */
export interface Peer {
  readonly conn: ConnId
  /** Where the connection leads to; of a peer that came to us the port is of no further use. */
  readonly address: Address
  /** The peer connected to us. */
  readonly isIncoming: boolean
  /** Where the peer can be dialled, and the candidate that this connection counts for; `undefined`: not known. */
  listening: Address | undefined
  /** `mirror`: ourselves, at the end that was dialled; the other end, which knows the address, is to close it. */
  phase: "dialling" | "handshaking" | "ready" | "mirror"
  readonly decoder: Decoder.Decoder
  /** What this step has to say to the peer; sent as one write at the end of the step. */
  readonly encoder: Encoder.Encoder
  /** This step looks at it before it ends ({@link "./Turn.ts"}). */
  isTouched: boolean
  /** The peer's program, for people. */
  client: string
  peerId: string
  supportsFast: boolean
  /** Pieces the peer has; all clear until it says more. */
  readonly has: Bitfield.Bitfield
  /** How many pieces of the log of `Haves.ts` it has been told of. */
  told: number
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
  /** A piece that it has and that we lack, of all such: as long as we lack it, we are interested. */
  interest: PieceIndex | undefined
  /** We choke the peer. */
  amChoking: boolean
  /** When it last stopped wanting something from us. */
  idleSince: Millis
  /** It owes its slot to luck. */
  isOptimistic: boolean
  /** Why the choker chokes it or doesn't; `undefined` until it has looked at it. */
  reason: Choker.Reason | undefined
  /** When we last unchoked it; -Infinity: never. */
  lastUnchokedAt: Millis
  /** What `uploadRate` had counted then. */
  uploadedAtUnchoke: number
  /** It wants nothing, though it may not have everything (BEP 21). */
  isUploadOnly: boolean
  /** The extension messages that it takes, by its numbers (BEP 10). */
  extensions: ExtendedIds.Ids
  /** How far it has heard of our other peers (BEP 11); `undefined`: it doesn't take that. */
  pex: Pex.Told | undefined
  /** How often it has told us of others; `undefined`: never. */
  budget: Budget.Budget | undefined
  /** What is left of ours with it. */
  readonly patience: Patience.Patience
  /** It has said what it can do (BEP 10). */
  hasIntroduced: boolean
  /** Parts of the metadata that it was given (BEP 9). */
  metadataParts: number
  /** Blocks that the peer has asked for and we have not begun to read, oldest first: offset in the torrent → bytes. */
  asked: Map<number, number>
  /** Those that are being read for it. */
  reading: Map<number, number>
  /** Reads that the disk has not answered, those for requests taken back meanwhile included. */
  readsInFlight: number
  /** More is waiting to be sent on its connection than is of use. */
  isCongested: boolean
  /** Requests that we refused, since it was last unchoked or sent a block. */
  refusals: number
  /** Of those, such as came long after a choke, and such as could not be served choked or not. */
  lateRequests: number
  vainRequests: number
  /** When we last choked it. */
  chokedAt: Millis
  /** Pieces that it may have while we choke it (BEP 6), and the bytes of them that are left. */
  granted: Set<PieceIndex>
  grantedBytes: number
  /** Requests the peer takes at a time (BEP 10 `reqq`). */
  reqq: number
  /** Blocks asked for and not yet here, with the time of asking; oldest first. */
  requests: Map<BlockIndex, Millis>
  /** How many answers that are no longer waited for may still arrive for a block, oldest first. */
  forgotten: Map<BlockIndex, number>
  /** Pieces that may be requested while choked (BEP 6). */
  allowedFast: Set<PieceIndex>
  suggested: Set<PieceIndex>
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
  /** How often, without a block between. */
  snubs: number
  /** The download limit keeps us from reading: the peer cannot be late. */
  isPaused: boolean
  /** When reading last went on after such a pause. */
  resumedAt: Millis
  /** Requests refused in a row. */
  rejects: number
  /** When it was dialled, or came to us. */
  startedAt: Millis
  /** When the handshake was done. */
  connectedAt: Millis
  lastReceivedAt: Millis
  lastSentAt: Millis
  /** When the peer last sent a block, or when it came to owe us one. */
  owedSince: Millis
  /** When either side last wanted something from the other. */
  usefulAt: Millis
  /** When payload last went either way; -Infinity: never. */
  exchangedAt: Millis
  /** Payload, as in `uploadRate`. */
  readonly downloadRate: Rate.Rate
  readonly uploadRate: Rate.Rate
}

/** A connection that is being dialled, or one whose handshake has begun to come in. */
export const make = (
  conn: ConnId,
  address: Address,
  isIncoming: boolean,
  geometry: Geometry,
  now: Millis,
  /** Of a connection that is taken over: where its stream stands. */
  decoder: Decoder.Decoder = Decoder.make({ maxMessageBytes: 0 }),
): Peer => ({
  conn,
  address,
  isIncoming,
  listening: isIncoming ? undefined : address,
  phase: isIncoming ? "handshaking" : "dialling",
  decoder: bounded(decoder, geometry),
  encoder: Encoder.make(),
  isTouched: false,
  client: "",
  peerId: "",
  supportsFast: false,
  has: Bitfield.make(geometry.pieceCount),
  told: 0,
  hasSpoken: false,
  isSeed: false,
  isChoking: true,
  isInterested: false,
  amInterested: false,
  interest: undefined,
  amChoking: true,
  idleSince: now,
  isOptimistic: false,
  reason: undefined,
  lastUnchokedAt: -Infinity,
  uploadedAtUnchoke: 0,
  isUploadOnly: false,
  extensions: ExtendedIds.NONE,
  pex: undefined,
  budget: undefined,
  patience: Patience.make(now),
  hasIntroduced: false,
  metadataParts: 0,
  asked: Lazy.noEntries(),
  reading: Lazy.noEntries(),
  readsInFlight: 0,
  isCongested: false,
  refusals: 0,
  lateRequests: 0,
  vainRequests: 0,
  chokedAt: now,
  granted: Lazy.noItems(),
  grantedBytes: 0,
  reqq: Limits.DEFAULT_REQQ,
  requests: Lazy.noEntries(),
  forgotten: Lazy.noEntries(),
  allowedFast: Lazy.noItems(),
  suggested: Lazy.noItems(),
  pipeline: Pipeline.make(now),
  isFilled: false,
  latencyProbe: undefined,
  incoming: undefined,
  isOnParole: false,
  sharedFailures: 0,
  isSnubbed: false,
  snubs: 0,
  isPaused: false,
  resumedAt: now,
  rejects: 0,
  startedAt: now,
  connectedAt: now,
  lastReceivedAt: now,
  lastSentAt: now,
  owedSince: now,
  usefulAt: now,
  exchangedAt: -Infinity,
  downloadRate: Rate.make(now),
  uploadRate: Rate.make(now),
})

/** No message but a PIECE is longer than an extension's, or a bitfield of this torrent. */
const bounded = (decoder: Decoder.Decoder, geometry: Geometry): Decoder.Decoder => {
  Decoder.setMaxMessageBytes(decoder, Limits.MAX_MESSAGE_BYTES + Math.ceil(geometry.pieceCount / 8))
  return decoder
}

/** Those of them whose handshake is done. */
export const ready = function* (peers: ReadonlyMap<ConnId, Peer>): Generator<Peer> {
  for (const peer of peers.values()) if (peer.phase === "ready") yield peer
}

/** The other end of the connection is ours, too. */
export const isMirror = (peer: Peer): boolean => peer.phase === "mirror"

/** It downloads nothing more: it has everything, or all that it wants (BEP 21). */
export const isDone = (peer: Peer): boolean => peer.isUploadOnly || Bitfield.isFull(peer.has)

/** Takes a request back; its answer may be on its way all the same. The oldest such expectation is dropped first. */
export const forget = (peer: Peer, block: BlockIndex): void => {
  if (!peer.requests.delete(block)) return
  peer.forgotten = Lazy.set(peer.forgotten, block, (peer.forgotten.get(block) ?? 0) + 1)
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
