/**
 * What was read from the disk lately, in chunks that are forgotten least recently used first. Ten peers that ask for the
 * same piece, as the rarest one is asked for, cost one read; and one peer that asks for it block by block does, too.
 */
import { assert } from "../core/base/Assert.ts"
import type { Bytes } from "../core/base/Bytes.ts"

export interface BlockCache {
  /** The chunk under this key, which becomes the one that was used last. */
  readonly get: (key: number) => Bytes | undefined
  /** True if the chunk is there; it does not count as a use. */
  readonly has: (key: number) => boolean
  /** Keeps a chunk, and forgets as many as must give way to it. */
  readonly put: (key: number, bytes: Bytes) => void
  /** Forgets every chunk with a key from `from` to below `end`. */
  readonly drop: (from: number, end: number) => void
  /** Bytes of all chunks: never more than the capacity. */
  readonly bytes: () => number
}

/** An empty cache, which tells of every chunk that it forgets. No chunk is larger than `capacityBytes`. */
export const make = (capacityBytes: number, onForgotten: (chunk: Bytes) => void = () => {}): BlockCache => {
  // A map remembers the order of insertion, from the least to the most recently used.
  const chunks = new Map<number, Bytes>()
  let bytes = 0

  const forget = (key: number, chunk: Bytes): void => {
    chunks.delete(key)
    bytes -= chunk.length
    onForgotten(chunk)
  }

  return {
    get: (key) => {
      const chunk = chunks.get(key)
      if (chunk === undefined) return undefined
      chunks.delete(key)
      chunks.set(key, chunk)
      return chunk
    },
    has: (key) => chunks.has(key),
    put: (key, chunk) => {
      assert(!chunks.has(key), "a chunk is read once while it is here")
      assert(chunk.length <= capacityBytes, "a chunk that was just put is here")
      chunks.set(key, chunk)
      bytes += chunk.length
      for (const [oldest, other] of chunks) {
        if (bytes <= capacityBytes) return
        forget(oldest, other)
      }
    },
    drop: (from, end) => {
      for (const [key, chunk] of chunks) if (key >= from && key < end) forget(key, chunk)
    },
    bytes: () => bytes,
  }
}
