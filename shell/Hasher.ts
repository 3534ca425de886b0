/** SHA-1 of stored bytes, away from the loop that drives the protocol. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { type Bytes, concat } from "../core/base/Bytes.ts"
import { sha1 } from "../core/base/Sha1.ts"
import type { TorrentStore } from "./BlockStore.ts"
import type { StorageError } from "./StorageError.ts"

/** The SHA-1 of bytes that come one after the other. */
export interface RollingHash {
  readonly update: (bytes: Bytes) => void
  /** 20 bytes; nothing may follow. */
  readonly digest: () => Bytes
}

export class Hasher extends Context.Tag("shoal/Hasher")<Hasher, {
  /**
   * The SHA-1, 20 bytes, of `bytes` bytes from a torrent offset on, as they stand on the disk; padding is zero. With
   * `blockBytes`, one for each so many of them, the last ones being fewer, in order.
   * `Missing` where a file is not there or too short. Ask for as many as there are: they wait their turn without
   * holding memory, and one that is interrupted while it waits is never read.
   */
  readonly sha1: (
    store: TorrentStore,
    offset: number,
    bytes: number,
    blockBytes?: number,
  ) => Effect.Effect<Bytes, StorageError>
  /**
   * Begins a hash on the calling thread. Left out where other processors are free to do it: hashing bytes that are at
   * hand costs less than reading them back, but it is the protocol's thread that pays.
   */
  readonly rolling?: () => RollingHash
}>() {}

/** Keeps a copy of what it is given until the end: small, and for tests. */
export const rolling = (): RollingHash => {
  const parts: Array<Bytes> = []
  return { update: (bytes) => void parts.push(bytes.slice()), digest: () => sha1(concat(parts)) }
}

/** Reads through the store and hashes in place: for stores in memory, and for tests. */
export const layerMemory: Layer.Layer<Hasher> = Layer.succeed(Hasher, {
  rolling,
  sha1: (store, offset, bytes, blockBytes) =>
    Effect.map(store.read(offset, bytes), (read) => {
      if (blockBytes === undefined) return sha1(read)
      const digests: Array<Bytes> = []
      for (let at = 0; at < bytes; at += blockBytes) digests.push(sha1(read.subarray(at, at + blockBytes)))
      return concat(digests)
    }),
})
