/**
 * Pieces that a newcomer may download although we choke it, so that it soon has something to trade (BEP 6). Which ones
 * follows from its address: whoever asks under the same network address is granted the same few from everybody.
 */
import type { Address } from "../base/Address.ts"
import type { Bytes } from "../base/Bytes.ts"
import { sha1 } from "../base/Sha1.ts"
import type { PieceIndex } from "../metainfo/Geometry.ts"

/** The first `count` pieces of the canonical set of this peer (BEP 6), or all; none for other than IPv4 addresses. */
export const canonical = (
  infoHash: Bytes,
  { host }: Address,
  pieceCount: number,
  count: number,
): ReadonlySet<PieceIndex> => {
  const pieces = new Set<PieceIndex>()
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.\d{1,3}$/.exec(host)
  if (parts === null) return pieces
  const wanted = Math.min(count, pieceCount)
  let bytes: Bytes = new Uint8Array(4 + infoHash.length)
  // The last byte of the address stays 0: neighbours in one network share a set.
  for (let i = 0; i < 3; i++) bytes[i] = Number(parts[i + 1])
  bytes.set(infoHash, 4)
  while (pieces.size < wanted) {
    bytes = sha1(bytes)
    for (let at = 0; at < bytes.length && pieces.size < wanted; at += 4) {
      const word = bytes[at]! * 2 ** 24 + ((bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!)
      pieces.add(word % pieceCount as PieceIndex)
    }
  }
  return pieces
}
