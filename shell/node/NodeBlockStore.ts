/** `BlockStore` on the file system, by positional reads and gathering writes. */
import { dirname } from "node:path"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { assert } from "../../core/base/Assert.ts"
import type { Bytes } from "../../core/base/Bytes.ts"
import type { FileStat } from "../../core/torrent/Resume.ts"
import { BlockStore, type TorrentStore } from "../BlockStore.ts"
import * as Holders from "../Holders.ts"
import * as Layout from "../Layout.ts"
import * as StorageError from "../StorageError.ts"
import * as FilePool from "./FilePool.ts"
import * as Files from "./Files.ts"
import * as Preflight from "./Preflight.ts"

/** The store of one torrent, its files open in `pool` under its own name. */
const makeStore = (
  pool: FilePool.FilePool,
  layout: Layout.Layout,
): TorrentStore & { readonly close: Effect.Effect<void> } => {
  const partsPath = Layout.absolute(layout, layout.partsFile)
  /** Written since the last `sync`, by path: how long the file is to be. */
  const unsynced = new Map<string, number | undefined>()
  /** Files that this store has opened for writing, under their own names. */
  const own = new Set<string>()
  let lost: unknown
  let isClosed = false

  /** Runs to its end even if nobody waits any more: a write that has begun is not half a write. */
  const attempt = <A>(body: () => Promise<A>): Effect.Effect<A, StorageError.StorageError> =>
    Effect.uninterruptible(Effect.async<A, StorageError.StorageError>((resume) => {
      assert(!isClosed, "a closed store is not used")
      body().then(
        (value) => resume(Effect.succeed(value)),
        (error) =>
          resume(error instanceof StorageError.StorageError ? Effect.fail(error) : Effect.die(error)),
      )
    }))

  /** `fullBytes` is the length the file is to have, `undefined` for the parts file, which is as long as it must be. */
  const withWritable = (path: string, fullBytes: number | undefined, body: (file: number) => Promise<void>) =>
    pool.use(layout, path, "write", () => openForWriting(path, fullBytes), body)

  const openForWriting = async (path: string, fullBytes: number | undefined): Promise<number> => {
    await Preflight.makeWay(layout.directory, path)
    const file = await Files.openForWriting(path).catch((error) => {
      throw Files.describe(error, "write", path)
    })
    try {
      const stats = await Files.fstat(file)
      if (!stats.isFile()) throw StorageError.make("Conflict", "write", path)
      await Preflight.requireSame(layout.directory, path, stats)
      if (!own.has(path)) Preflight.requireSingleName(path, stats)
      if (fullBytes !== undefined && stats.size > fullBytes) {
        throw Preflight.tooLong(path, stats.size, fullBytes)
      }
      if (fullBytes !== undefined && stats.size < fullBytes) await Files.ftruncate(file, fullBytes)
      own.add(path)
      return file
    } catch (error) {
      await Files.close(file).catch(() => undefined)
      throw Files.describe(error, "write", path)
    }
  }

  const stats = attempt(async () => {
    const isPartial = layout.files.some(({ isPadding, isWanted }) => !isWanted && !isPadding)
    const parts = isPartial ? await Files.lstat(partsPath) : undefined
    const folders = new Map<string, Promise<boolean>>()
    /** Asked of each folder once: where it is missing, nobody looks for the thousands of files that would be in it. */
    const hasFolder = (path: string): Promise<boolean> => {
      const folder = dirname(path)
      const known = folders.get(folder)
      if (known !== undefined) return known
      const asked = Files.lstat(folder).then((stat) => stat !== undefined)
      folders.set(folder, asked)
      return asked
    }
    const look = async (path: string) =>
      layout.files.length === 1 || await hasFolder(path) ? Files.lstat(path) : undefined
    return Files.mapLimited(layout.files, async (file, index): Promise<FileStat | undefined> => {
      if (file.isPadding) return { bytes: file.bytes, mtimeMs: 0 }
      const stat = file.isWanted ? await look(Layout.absolute(layout, file.path)) : parts
      if (stat === undefined || !stat.isFile()) return undefined
      const bytes = file.isWanted ? stat.size : Layout.bytesInParts(layout, index, stat.size)
      return { bytes, mtimeMs: Math.floor(stat.mtimeMs) }
    })
  })

  const createEmpty = attempt(async () => {
    for (const { path, bytes, isPadding, isWanted } of layout.files) {
      if (bytes === 0 && isWanted && !isPadding) {
        await withWritable(Layout.absolute(layout, path), 0, () => Promise.resolve())
      }
    }
  })

  const write = (offset: number, buffers: ReadonlyArray<Bytes>) =>
    attempt(async () => {
      const extents = Layout.locate(layout, offset, Layout.totalBytes(buffers))
      for (const [{ path, fileIndex, offset }, views] of Layout.scatter(extents, buffers)) {
        if (path === undefined) continue
        const fullBytes = path === partsPath ? undefined : layout.files[fileIndex]!.bytes
        await withWritable(path, fullBytes, async (file) => {
          try {
            await Files.writeFully(file, path, views, offset)
          } finally {
            unsynced.set(path, fullBytes)
          }
        })
      }
    })

  const read = (offset: number, bytes: number, into?: Bytes) =>
    attempt(async () => {
      const whole = into ?? new Uint8Array(bytes)
      let at = 0
      for (const extent of Layout.locate(layout, offset, bytes)) {
        const { path } = extent
        const part = whole.subarray(at, at + extent.bytes)
        at += extent.bytes
        if (path === undefined) {
          part.fill(0)
          continue
        }
        const open = () =>
          Files.openForReading(path).catch((error) => {
            throw Files.describe(error, "read", path)
          })
        await pool.use(layout, path, "read", open, (file) => Files.readFully(file, path, part, extent.offset))
      }
      return whole
    })

  const sync = attempt(async () => {
    if (lost !== undefined) throw lost
    await Files.mapLimited([...unsynced], async ([path, fullBytes]) => {
      // Before, not after: what is written meanwhile is for the next time.
      unsynced.delete(path)
      try {
        await withWritable(path, fullBytes, async (file) => {
          await Files.sync(file, path).catch((error) => {
            // The system tells only once that it could not write, and then takes the pages for written: from now on
            // nobody knows what is on the device, whatever the next call says.
            lost = error
            throw error
          })
        })
      } catch (error) {
        unsynced.set(path, fullBytes)
        throw error
      }
    })
  })

  return {
    check: attempt(() => Preflight.check(layout)),
    stats,
    createEmpty,
    write,
    read,
    sync,
    locate: (offset, bytes) => Layout.locate(layout, offset, bytes),
    close: Effect.promise(() => {
      isClosed = true
      return pool.closeAll(layout)
    }),
  }
}

/** Stores that share at most `capacity` open files. */
export const layerWith = ({ capacity }: { readonly capacity: number }): Layer.Layer<BlockStore> =>
  Layer.sync(BlockStore, () => {
    const pool = FilePool.make(capacity)
    return {
      open: Holders.guard((layout) => {
        Layout.assertLayout(layout)
        return Effect.acquireRelease(
          // A copy, because the pool knows a store by its layout, and one layout may be opened twice.
          Effect.sync(() =>
            makeStore(pool, { ...layout, directory: layout.directory.replace(/\/+$/, "") || "/" })
          ),
          (store) => store.close,
        )
      }),
    }
  })

export const layer: Layer.Layer<BlockStore> = Layer.suspend(() =>
  layerWith({ capacity: FilePool.capacityHere() })
)
