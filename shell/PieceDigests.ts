/**
 * The SHA-1 of pieces in the making, taken from the bytes as they arrive, while the processor still has them at hand: a
 * piece that comes in order is hashed when its last byte is there, and is never read back from the disk.
 *
 *     bytes of the piece   |####consumed####|   gap   |waiting|   gap   |
 *                                           next
 *
 * What waits does so as long as the write queue gathers it anyway. Once that hands it to the disk, its memory will be
 * used again, so a gap that is still open then spoils the digest, and the piece is hashed from the disk like any other.
 */
import type { Bytes } from "../core/base/Bytes.ts"
import type { PieceIndex } from "../core/metainfo/Geometry.ts"
import type { RollingHash } from "./Hasher.ts"

interface Piece {
  readonly hash: RollingHash
  /** How many bytes from the piece's start are in the hash. */
  next: number
  /** Fragments behind a gap, by their begin. */
  readonly waiting: Map<number, Bytes>
}

export interface PieceDigests {
  /** A fragment of the piece, in memory that stays as it is until `handedOver`. */
  readonly push: (piece: PieceIndex, begin: number, bytes: Bytes) => void
  /** The disk is given what has been pushed of the piece. */
  readonly handedOver: (piece: PieceIndex) => void
  /** The digest of the piece's `pieceBytes` bytes, if all of them came in time; what comes later begins anew. */
  readonly take: (piece: PieceIndex, pieceBytes: number) => Bytes | undefined
}

/** Digests of one torrent's pieces. */
export const make = (begin: () => RollingHash): PieceDigests => {
  /** `undefined` for a piece whose bytes did not come in time, or came twice: which of them the disk has is not known. */
  const pieces = new Map<PieceIndex, Piece | undefined>()

  const opened = (index: PieceIndex): Piece | undefined => {
    if (!pieces.has(index)) pieces.set(index, { hash: begin(), next: 0, waiting: new Map() })
    return pieces.get(index)
  }

  return {
    push: (index, begin, bytes) => {
      const piece = opened(index)
      if (piece === undefined) return
      if (begin < piece.next || piece.waiting.has(begin)) return void pieces.set(index, undefined)
      piece.waiting.set(begin, bytes)
      for (
        let next = piece.waiting.get(piece.next);
        next !== undefined;
        next = piece.waiting.get(piece.next)
      ) {
        piece.waiting.delete(piece.next)
        piece.hash.update(next)
        piece.next += next.length
      }
    },
    handedOver: (index) => {
      if ((pieces.get(index)?.waiting.size ?? 0) > 0) pieces.set(index, undefined)
    },
    take: (index, pieceBytes) => {
      const piece = pieces.get(index)
      pieces.delete(index)
      return piece?.next === pieceBytes && piece.waiting.size === 0 ? piece.hash.digest() : undefined
    },
  }
}
