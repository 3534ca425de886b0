/**
 * What lies on all links, in one buffer: lines of entries, each in cells of 64 bytes, the size of a cache line. What a
 * swarm costs is memory that was not at hand: a link that has little to say takes one cell, and the cell that was
 * released last, which is still at hand, is the next to be used.
 *
 *      cell   ┌ next ┬ head ┬ bytes of a message … ┬ head ┬ bytes …   ┐   ┌ next ┬ … bytes ┬ head ┬ …
 *             └──┬───┴──────┴──────────────────────┴──────┴───────────┘   └──────┴─────────┴──────┴─────
 *                └───────────────────────────────────────────────────────────▲
 *
 * A head holds the length and the kind of its entry; every entry begins at a multiple of four. A place is an offset in
 * the buffer: behind a cell's last byte stands what goes on in the next one.
 */
import { assert } from "../base/Assert.ts"
import type { Bytes } from "../base/Bytes.ts"

/** An offset in the buffer; {@link NOWHERE}: nothing lies there. */
export type Place = number
export const NOWHERE: Place = 0

const CELL_BYTES = 64
const WITHIN = CELL_BYTES - 1
const NEXT_BYTES = 4
const HEAD_BYTES = 4

/** A head's low bits are its kind. */
const KIND_BITS = 2

const FIRST_CELLS = 1_024

/** 1 GiB: what clients say beyond congestion would have to be a bug. Places are 32 bits with a sign. */
const MAX_CELLS = 2 ** 24

/** Mutable, one owner. */
export interface Cells {
  bytes: Uint8Array
  /** The same memory. */
  words: Int32Array
  /** Cells ever in use; the first stays empty, for its place is {@link NOWHERE}. */
  touched: number
  /** The cell that was released last; its `next` is the one before it. 0: none. */
  free: number
}

export const make = (): Cells => {
  const words = new Int32Array(FIRST_CELLS * CELL_BYTES / 4)
  return { bytes: new Uint8Array(words.buffer), words, touched: 1, free: 0 }
}

const allocate = (cells: Cells): number => {
  const { free } = cells
  if (free !== 0) {
    cells.free = cells.words[(free * CELL_BYTES) >> 2]!
    return free
  }
  if (cells.touched * CELL_BYTES === cells.bytes.length) {
    assert(cells.touched < MAX_CELLS, "what lies on the links has bounds")
    const words = new Int32Array(cells.words.length * 2)
    words.set(cells.words)
    cells.words = words
    cells.bytes = new Uint8Array(words.buffer)
  }
  return cells.touched++
}

/** The beginning of a new line. */
export const begin = (cells: Cells): Place => allocate(cells) * CELL_BYTES + NEXT_BYTES

/** Where what stands behind a place really lies. */
const follow = ({ words }: Cells, at: Place): Place =>
  (at & WITHIN) === 0 ? words[(at - CELL_BYTES) >> 2]! * CELL_BYTES + NEXT_BYTES : at

/** As {@link follow}, at the end of a line, which is made longer. */
const extend = (cells: Cells, at: Place): Place => {
  if ((at & WITHIN) !== 0) return at
  const cell = allocate(cells)
  cells.words[(at - CELL_BYTES) >> 2] = cell
  return cell * CELL_BYTES + NEXT_BYTES
}

/** Puts an entry of `length` bytes of which nothing is stored at the end of a line; returns the new end. */
export const addHead = (cells: Cells, end: Place, kind: number, length: number): Place => {
  const at = extend(cells, end)
  cells.words[at >> 2] = (length << KIND_BITS) | kind
  return at + HEAD_BYTES
}

/** Puts an entry at the end of a line, its bytes included; returns the new end. */
export const add = (cells: Cells, end: Place, kind: number, chunk: Bytes): Place => {
  let at = addHead(cells, end, kind, chunk.length)
  for (let from = 0; from < chunk.length;) {
    at = extend(cells, at)
    const { bytes } = cells
    const room = CELL_BYTES - (at & WITHIN)
    const taken = chunk.length - from < room ? chunk.length - from : room
    for (let i = 0; i < taken; i++) bytes[at + i] = chunk[from + i]!
    from += taken
    at += taken
  }
  return (at + 3) & ~3
}

/** Where the entry that stands behind a place has its head. */
export const entryAt: (cells: Cells, at: Place) => Place = follow

/** Bytes of the entry whose head is here, stored or not. */
export const lengthAt = ({ words }: Cells, head: Place): number => words[head >> 2]! >>> KIND_BITS

export const kindAt = ({ words }: Cells, head: Place): number => words[head >> 2]! & ((1 << KIND_BITS) - 1)

/** Behind an entry of which nothing is stored. */
export const behindHead = (head: Place): Place => head + HEAD_BYTES

/** Behind an entry of which everything is. */
export const behind = (cells: Cells, head: Place): Place =>
  (skip(cells, head + HEAD_BYTES, lengthAt(cells, head)) + 3) & ~3

const skip = (cells: Cells, from: Place, count: number): Place => {
  let at = from
  let left = count
  while (left > 0) {
    at = follow(cells, at)
    const room = CELL_BYTES - (at & WITHIN)
    if (left <= room) return at + left
    left -= room
    at += room
  }
  return at
}

/** Copies `length` bytes of an entry, from its byte `from` on, to `out` at `to`. */
export const copy = (
  cells: Cells,
  head: Place,
  from: number,
  length: number,
  out: Bytes,
  to: number,
): void => {
  const { bytes } = cells
  let at = skip(cells, head + HEAD_BYTES, from)
  for (let done = 0; done < length;) {
    at = follow(cells, at)
    const room = CELL_BYTES - (at & WITHIN)
    const taken = length - done < room ? length - done : room
    for (let i = 0; i < taken; i++) out[to + done + i] = bytes[at + i]!
    done += taken
    at += taken
  }
}

/** Releases the cells that lie wholly before `to`, a place behind `from`. */
export const release = (cells: Cells, from: Place, to: Place): void => {
  const { words } = cells
  const last = cellOf(to)
  for (let cell = cellOf(from); cell !== last;) {
    const next = words[(cell * CELL_BYTES) >> 2]!
    free(cells, cell)
    cell = next
  }
}

/** Releases everything from a place to the end of its line. */
export const releaseAll = (cells: Cells, from: Place, end: Place): void => {
  release(cells, from, end)
  free(cells, cellOf(end))
}

/** A place at a cell's end belongs to that cell. */
const cellOf = (at: Place): number => ((at - 1) / CELL_BYTES) | 0

const free = (cells: Cells, cell: number): void => {
  cells.words[(cell * CELL_BYTES) >> 2] = cells.free
  cells.free = cell
}
