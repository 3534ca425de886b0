/**
 * All arithmetic between pieces, blocks, files and byte offsets. A {@link PieceIndex} can only be made here, so that
 * an index from outside cannot be used before it was checked.
 */
import { assert } from "../base/Assert.ts"

/** What one REQUEST asks for at most, and the unit of picking: 16 KiB (BEP 3; larger ones are refused by all). */
export const BLOCK_BYTES = 16_384

/** A whole number from 0 to `pieceCount - 1` of one torrent. */
export type PieceIndex = number & { readonly PieceIndex: unique symbol }

/**
 * A block of a torrent as one number: `pieceIndex * blocksPerPiece + blockInPiece`. Typed arrays, maps and the wire's
 * request queue hold these instead of objects.
 */
export type BlockIndex = number & { readonly BlockIndex: unique symbol }

/** A file's place in the torrent's byte sequence. */
export interface FileSpan {
  /** First byte, counted from the start of the torrent. */
  readonly offset: number
  readonly bytes: number
}

/** Part of one file. */
export interface Segment {
  readonly fileIndex: number
  /** First byte, counted from the start of the file. */
  readonly offset: number
  readonly bytes: number
}

export interface Geometry {
  readonly totalBytes: number
  /** Nominal bytes of a piece; only the last one may be shorter. */
  readonly pieceBytes: number
  readonly pieceCount: number
  /** Blocks of a piece of nominal size; the last block of a piece may be shorter. */
  readonly blocksPerPiece: number
  /** In order, without gaps, covering `totalBytes`; zero-length files included. */
  readonly files: ReadonlyArray<FileSpan>
}

/** The geometry of files of these lengths, in this order, cut into pieces of `pieceBytes`. */
export const make = (pieceBytes: number, fileBytes: ReadonlyArray<number>): Geometry => {
  assert(Number.isSafeInteger(pieceBytes) && pieceBytes > 0, "a piece has at least one byte")
  const files: Array<FileSpan> = []
  let offset = 0
  for (const bytes of fileBytes) {
    assert(Number.isSafeInteger(bytes) && bytes >= 0, "a file's length is a whole number")
    files.push({ offset, bytes })
    offset += bytes
  }
  assert(Number.isSafeInteger(offset), "the torrent's length is a safe integer")
  return {
    totalBytes: offset,
    pieceBytes,
    pieceCount: Math.ceil(offset / pieceBytes),
    blocksPerPiece: Math.ceil(pieceBytes / BLOCK_BYTES),
    files,
  }
}

/** The only way from an outside number to a {@link PieceIndex}; `undefined` if there is no such piece. */
export const pieceIndex = (geometry: Geometry, value: number): PieceIndex | undefined =>
  Number.isInteger(value) && value >= 0 && value < geometry.pieceCount ? value as PieceIndex : undefined

/** Every piece, in order. */
export const pieces = function* (geometry: Geometry): Generator<PieceIndex> {
  for (let piece = 0; piece < geometry.pieceCount; piece++) yield piece as PieceIndex
}

/** First byte of a piece, counted from the start of the torrent. */
export const pieceOffset = (geometry: Geometry, piece: PieceIndex): number => piece * geometry.pieceBytes

/** Bytes of this piece: the nominal size, or what is left for the last one. */
export const pieceLength = (geometry: Geometry, piece: PieceIndex): number =>
  Math.min(geometry.pieceBytes, geometry.totalBytes - piece * geometry.pieceBytes)

export const blockCount = (geometry: Geometry, piece: PieceIndex): number =>
  Math.ceil(pieceLength(geometry, piece) / BLOCK_BYTES)

/** The block that holds byte `begin` of a piece. `begin` must lie inside the piece. */
export const blockAt = (geometry: Geometry, piece: PieceIndex, begin: number): BlockIndex =>
  piece * geometry.blocksPerPiece + Math.floor(begin / BLOCK_BYTES) as BlockIndex

export const blockPiece = (geometry: Geometry, block: BlockIndex): PieceIndex =>
  Math.floor(block / geometry.blocksPerPiece) as PieceIndex

/** First byte of a block, counted from the start of its piece. */
export const blockBegin = (geometry: Geometry, block: BlockIndex): number =>
  (block % geometry.blocksPerPiece) * BLOCK_BYTES

/** Bytes of a block: 16 KiB, or what is left for the last one of a piece. */
export const blockLength = (geometry: Geometry, block: BlockIndex): number => {
  const left = pieceLength(geometry, blockPiece(geometry, block)) - blockBegin(geometry, block)
  return left < BLOCK_BYTES ? left : BLOCK_BYTES
}

/**
 * The only way from outside numbers to a {@link BlockIndex}: `undefined` unless they are exactly one block, which is all
 * that shoal ever requests.
 */
export const blockIndex = (
  geometry: Geometry,
  piece: number,
  begin: number,
  length: number,
): BlockIndex | undefined => {
  const index = pieceIndex(geometry, piece)
  if (index === undefined || begin % BLOCK_BYTES !== 0) return undefined
  const left = pieceLength(geometry, index) - begin
  if (left <= 0 || length !== (left < BLOCK_BYTES ? left : BLOCK_BYTES)) return undefined
  return blockAt(geometry, index, begin)
}

/** The index of the file that holds byte `offset` of the torrent; zero-length files hold none. */
export const fileAt = (geometry: Geometry, offset: number): number => {
  let low = 0
  let high = geometry.files.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (geometry.files[middle]!.offset <= offset) low = middle
    else high = middle - 1
  }
  return low
}

/** The parts of files that bytes `offset` to `offset + bytes` of the torrent lie in, in order, none of them empty. */
export const segments = (geometry: Geometry, offset: number, bytes: number): Array<Segment> => {
  assert(offset >= 0 && bytes >= 0 && offset + bytes <= geometry.totalBytes, "the range lies in the torrent")
  const parts: Array<Segment> = []
  let at = offset
  const end = offset + bytes
  for (let fileIndex = at < end ? fileAt(geometry, at) : 0; at < end; fileIndex++) {
    const file = geometry.files[fileIndex]!
    const length = Math.min(end, file.offset + file.bytes) - at
    if (length <= 0) continue
    parts.push({ fileIndex, offset: at - file.offset, bytes: length })
    at += length
  }
  return parts
}

/** First and last piece that a file lies in; `undefined` for a zero-length file, which lies in none. */
export const piecesOfFile = (
  geometry: Geometry,
  fileIndex: number,
): { readonly first: PieceIndex; readonly last: PieceIndex } | undefined => {
  const file = geometry.files[fileIndex]!
  if (file.bytes === 0) return undefined
  return {
    first: Math.floor(file.offset / geometry.pieceBytes) as PieceIndex,
    last: Math.floor((file.offset + file.bytes - 1) / geometry.pieceBytes) as PieceIndex,
  }
}
