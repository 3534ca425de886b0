/** `BlockStore` of a process on a simulated disk: the files of a memory disk, with latency, failures and crashes. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { assert } from "../../core/base/Assert.ts"
import type { Bytes } from "../../core/base/Bytes.ts"
import { BlockStore, type Extent, type TorrentStore } from "../BlockStore.ts"
import * as Holders from "../Holders.ts"
import * as Layout from "../Layout.ts"
import * as MemoryDisk from "../MemoryDisk.ts"
import * as StorageError from "../StorageError.ts"
import type * as Process from "./Process.ts"
import * as SimDisk from "./SimDisk.ts"
import * as World from "./World.ts"

export const layer = (disk: SimDisk.SimDisk, process: Process.Process): Layer.Layer<BlockStore> =>
  Layer.sync(BlockStore, () => {
    process.onGone.push(() => SimDisk.processGone(disk, process))
    return { open: Holders.guard((layout) => Effect.map(open(disk, process, layout), ({ store }) => store)) }
  })

const open = (disk: SimDisk.SimDisk, process: Process.Process, layout: Layout.Layout) =>
  Effect.gen(function* () {
    // Of no scope: an operation that has begun comes to its end after the store's.
    const files = yield* Scope.extend(MemoryDisk.open(disk.files, layout), yield* Scope.make())
    return yield* Effect.acquireRelease(
      Effect.sync(() => make(disk, process, layout, files)),
      ({ close }) => close,
    )
  })

const make = (
  disk: SimDisk.SimDisk,
  process: Process.Process,
  layout: Layout.Layout,
  files: TorrentStore,
): { readonly store: TorrentStore; readonly close: Effect.Effect<void> } => {
  let isClosed = false
  let count = 0
  const waiting: Array<() => void> = []

  /**
   * Waits for the disk, then does `land`. Once begun it runs to its end; `cutShort` is what becomes of it if the process
   * does not live to see that.
   */
  const operation = <A>(
    bytes: number,
    land: () => Effect.Effect<A, StorageError.StorageError>,
    cutShort: () => void = () => {},
  ): Effect.Effect<A, StorageError.StorageError> =>
    Effect.uninterruptible(Effect.async((resume) => {
      assert(!isClosed, "a closed store is not used")
      count++
      disk.underWay.set(cutShort, process)
      World.at(disk.world, SimDisk.dueAt(disk, bytes), () => {
        if (!process.isAlive) return
        disk.underWay.delete(cutShort)
        count--
        resume(now(land()))
        if (count === 0) waiting.splice(0).forEach((wake) => wake())
      })
    }))

  const failing = (kind: "read" | "write", extents: ReadonlyArray<Extent>) => {
    const reason = SimDisk.failure(disk, kind)
    const path = extents.find(({ path }) => path !== undefined)?.path
    return reason === undefined || path === undefined ? undefined : StorageError.make(reason, kind, path)
  }

  const writeNow = (offset: number, buffers: ReadonlyArray<Bytes>) => {
    const extents = Layout.locate(layout, offset, Layout.totalBytes(buffers))
    SimDisk.remember(disk, extents)
    const result = now(files.write(offset, buffers))
    if (Exit.isSuccess(result)) SimDisk.wear(disk, extents)
    return result
  }

  const write = (offset: number, buffers: ReadonlyArray<Bytes>) => {
    const bytes = Layout.totalBytes(buffers)
    const landPart = (part: number): void => void writeNow(offset, upTo(buffers, Math.floor(part * bytes)))
    return operation(bytes, () => {
      const error = failing("write", Layout.locate(layout, offset, bytes))
      World.note(disk.world, `${process.name} writes ${bytes} bytes at ${offset}: ${error?.reason ?? "done"}`)
      if (error === undefined) {
        disk.stats.writtenBytes += bytes
        return writeNow(offset, buffers)
      }
      // A short write: the system says so only after it has written some of it.
      landPart(SimDisk.landedPart(disk) * 0.99)
      return error
    }, () => landPart(SimDisk.landedPart(disk)))
  }

  const read = (offset: number, bytes: number, into?: Bytes) =>
    operation(bytes, () => {
      disk.stats.readBytes += bytes
      return failing("read", Layout.locate(layout, offset, bytes)) ?? files.read(offset, bytes, into)
    })

  const sync = Effect.suspend(() => {
    const before = disk.undo.length
    return operation(0, () =>
      failing("write", Layout.locate(layout, 0, layout.geometry.totalBytes)) ??
        Effect.tap(files.sync, () => Effect.sync(() => SimDisk.synced(disk, before))))
  })

  return {
    store: {
      check: operation(0, () => files.check),
      stats: operation(0, () => files.stats),
      createEmpty: operation(0, () => files.createEmpty),
      write,
      read,
      sync,
      locate: files.locate,
    },
    close: Effect.async((resume) => {
      isClosed = true
      if (count === 0) resume(Effect.void)
      else waiting.push(() => resume(Effect.void))
    }),
  }
}

/** What a memory disk does it does at once. */
const now = <A>(
  effect: Effect.Effect<A, StorageError.StorageError>,
): Exit.Exit<A, StorageError.StorageError> => Effect.runSyncExit(effect)

/** The first `bytes` bytes of the buffers. */
const upTo = (buffers: ReadonlyArray<Bytes>, bytes: number): ReadonlyArray<Bytes> => {
  const kept: Array<Bytes> = []
  let left = bytes
  for (const buffer of buffers) {
    if (left <= 0) break
    kept.push(buffer.subarray(0, left))
    left -= buffer.length
  }
  return kept
}
