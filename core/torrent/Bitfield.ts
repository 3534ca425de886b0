/** One bit a piece, packed as on the wire: the most significant bit of the first byte is piece 0 (BEP 3). */
import { assert } from "../base/Assert.ts"
import type { Bytes } from "../base/Bytes.ts"
import * as Result from "../base/Result.ts"
import type { PieceIndex } from "../metainfo/Geometry.ts"

/** Updated in place by its one owner. */
export interface Bitfield {
  /** `ceil(length / 8)` bytes, ready to be sent; the spare bits at the end are zero. */
  readonly bytes: Bytes
  /** The same memory, with zeros behind it, for looking at 32 pieces at once; the machine's byte order. */
  readonly words: Uint32Array
  /** Pieces, not bytes. */
  readonly length: number
  /** How many bits are set. Only this file writes it. */
  count: number
}

/** Why bytes from a peer are no bitfield of this torrent. */
export type WireError = "wrong length" | "spare bits are set"

/** All bits clear. */
export const make = (length: number): Bitfield => {
  const words = new Uint32Array((length + 31) >> 5)
  return { bytes: new Uint8Array(words.buffer, 0, (length + 7) >> 3), words, length, count: 0 }
}

/** All bits set, as a seed has them. */
export const full = (length: number): Bitfield => {
  const bits = make(length)
  fill(bits)
  return bits
}

/** Reads the payload of a BITFIELD message, copying it. BEP 3 wants the exact length and spare bits of zero. */
export const fromWire = (bytes: Bytes, length: number): Result.Result<Bitfield, WireError> => {
  if (bytes.length !== (length + 7) >> 3) return Result.err("wrong length")
  if (bytes.length > 0 && (bytes[bytes.length - 1]! & spareMask(length)) !== 0) {
    return Result.err("spare bits are set")
  }
  const bits = make(length)
  bits.bytes.set(bytes)
  for (let i = 0; i < bytes.length; i++) bits.count += ONES[bytes[i]!]!
  return Result.ok(bits)
}

export const copy = (bits: Bitfield): Bitfield => {
  const other = make(bits.length)
  assign(other, bits)
  return other
}

/** Overwrites `bits` with `source`, which has the same length. */
export const assign = (bits: Bitfield, source: Bitfield): void => {
  assert(bits.length === source.length, "both bitfields are of one torrent")
  bits.bytes.set(source.bytes)
  bits.count = source.count
}

/** Sets every bit. */
export const fill = (bits: Bitfield): void => {
  bits.bytes.fill(0xff)
  if (bits.length % 8 !== 0) bits.bytes[bits.bytes.length - 1] = 0xff & ~spareMask(bits.length)
  bits.count = bits.length
}

/** False outside the bitfield, too. */
export const get = (bits: Bitfield, index: number): boolean =>
  (bits.bytes[index >> 3]! & (0x80 >> (index & 7))) !== 0

/** Sets a bit; true if it was clear. */
export const set = (bits: Bitfield, index: number): boolean => {
  assert(index >= 0 && index < bits.length, "the bit lies in the bitfield")
  const mask = 0x80 >> (index & 7)
  const byte = bits.bytes[index >> 3]!
  if ((byte & mask) !== 0) return false
  bits.bytes[index >> 3] = byte | mask
  bits.count++
  return true
}

/** Clears a bit; true if it was set. */
export const clear = (bits: Bitfield, index: number): boolean => {
  assert(index >= 0 && index < bits.length, "the bit lies in the bitfield")
  const mask = 0x80 >> (index & 7)
  const byte = bits.bytes[index >> 3]!
  if ((byte & mask) === 0) return false
  bits.bytes[index >> 3] = byte & ~mask
  bits.count--
  return true
}

export const isFull = (bits: Bitfield): boolean => bits.count === bits.length

export const isEmpty = (bits: Bitfield): boolean => bits.count === 0

/** Every piece whose bit is set, in ascending order. */
export const pieces = function* (bits: Bitfield): Generator<PieceIndex> {
  for (let at = 0; at < bits.bytes.length; at++) {
    for (let byte = bits.bytes[at]!; byte !== 0;) {
      const bit = Math.clz32(byte) - 24
      yield (at * 8 + bit) as PieceIndex
      byte &= ~(0x80 >> bit)
    }
  }
}

/** The lowest piece from `from` on whose bit is set in both, or `undefined`. The two have the same length. */
export const firstCommon = (a: Bitfield, b: Bitfield, from: number): PieceIndex | undefined => {
  const { words } = a
  const others = b.words
  let at = from
  for (let word = from >> 5; word < words.length; word++) {
    if ((words[word]! & others[word]!) !== 0) {
      const end = word * 32 + 32
      for (; at < end; at = (at | 7) + 1) {
        const both = a.bytes[at >> 3]! & b.bytes[at >> 3]! & (0xff >> (at & 7))
        if (both !== 0) return ((at & ~7) + Math.clz32(both) - 24) as PieceIndex
      }
    }
    at = word * 32 + 32
  }
  return undefined
}

/** The bits of the last byte that belong to no piece. */
const spareMask = (length: number): number => length % 8 === 0 ? 0 : 0xff >> (length % 8)

/** Set bits of each byte value. */
const ONES = new Uint8Array(256)
for (let byte = 1; byte < 256; byte++) ONES[byte] = ONES[byte >> 1]! + (byte & 1)
