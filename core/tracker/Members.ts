/**
 * The members of all swarms of a family, each swarm's in one block: what a reply copies lies together, and any member is
 * reached by its position. A block has room for a power of two of members. Small ones share a chunk, so that a swarm of
 * one costs no array; a large one is a chunk of its own, and its memory goes when it does.
 */
import { assert } from "../base/Assert.ts"

/** Members that a chunk has room for, unless one block needs more. */
const CHUNK_MEMBERS_LOG2 = 10

/** Blocks of one size. */
interface Size {
  readonly chunks: Array<Uint16Array>
  /** Blocks that were released. */
  readonly free: Array<number>
  /** Blocks ever in use. */
  touched: number
}

/**
 * Mutable, one owner. A member is `halvesPerMember` words of 16 bits: the row of its peer, low half first, then address
 * and port as compact replies have them, two bytes a word, the first one low.
 */
export interface Members {
  readonly halvesPerMember: number
  /** By the logarithm of the members that a block has room for. */
  readonly sizes: Array<Size>
}

/** Halves before the compact address: the peer's row. */
export const ROW_HALVES = 2

const NOTHING = new Uint16Array(0)

export const make = (addressHalves: number): Members => ({
  halvesPerMember: ROW_HALVES + addressHalves,
  sizes: [],
})

/** A block with room for `1 << sizeLog2` members, whose contents are left over. */
export const allocate = (members: Members, sizeLog2: number): number => {
  while (members.sizes.length <= sizeLog2) members.sizes.push({ chunks: [], free: [], touched: 0 })
  const size = members.sizes[sizeLog2]!
  const block = size.free.pop() ?? size.touched++
  const chunk = block >>> blocksLog2(sizeLog2)
  if (chunk === size.chunks.length || size.chunks[chunk] === NOTHING) {
    const room = 1 << (sizeLog2 + blocksLog2(sizeLog2))
    size.chunks[chunk] = new Uint16Array(room * members.halvesPerMember)
  }
  return block
}

/** Takes a block back. */
export const release = (members: Members, sizeLog2: number, block: number): void => {
  const size = members.sizes[sizeLog2]!
  size.free.push(block)
  if (sizeLog2 >= CHUNK_MEMBERS_LOG2) size.chunks[block] = NOTHING
  if (size.free.length < size.touched) return
  size.chunks.length = 0
  size.free.length = 0
  size.touched = 0
}

/** The halves in which a block lies, from {@link offsetOf} on. */
export const chunkOf = (members: Members, sizeLog2: number, block: number): Uint16Array =>
  members.sizes[sizeLog2]!.chunks[block >>> blocksLog2(sizeLog2)]!

export const offsetOf = (members: Members, sizeLog2: number, block: number): number =>
  ((block & ((1 << blocksLog2(sizeLog2)) - 1)) << sizeLog2) * members.halvesPerMember

/** Moves the first `count` members into a block of another size, and returns it; the old one is released. */
export const resize = (
  members: Members,
  fromLog2: number,
  block: number,
  count: number,
  toLog2: number,
): number => {
  assert(count <= 1 << toLog2, "members that move fit into their block")
  const to = allocate(members, toLog2)
  const from = offsetOf(members, fromLog2, block)
  chunkOf(members, toLog2, to).set(
    chunkOf(members, fromLog2, block).subarray(from, from + count * members.halvesPerMember),
    offsetOf(members, toLog2, to),
  )
  release(members, fromLog2, block)
  return to
}

/** Blocks of a chunk, as a logarithm. */
const blocksLog2 = (sizeLog2: number): number =>
  sizeLog2 >= CHUNK_MEMBERS_LOG2 ? 0 : CHUNK_MEMBERS_LOG2 - sizeLog2
