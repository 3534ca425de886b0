/**
 * Rows of 32-bit words, a million of them without a million objects. They lie in chunks, so that growing never copies and
 * never takes twice the memory, and a row keeps its number until it is released.
 */

import type { Bytes } from "./Bytes.ts"

/** A row's number; {@link NONE} is none. */
export type Ref = number
export const NONE: Ref = -1

const CHUNK_ROWS_LOG2 = 10
const CHUNK_ROWS = 1 << CHUNK_ROWS_LOG2

/** Mutable, one owner. */
export interface Arena {
  readonly wordsPerRow: number
  readonly chunks: Array<Int32Array>
  /** Rows in use. */
  size: number
  /** Rows ever in use: all that are free and not among them were released. */
  touched: number
  /** The row that was released last; its first word is the one before it. */
  free: Ref
}

export const make = (wordsPerRow: number): Arena => ({
  wordsPerRow,
  chunks: [],
  size: 0,
  touched: 0,
  free: NONE,
})

/** A row for the caller to fill: its words are what they were. */
export const allocate = (arena: Arena): Ref => {
  arena.size++
  const { free } = arena
  if (free !== NONE) {
    arena.free = get(arena, free, 0)
    return free
  }
  if (arena.touched === arena.chunks.length * CHUNK_ROWS) {
    arena.chunks.push(new Int32Array(CHUNK_ROWS * arena.wordsPerRow))
  }
  return arena.touched++
}

/** Takes a row back. */
export const release = (arena: Arena, ref: Ref): void => {
  arena.size--
  if (arena.size > 0) {
    set(arena, ref, 0, arena.free)
    arena.free = ref
    return
  }
  // Nothing refers into an empty arena: a crowd that has left gives its memory back.
  arena.chunks.length = 0
  arena.touched = 0
  arena.free = NONE
}

/** The word `field` of a row in use. */
export const get = (arena: Arena, ref: Ref, field: number): number =>
  chunkOf(arena, ref)[offsetOf(arena, ref) + field]!

export const set = (arena: Arena, ref: Ref, field: number, value: number): void => {
  chunkOf(arena, ref)[offsetOf(arena, ref) + field] = value
}

/** Where a row lies: for those that read many of its words. */
export const chunkOf = (arena: Arena, ref: Ref): Int32Array => arena.chunks[ref >>> CHUNK_ROWS_LOG2]!

/** Where a row begins in its chunk. */
export const offsetOf = (arena: Arena, ref: Ref): number => (ref & (CHUNK_ROWS - 1)) * arena.wordsPerRow

/** Writes bytes, a whole number of words of them, to a row from the word `field` on. */
export const setBytes = (arena: Arena, ref: Ref, field: number, bytes: Bytes): void => {
  const chunk = chunkOf(arena, ref)
  let to = offsetOf(arena, ref) + field
  for (let i = 0; i < bytes.length; i += 4) {
    chunk[to++] = bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24)
  }
}

/** Reads `length` bytes, a whole number of words, from the word `field` on into `out` at `at`. */
export const copyBytes = (
  arena: Arena,
  ref: Ref,
  field: number,
  length: number,
  out: Bytes,
  at: number,
): void => {
  const chunk = chunkOf(arena, ref)
  let from = offsetOf(arena, ref) + field
  for (let i = at; i < at + length; i += 4) {
    const word = chunk[from++]!
    out[i] = word
    out[i + 1] = word >>> 8
    out[i + 2] = word >>> 16
    out[i + 3] = word >>> 24
  }
}
