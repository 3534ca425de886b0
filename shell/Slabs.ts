/**
 * Memory that sockets and disks are read to. Without reuse, each byte that passes through is a byte that is allocated,
 * zeroed and collected: at 1 GB/s that costs more than the protocol. A slab is used again once all of it was given back;
 * what is never given back is the collector's.
 *
 *     open ──close──▶ closed ──(all that was taken has been given back)──▶ free ──▶ open
 */
import { assert } from "../core/base/Assert.ts"

/** The size that sockets read by: smaller slabs belong to slow connections, which need few. */
export const SLAB_BYTES = 1024 * 1024

/** Kept for use: about what is on its way to the disk at any time. */
const MAX_FREE_BYTES = 16 * 1024 * 1024

export interface Slabs {
  /** A slab to read to, with whatever was in it before. */
  readonly open: (bytes: number) => Uint8Array
  /** Bytes of the slab were handed to a receiver. */
  readonly taken: (slab: Uint8Array, bytes: number) => void
  /** Nothing more will be read to the slab. */
  readonly close: (slab: Uint8Array) => void
  /** The receiver will not look at so many of the bytes that it got in this buffer again. */
  readonly giveBack: (buffer: ArrayBufferLike, bytes: number) => void
  /** Slabs that wait to be used. */
  readonly freeCount: () => number
}

interface Account {
  readonly slab: Uint8Array
  outBytes: number
  isClosed: boolean
}

/** Slabs of which those of `slabBytes` bytes are used again. */
export const make = (slabBytes = SLAB_BYTES): Slabs => {
  const accounts = new WeakMap<ArrayBufferLike, Account>()
  const free: Array<Uint8Array> = []

  const settle = (account: Account): void => {
    if (!account.isClosed || account.outBytes > 0) return
    accounts.delete(account.slab.buffer)
    if (free.length * slabBytes < MAX_FREE_BYTES) free.push(account.slab)
  }

  return {
    open: (bytes) => {
      if (bytes !== slabBytes) return new Uint8Array(new ArrayBuffer(bytes))
      const slab = free.pop() ?? new Uint8Array(new ArrayBuffer(slabBytes))
      accounts.set(slab.buffer, { slab, outBytes: 0, isClosed: false })
      return slab
    },
    taken: (slab, bytes) => {
      const account = accounts.get(slab.buffer)
      if (account !== undefined) account.outBytes += bytes
    },
    close: (slab) => {
      const account = accounts.get(slab.buffer)
      if (account === undefined) return
      account.isClosed = true
      settle(account)
    },
    giveBack: (buffer, bytes) => {
      const account = accounts.get(buffer)
      if (account === undefined || bytes === 0) return
      account.outBytes -= bytes
      assert(account.outBytes >= 0, "no more is given back than was taken")
      settle(account)
    },
    freeCount: () => free.length,
  }
}
