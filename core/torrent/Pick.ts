/**
 * Which blocks to ask a peer for next.
 *
 *      own ──▶ started ──▶ suggested ──▶ fresh ──▶ orphans ──▶ duplicates       until there are `count`
 *
 * Started pieces are finished before others are begun (strict priority, Cohen 2003, section 2.4.1), those that the peer
 * works on first, so that the usual case looks at one piece. A peer on parole gets fresh pieces and goes on with its
 * own ones, nothing else.
 */
import * as Rng from "../base/Rng.ts"
import * as Geometry from "../metainfo/Geometry.ts"
import type { BlockIndex, PieceIndex } from "../metainfo/Geometry.ts"
import * as Availability from "./Availability.ts"
import * as Bitfield from "./Bitfield.ts"
import * as Partials from "./Partials.ts"
import type { PartialPiece, PeerKey } from "./Partials.ts"
import type { Picker } from "./Picker.ts"
import * as Strategy from "./Strategy.ts"

export interface PickContext {
  readonly peer: PeerKey
  /** What the peer has, as it was counted by `addPeer` and `addHave`, or everything. */
  readonly has: Bitfield.Bitfield
  /** Blocks wanted; fewer come back if there are no more. */
  readonly count: number
  /** On parole: gets only pieces that nobody else takes part in, and nobody else gets a part of those. */
  readonly isExclusive: boolean
  /** The peer would idle: it may help with pieces that are reserved for a peer on parole, which ends the reservation. */
  readonly mayTakeOver: boolean
  /** End game: the peer may be asked for what others owe us already. */
  readonly mayDuplicate: boolean
  /** If given, no other pieces: those that a peer serves even while it chokes us (BEP 6, ALLOWED_FAST). */
  readonly only?: ReadonlySet<PieceIndex> | undefined
  /** Pieces that the peer would like to give (BEP 6, SUGGEST_PIECE). */
  readonly suggested?: ReadonlySet<PieceIndex> | undefined
}

/** Up to `count` different blocks that this peer has and doesn't owe us yet, best first. Changes only `rng`. */
export const pick = (picker: Picker, context: PickContext, rng: Rng.Rng): Array<BlockIndex> => {
  const picked: Array<BlockIndex> = []
  pickOwn(picker, context, picked)
  if (picked.length < context.count && !context.isExclusive) pickStarted(picker, context, picked)
  if (picked.length < context.count) pickFresh(picker, context, rng, picked)
  if (picked.length < context.count && !context.isExclusive) {
    pickOrphans(picker, context, picked)
    if (picked.length < context.count && context.mayDuplicate) pickDuplicates(picker, context, rng, picked)
  }
  return picked
}

/** Goes on with the pieces that the peer works on: the usual case by far. */
const pickOwn = (picker: Picker, context: PickContext, picked: Array<BlockIndex>): void => {
  const { list, openCount } = picker.partials
  const { peer } = context
  for (let i = 0; i < openCount && picked.length < context.count; i++) {
    const partial = list[i]!
    if (!Partials.isWorking(partial, peer) || !canGive(context, partial.piece)) continue
    const isAllowed = context.isExclusive
      ? Partials.isAlone(partial, peer)
      : partial.owner === undefined || partial.owner === peer
    if (isAllowed) takeFree(picker, partial, context, picked)
  }
}

/** Helps with the pieces that others have started. */
const pickStarted = (picker: Picker, context: PickContext, picked: Array<BlockIndex>): void => {
  const { list, openCount } = picker.partials
  const candidates: Array<PartialPiece> = []
  for (let i = 0; i < openCount; i++) {
    const partial = list[i]!
    if (partial.owner !== undefined || !canGive(context, partial.piece)) continue
    if (!Partials.isWorking(partial, context.peer)) candidates.push(partial)
  }
  const { rank } = Strategy.orders[picker.strategy]
  candidates.sort((a, b) => rank(a) - rank(b))
  for (const partial of candidates) {
    if (picked.length >= context.count) return
    takeFree(picker, partial, context, picked)
  }
}

const pickFresh = (picker: Picker, context: PickContext, rng: Rng.Rng, picked: Array<BlockIndex>): void => {
  const { geometry } = picker
  const order = Strategy.orders[picker.strategy]
  const suggested = order.isSuggestible ? context.suggested : undefined
  const take = (piece: PieceIndex): void => {
    const end = Math.min(Geometry.blockCount(geometry, piece), context.count - picked.length)
    for (let i = 0; i < end; i++) picked.push((piece * geometry.blocksPerPiece + i) as BlockIndex)
  }
  if (suggested !== undefined) {
    for (const piece of suggested) {
      if (picked.length >= context.count) return
      if (Availability.isListed(picker.availability, piece) && canGive(context, piece)) take(piece)
    }
  }
  const offer = (piece: PieceIndex): boolean => {
    if (picked.length >= context.count) return false
    if (suggested?.has(piece) === true) return true
    if (Availability.isListed(picker.availability, piece) && canGive(context, piece)) take(piece)
    return true
  }
  // A handful of pieces, which the peer chose at random: not worth a walk through all the others.
  if (context.only === undefined) order.fresh(picker.availability, context.has, picker.have.count, rng, offer)
  else for (const piece of context.only) if (!offer(piece)) return
}

/**
 * Takes over pieces whose peer on parole has stopped, or that keep this one idle, rather than wait for them. Last, since
 * a mixed piece that fails its hash convicts nobody.
 */
const pickOrphans = (picker: Picker, context: PickContext, picked: Array<BlockIndex>): void => {
  const { list, openCount } = picker.partials
  for (let i = 0; i < openCount && picked.length < context.count; i++) {
    const partial = list[i]!
    if (partial.owner === undefined || partial.owner === context.peer || !canGive(context, partial.piece)) {
      continue
    }
    if (context.mayTakeOver || Partials.isOrphan(partial)) takeFree(picker, partial, context, picked)
  }
}

/** End game (BEP 3): asks a second peer for blocks that are on their way, each time from another random place on. */
const pickDuplicates = (
  picker: Picker,
  context: PickContext,
  rng: Rng.Rng,
  picked: Array<BlockIndex>,
): void => {
  const { list } = picker.partials
  const start = Rng.below(rng, list.length)
  for (let i = 0; i < list.length; i++) {
    const partial = list[(start + i) % list.length]!
    const { blockCount, piece } = partial
    if ((partial.owner !== undefined && !context.mayTakeOver) || Partials.isComplete(partial)) continue
    if (!Bitfield.get(picker.wanted, piece) || !canGive(context, piece)) continue
    const firstBlock = Rng.below(rng, blockCount)
    for (let k = 0; k < blockCount; k++) {
      if (picked.length >= context.count) return
      const block = (firstBlock + k) % blockCount
      if (!Partials.mayDuplicate(partial, block, context.peer)) continue
      picked.push((piece * picker.geometry.blocksPerPiece + block) as BlockIndex)
    }
  }
}

const canGive = (context: PickContext, piece: PieceIndex): boolean =>
  Bitfield.get(context.has, piece) && (context.only === undefined || context.only.has(piece))

/** The free blocks of a started piece, in order, until there are enough. */
const takeFree = (
  picker: Picker,
  partial: PartialPiece,
  context: PickContext,
  picked: Array<BlockIndex>,
): void => {
  let left = partial.freeCount
  for (let block = partial.firstFree; left > 0 && picked.length < context.count; block++) {
    if (!Partials.isFree(partial, block)) continue
    picked.push((partial.piece * picker.geometry.blocksPerPiece + block) as BlockIndex)
    left--
  }
}
