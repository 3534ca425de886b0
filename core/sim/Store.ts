/**
 * What lies on a node's disk. In shared mode no byte does: for each block it is known whether it is right, and for one
 * that is partly right, where. In full mode it is the bytes.
 */
import { type Bytes, equals } from "../base/Bytes.ts"
import { HASH_BYTES, sha1 } from "../base/Sha1.ts"
import * as Geometry from "../metainfo/Geometry.ts"
import { pieceHash } from "../metainfo/Metainfo.ts"
import * as Content from "./Content.ts"

/** Mutable, one owner. */
export interface Store {
  readonly content: Content.Content
  /** Shared mode: 1 for each block that is right from its first to its last byte. */
  readonly right: Uint8Array
  /** Shared mode: of blocks that are right in parts, which: starts and ends in the block, ascending. */
  readonly parts: Map<number, Array<number>>
  /** Full mode: everything. */
  readonly bytes: Bytes | undefined
}

/** A disk with everything on it, or with nothing. */
export const make = (content: Content.Content, isWhole: boolean): Store => {
  const { geometry } = content.metainfo
  const blockCount = content.isShared ? geometry.pieceCount * geometry.blocksPerPiece : 0
  const store: Store = {
    content,
    right: new Uint8Array(blockCount),
    parts: new Map(),
    bytes: content.isShared ? undefined : new Uint8Array(geometry.totalBytes),
  }
  if (!isWhole) return store
  store.right.fill(1)
  if (store.bytes === undefined) return store
  for (const piece of Geometry.pieces(geometry)) {
    const length = Geometry.pieceLength(geometry, piece)
    store.bytes.set(
      Content.payload(content, piece, 0, length, true),
      Geometry.pieceOffset(geometry, piece),
    )
  }
  return store
}

/** Writes part of one block, whose payload `isWrong` or not. */
export const write = (
  store: Store,
  piece: Geometry.PieceIndex,
  begin: number,
  bytes: Bytes,
  isWrong: boolean,
): void => {
  const { geometry } = store.content.metainfo
  if (store.bytes !== undefined) {
    store.bytes.set(bytes, Geometry.pieceOffset(geometry, piece) + begin)
    return
  }
  const block = Geometry.blockAt(geometry, piece, begin)
  const from = begin - Geometry.blockBegin(geometry, block)
  lay(store, block, from, from + bytes.length, !isWrong)
}

/** Bytes `from` to `to` of a block are right from now on, or wrong. */
const lay = (
  store: Store,
  block: Geometry.BlockIndex,
  from: number,
  to: number,
  isRight: boolean,
): void => {
  const { parts, right } = store
  const length = Geometry.blockLength(store.content.metainfo.geometry, block)
  if (to - from === length) {
    right[block] = isRight ? 1 : 0
    parts.delete(block)
    return
  }
  const before = right[block] === 1 ? [0, length] : parts.get(block) ?? []
  const after: Array<number> = []
  // What lies before, what lies behind, and between them this part, joined with what it touches.
  let start = from
  let end = to
  for (let i = 0; i < before.length; i += 2) {
    const low = before[i]!
    const high = before[i + 1]!
    if (isRight && low <= end && high >= start) {
      if (low < start) start = low
      if (high > end) end = high
      continue
    }
    if (low < from) after.push(low, high < from ? high : from)
    if (high > to) after.push(low > to ? low : to, high)
  }
  if (isRight) insert(after, start, end)
  right[block] = after.length === 2 && after[0] === 0 && after[1] === length ? 1 : 0
  if (right[block] === 1 || after.length === 0) parts.delete(block)
  else parts.set(block, after)
}

const insert = (ranges: Array<number>, start: number, end: number): void => {
  let at = ranges.length
  while (at > 0 && ranges[at - 2]! > start) at -= 2
  ranges.splice(at, 0, start, end)
}

/** Whether a piece is what the torrent says. */
export const isRight = (store: Store, piece: Geometry.PieceIndex): boolean => {
  const { content, right } = store
  const { geometry } = content.metainfo
  if (store.bytes !== undefined) {
    return equals(digest(store, piece), pieceHash(content.metainfo, piece))
  }
  const first = Geometry.blockAt(geometry, piece, 0)
  const end = first + Geometry.blockCount(geometry, piece)
  for (let block: number = first; block < end; block++) if (right[block] === 0) return false
  return true
}

/** SHA-1 of a piece as it stands. */
export const digest = (store: Store, piece: Geometry.PieceIndex): Bytes => {
  if (store.bytes === undefined) return Content.pieceDigest(store.content, piece, isRight(store, piece))
  const { geometry } = store.content.metainfo
  const offset = Geometry.pieceOffset(geometry, piece)
  return sha1(store.bytes.subarray(offset, offset + Geometry.pieceLength(geometry, piece)))
}

/** SHA-1 of each block of a piece as it stands. */
export const blockDigests = (store: Store, piece: Geometry.PieceIndex): Bytes => {
  const { geometry } = store.content.metainfo
  const count = Geometry.blockCount(geometry, piece)
  const digests = new Uint8Array(count * HASH_BYTES)
  const first = Geometry.blockAt(geometry, piece, 0)
  for (let i = 0; i < count; i++) {
    const block = first + i as Geometry.BlockIndex
    if (store.bytes === undefined) {
      Content.blockDigest(digests, i * HASH_BYTES, block, store.right[block] === 1)
      continue
    }
    const offset = Geometry.pieceOffset(geometry, piece) + Geometry.blockBegin(geometry, block)
    const bytes = store.bytes.subarray(offset, offset + Geometry.blockLength(geometry, block))
    digests.set(sha1(bytes), i * HASH_BYTES)
  }
  return digests
}

/** Part of a piece as it stands, for the caller to keep. In shared mode it is wrong if any block of it is. */
export const read = (
  store: Store,
  piece: Geometry.PieceIndex,
  begin: number,
  length: number,
): Bytes => {
  const { geometry } = store.content.metainfo
  if (store.bytes !== undefined) {
    const offset = Geometry.pieceOffset(geometry, piece) + begin
    return store.bytes.slice(offset, offset + length)
  }
  let isGood = true
  const last = Geometry.blockAt(geometry, piece, begin + length - 1)
  for (let block: number = Geometry.blockAt(geometry, piece, begin); block <= last; block++) {
    if (store.right[block] === 0) isGood = false
  }
  return Content.payload(store.content, piece, begin, length, isGood)
}

/** One bit turns, in the first byte of a block of this piece, and nobody notices. */
export const flip = (store: Store, block: Geometry.BlockIndex): void => {
  const { geometry } = store.content.metainfo
  if (store.bytes === undefined) return lay(store, block, 0, 1, false)
  const piece = Geometry.blockPiece(geometry, block)
  store.bytes[Geometry.pieceOffset(geometry, piece) + Geometry.blockBegin(geometry, block)]! ^= 1
}
