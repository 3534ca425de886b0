/**
 * Finds rows by what they hold: a hash table from 32-bit hashes to row numbers, with open addressing and linear probing.
 * It knows hashes only; whether a row is the one that is looked for, the caller sees in the row. It is split by the top
 * bits of the hash, so that growing moves a part at a time and nobody waits for a table of millions to be rebuilt.
 */
import { assert } from "./Assert.ts"

const PARTS_LOG2 = 6
const MIN_PLACES = 4

/** Mutable, one owner. */
export interface HashIndex {
  /** Places of two words: the hash, and the row's number plus one, or 0 where the place is free. */
  readonly parts: Array<Int32Array>
  /** Taken places by part. */
  readonly counts: Int32Array
}

export const make = (): HashIndex => ({
  parts: Array.from({ length: 1 << PARTS_LOG2 }, () => new Int32Array(MIN_PLACES * 2)),
  counts: new Int32Array(1 << PARTS_LOG2),
})

/** Rows in the index. */
export const size = (index: HashIndex): number => {
  let total = 0
  for (let i = 0; i < index.counts.length; i++) total += index.counts[i]!
  return total
}

/** The part of the index that rows with this hash are in, to be walked with {@link first} and {@link next}. */
export const partOf = (index: HashIndex, hash: number): Int32Array => index.parts[hash >>> (32 - PARTS_LOG2)]!

/** The first place with this hash; negative if there is none. */
export const first = (part: Int32Array, hash: number): number => seek(part, hash, home(part, hash))

/** The next place with this hash after `at`; negative if there is none. */
export const next = (part: Int32Array, hash: number, at: number): number => seek(part, hash, at + 2)

/** The row at a place that {@link first} or {@link next} gave. */
export const rowAt = (part: Int32Array, at: number): number => part[at + 1]! - 1

/** Adds a row, which the index must not hold already. */
export const add = (index: HashIndex, hash: number, row: number): void => {
  const p = hash >>> (32 - PARTS_LOG2)
  let part = index.parts[p]!
  // At most three quarters full: probes stay short, and there is a free place.
  if (++index.counts[p]! * 8 > part.length * 3) part = resize(index, p, part.length * 2)
  place(part, hash, row + 1)
}

/** Removes a row, which the index must hold under this hash. */
export const remove = (index: HashIndex, hash: number, row: number): void => {
  const p = hash >>> (32 - PARTS_LOG2)
  const part = index.parts[p]!
  let hole = first(part, hash)
  while (hole >= 0 && part[hole + 1] !== row + 1) hole = next(part, hash, hole)
  assert(hole >= 0, "what is removed from an index is in it")
  // Whatever may stand nearer to its home moves into the hole, so that no probe ends too early.
  const mask = part.length - 1
  for (let at = (hole + 2) & mask; part[at + 1] !== 0; at = (at + 2) & mask) {
    const distance = (at - home(part, part[at]!)) & mask
    if (distance < ((at - hole) & mask)) continue
    part[hole] = part[at]!
    part[hole + 1] = part[at + 1]!
    hole = at
  }
  part[hole + 1] = 0
  // An eighth full: far from growing again at once.
  if (--index.counts[p]! * 16 < part.length && part.length > MIN_PLACES * 2) resize(index, p, part.length / 2)
}

const home = (part: Int32Array, hash: number): number => (hash << 1) & (part.length - 1)

const seek = (part: Int32Array, hash: number, from: number): number => {
  const mask = part.length - 1
  // There is always a free place, which ends this.
  for (let at = from & mask; part[at + 1] !== 0; at = (at + 2) & mask) if (part[at] === hash) return at
  return -1
}

const place = (part: Int32Array, hash: number, entry: number): void => {
  const mask = part.length - 1
  let at = home(part, hash)
  while (part[at + 1] !== 0) at = (at + 2) & mask
  part[at] = hash
  part[at + 1] = entry
}

const resize = (index: HashIndex, p: number, length: number): Int32Array => {
  const before = index.parts[p]!
  const part = new Int32Array(length)
  for (let at = 0; at < before.length; at += 2) {
    if (before[at + 1] !== 0) place(part, before[at]!, before[at + 1]!)
  }
  index.parts[p] = part
  return part
}
