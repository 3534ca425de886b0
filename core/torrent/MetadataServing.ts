/**
 * The `info` dictionary for peers that came by a magnet link (BEP 9). Whoever is connected may have it, of a private
 * torrent as well: who takes part in that is the tracker's to say, and has been asked already.
 */
import type { Bytes } from "../base/Bytes.ts"
import * as Encoder from "../wire/Encoder.ts"
import * as Metadata from "../wire/ExtendedMetadata.ts"
import * as Patience from "./Patience.ts"
import type { Peer } from "./Peer.ts"
import type * as State from "./State.ts"
import * as Turn from "./Turn.ts"

/** Copies of the whole that one connection may take: one that fails its hash and one more, and then something is wrong. */
export const MAX_COPIES = 3

/** What a request that no honest peer makes counts: a dictionary to be read, and one to be written. */
export const IMPERTINENCE = 10

/** Parts that leave in one step: 1 MiB, which is all of nearly every torrent; Transmission queues as many requests. */
export const MAX_PARTS_A_STEP = 64

/** A `ut_metadata` message has come. Returns the rule that it breaks, if it does; what we did not ask for is ignored. */
export const asked = (
  torrent: State.Torrent,
  peer: Peer,
  payload: Bytes,
  turn: State.Turn,
): string | undefined => {
  const message = Metadata.decode(payload)
  if (!message.ok) return "metadata exchange that is no such message (BEP 9)"
  const id = peer.extensions.ut_metadata
  if (message.value._tag !== "Request" || id === 0) return Patience.strain(peer.patience, turn.now)
  const { infoBytes } = torrent.metainfo
  const { part } = message.value
  const partCount = Metadata.partCount(infoBytes.length)
  Turn.touch(turn, peer)
  const isImpertinent = part >= partCount || peer.metadataParts >= MAX_COPIES * partCount
  if (isImpertinent || isTooMuch(peer)) {
    // Refusals are small, but who asks without reading the answers gets none: they would pile up.
    if (!peer.isCongested) Encoder.extended(peer.encoder, id, Metadata.reject(part))
    return Patience.strain(peer.patience, turn.now, isImpertinent ? IMPERTINENCE : 1)
  }
  peer.metadataParts++
  const begin = part * Metadata.PART_BYTES
  const bytes = infoBytes.subarray(begin, begin + Metadata.PART_BYTES)
  Encoder.extended(peer.encoder, id, Metadata.data(part, infoBytes.length, bytes))
  return undefined
}

/** For now: a refused part may be asked for again later (BEP 9). */
const isTooMuch = ({ encoder, isCongested }: Peer): boolean =>
  isCongested || encoder.length >= MAX_PARTS_A_STEP * Metadata.PART_BYTES
