/**
 * Which of several peers sent the bad part of a piece. When a piece fails, each of its blocks is hashed as it stands on
 * the disk, before anything of it is fetched again; once the piece is good its blocks are hashed again, and who sent a
 * block that looked otherwise is guilty, nobody else.
 *
 *      piece fails ──HashBlocks──▶ held back ──digests──▶ fetched again ──▶ piece good ──HashBlocks──▶ compared
 *                                                              └──▶ fails again: one more sample
 *
 * Nothing can be faked by it: both digests are of what our own disk holds. What is remembered is bounded; the oldest
 * sample is forgotten first, and then parole (`Blame.ts`) has to find its author.
 */
import type { Address } from "../base/Address.ts"
import type { Bytes } from "../base/Bytes.ts"
import type { PieceIndex } from "../metainfo/Geometry.ts"
import type { ConnId } from "./Input.ts"

/** SHA-1 of one block. */
const DIGEST_BYTES = 20

/** Blocks remembered, 1 GiB of bad data; some 2 MB of memory. One piece's newest sample is kept whatever its size. */
export const MAX_BLOCKS = 65_536

/** Senders that have left before the verdict, remembered by their address. */
const MAX_DEPARTED = 1_000

/** Who sent a block: its connection, which may be gone by the time of the verdict, and the address to ban. */
export interface Sender {
  readonly conn: ConnId
  readonly address: Address
}

/** A bad piece as it stood on the disk. */
interface Sample {
  readonly digests: Bytes
  /** Of each block; `undefined`: not known any more. */
  readonly senders: ReadonlyArray<Sender | undefined>
}

/** Mutable, one owner. */
export interface SmartBan {
  /** Pieces whose blocks are being hashed: the senders of a bad one, `undefined` for a good one. */
  readonly asked: Map<PieceIndex, ReadonlyArray<Sender | undefined> | undefined>
  /** Of pieces that have failed and are not good yet, the oldest piece first. */
  readonly samples: Map<PieceIndex, Array<Sample>>
  /** Blocks in `samples`. */
  blocks: number
  /** Connections that sent us something and are gone, the oldest first. */
  readonly departed: Map<ConnId, Sender>
}

export const make = (): SmartBan => ({ asked: new Map(), samples: new Map(), blocks: 0, departed: new Map() })

/** A peer that sent us something is gone: its blocks may still be found bad. */
export const departed = (ban: SmartBan, sender: Sender): void => {
  ban.departed.set(sender.conn, sender)
  if (ban.departed.size > MAX_DEPARTED) dropFirst(ban.departed)
}

/** The piece failed; its blocks, sent by these, are being hashed, and until then the piece has to stay as it is. */
export const askedBad = (
  ban: SmartBan,
  piece: PieceIndex,
  senders: ReadonlyArray<Sender | undefined>,
): void => {
  ban.asked.set(piece, senders)
}

/** The piece is good at last. True if its blocks should be hashed, as there is something to compare them with. */
export const askedGood = (ban: SmartBan, piece: PieceIndex): boolean => {
  if (!ban.samples.has(piece)) return false
  ban.asked.set(piece, undefined)
  return true
}

/** What the digests of a piece's blocks tell. */
export type Finding =
  /** Of a piece that nobody asked for. */
  | { readonly _tag: "None" }
  /** Of a bad piece: it may be fetched again. */
  | { readonly _tag: "Sampled" }
  /** Of a good piece: who sent something else before, each once, and who had a part in it and sent the same. */
  | {
    readonly _tag: "Verdict"
    readonly guilty: ReadonlyArray<Sender>
    readonly innocent: ReadonlyArray<Sender>
  }

/** The digests have come, 20 bytes for each block, in order. */
export const answered = (ban: SmartBan, piece: PieceIndex, digests: Bytes): Finding => {
  if (!ban.asked.has(piece)) return { _tag: "None" }
  const senders = ban.asked.get(piece)
  ban.asked.delete(piece)
  if (senders === undefined) return verdict(ban, piece, digests)
  remember(ban, piece, { digests: digests.slice(), senders })
  return { _tag: "Sampled" }
}

const remember = (ban: SmartBan, piece: PieceIndex, sample: Sample): void => {
  const samples = ban.samples.get(piece)
  if (samples === undefined) ban.samples.set(piece, [sample])
  else samples.push(sample)
  ban.blocks += sample.senders.length
  for (const [oldest, kept] of ban.samples) {
    while (ban.blocks > MAX_BLOCKS && kept.length > 0 && kept[0] !== sample) {
      ban.blocks -= kept.shift()!.senders.length
    }
    if (kept.length === 0) ban.samples.delete(oldest)
    if (ban.blocks <= MAX_BLOCKS) return
  }
}

const verdict = (ban: SmartBan, piece: PieceIndex, digests: Bytes): Finding => {
  const guilty = new Map<ConnId, Sender>()
  const involved = new Map<ConnId, Sender>()
  for (const sample of ban.samples.get(piece) ?? []) {
    ban.blocks -= sample.senders.length
    sample.senders.forEach((sender, block) => {
      if (sender === undefined) return
      involved.set(sender.conn, sender)
      if (!isSameBlock(digests, sample.digests, block)) guilty.set(sender.conn, sender)
    })
  }
  ban.samples.delete(piece)
  const innocent = [...involved.values()].filter((sender) => !guilty.has(sender.conn))
  return { _tag: "Verdict", guilty: [...guilty.values()], innocent }
}

const isSameBlock = (a: Bytes, b: Bytes, block: number): boolean => {
  for (let at = block * DIGEST_BYTES; at < (block + 1) * DIGEST_BYTES; at++) {
    if (a[at] !== b[at]) return false
  }
  return true
}

const dropFirst = (map: Map<unknown, unknown>): void => {
  for (const first of map.keys()) {
    map.delete(first)
    return
  }
}
