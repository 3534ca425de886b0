/**
 * Positional file I/O for torrents: a torrent's bytes are addressed by their offset in the torrent, and the store knows
 * which files they lie in. Files appear with their first byte; nothing that was there is ever truncated or deleted.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { Bytes } from "../core/base/Bytes.ts"
import type { FileStat } from "../core/torrent/Resume.ts"
import * as Holders from "./Holders.ts"
import type { Extent, Layout } from "./Layout.ts"
import * as MemoryDisk from "./MemoryDisk.ts"
import type { StorageError } from "./StorageError.ts"

export type { Extent, Layout, LayoutFile } from "./Layout.ts"
export type { StorageError } from "./StorageError.ts"

/** One torrent's files. Operations may run at the same time, and once begun they run to their end. */
export interface TorrentStore {
  /**
   * Whether a download could begin, asked before anything is created: fails if the directory (or the nearest one above
   * it that exists) is not writable, if there is not enough space for what is missing, or if a longer file, a
   * directory or a link is in the place of one of the files.
   */
  readonly check: Effect.Effect<void, StorageError>
  /**
   * What is there, a file each; `undefined` where it is missing or no regular file. Of an unwanted file, what the parts
   * file has of it; a padding file is always whole.
   */
  readonly stats: Effect.Effect<ReadonlyArray<FileStat | undefined>, StorageError>
  /** Creates the wanted files of length zero, which no write would. */
  readonly createEmpty: Effect.Effect<void, StorageError>
  /**
   * Writes the buffers one after another from a torrent offset on, without joining them; done when the system has them
   * all. A file gets its full length, sparse, with its first byte. The buffers must not change before that. `Conflict`
   * where another torrent of the layer that was opened before has a file of the same path.
   */
  readonly write: (offset: number, buffers: ReadonlyArray<Bytes>) => Effect.Effect<void, StorageError>
  /**
   * Reads `bytes` bytes from a torrent offset on; `Missing` where a file is not there or too short. Reads to `into` where
   * it is given, which has that length and is what comes back.
   */
  readonly read: (offset: number, bytes: number, into?: Bytes) => Effect.Effect<Bytes, StorageError>
  /**
   * Done when all that was written before is on the device. Save a resume file only after this. Once the device has failed
   * to take what was written, every later call fails as well: nobody knows what it has.
   */
  readonly sync: Effect.Effect<void, StorageError>
  /** The parts of files that a range of the torrent lies in, in order. */
  readonly locate: (offset: number, bytes: number) => ReadonlyArray<Extent>
}

export class BlockStore extends Context.Tag("shoal/BlockStore")<BlockStore, {
  /** Touches nothing yet. The scope's end closes what is open; no operation of the store may follow. */
  readonly open: (layout: Layout) => Effect.Effect<TorrentStore, StorageError, Scope.Scope>
}>() {}

/**
 * Files in memory: an empty disk each time the layer is built, or one to look at, to change behind the store's back, or to
 * let fail.
 */
export const layerMemory = (shared?: MemoryDisk.MemoryDisk): Layer.Layer<BlockStore> =>
  Layer.sync(BlockStore, () => {
    const disk = shared ?? MemoryDisk.make()
    return { open: Holders.guard((layout) => MemoryDisk.open(disk, layout)) }
  })
