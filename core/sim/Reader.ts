/**
 * The socket read of all nodes: one buffer, into which what lies on a link is put together for the receiver's step, which
 * keeps none of it. Shared payload is not even copied: the receiver never looks at it, and which of it is wrong is noted
 * beside the buffer.
 */
import type { Bytes } from "../base/Bytes.ts"

/** What one read brings at most, as in the shell. */
export const READ_BYTES = 65_536

/** Mutable, one owner. */
export interface Reader {
  readonly buffer: Bytes
  /** Views of its beginning by length, made once: most reads are a message or two. */
  readonly views: Array<Bytes | undefined>
  /** Where wrong payload stands in the buffer: starts and ends. */
  readonly wrong: Array<number>
}

const MAX_VIEWS = 512

export const make = (): Reader => ({ buffer: new Uint8Array(READ_BYTES), views: [], wrong: [] })

/** A new read begins. */
export const clear = (reader: Reader): void => {
  if (reader.wrong.length > 0) reader.wrong.length = 0
}

/** The first `length` bytes. */
export const view = ({ buffer, views }: Reader, length: number): Bytes => {
  if (length >= MAX_VIEWS) return buffer.subarray(0, length)
  while (views.length <= length) views.push(undefined)
  return views[length] ??= buffer.subarray(0, length)
}

/** Copies a part of a chunk to `at`. */
export const copy = (reader: Reader, at: number, chunk: Bytes, from: number, length: number): void => {
  const { buffer } = reader
  if (length > 64) {
    buffer.set(from === 0 && length === chunk.length ? chunk : chunk.subarray(from, from + length), at)
    return
  }
  for (let i = 0; i < length; i++) buffer[at + i] = chunk[from + i]!
}

/** What stands at `at` is wrong payload. */
export const markWrong = (reader: Reader, at: number, length: number): void => {
  reader.wrong.push(at, at + length)
}

/** Whether any of these bytes, a view of the buffer, is wrong payload. */
export const isWrong = ({ wrong }: Reader, bytes: Bytes): boolean => {
  if (wrong.length === 0) return false
  const from = bytes.byteOffset
  const to = from + bytes.length
  for (let i = 0; i < wrong.length; i += 2) if (wrong[i]! < to && wrong[i + 1]! > from) return true
  return false
}
