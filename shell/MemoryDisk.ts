/**
 * A file system in memory for `BlockStore.layerMemory`: a map from absolute paths to what is there, which tests may
 * read and change, with the conflicts and failures of a real disk.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { assert } from "../core/base/Assert.ts"
import type { Bytes } from "../core/base/Bytes.ts"
import type { FileStat } from "../core/torrent/Resume.ts"
import type { TorrentStore } from "./BlockStore.ts"
import * as Layout from "./Layout.ts"
import * as StorageError from "./StorageError.ts"

export interface File {
  readonly _tag: "File"
  /** May be changed in place, or replaced. */
  bytes: Bytes
  mtimeMs: number
}

export type Node =
  | File
  | { readonly _tag: "Directory" }
  | { readonly _tag: "Link"; readonly target: string }

export interface MemoryDisk {
  /** By absolute path; the directories above a node exist without one of their own. */
  readonly nodes: Map<string, Node>
  /** Room for more; writing takes the whole length of a new file from it. */
  freeBytes: number
  /** Where set, every operation of that kind fails so. */
  readonly failures: { read?: StorageError.StorageReason; write?: StorageError.StorageReason }
  /** The time of the last change: it advances with each, so that equal runs give equal times. */
  clockMs: number
}

/** An empty disk with room for `freeBytes`. */
export const make = (freeBytes = Infinity): MemoryDisk => ({
  nodes: new Map(),
  freeBytes,
  failures: {},
  clockMs: 1_000_000_000_000,
})

/** Puts a file on the disk, as another program would. */
export const put = (disk: MemoryDisk, path: string, bytes: Bytes): void => {
  disk.nodes.set(path, { _tag: "File", bytes, mtimeMs: ++disk.clockMs })
}

/** The bytes of the file at `path`; `undefined` where there is none. */
export const get = (disk: MemoryDisk, path: string): Bytes | undefined => {
  const node = disk.nodes.get(path)
  return node?._tag === "File" ? node.bytes : undefined
}

/** The store of one torrent on this disk; see `BlockStore.TorrentStore`. */
export const open = (
  disk: MemoryDisk,
  layout: Layout.Layout,
): Effect.Effect<TorrentStore, never, Scope.Scope> => {
  Layout.assertLayout(layout)
  let isClosed = false
  const root = layout.directory.replace(/\/+$/, "")
  const partsPath = Layout.absolute(layout, layout.partsFile)

  const attempt = <A>(body: () => A): Effect.Effect<A, StorageError.StorageError> =>
    Effect.suspend(() => {
      assert(!isClosed, "a closed store is not used")
      try {
        return Effect.succeed(body())
      } catch (error) {
        return error instanceof StorageError.StorageError ? Effect.fail(error) : Effect.die(error)
      }
    })

  /** Fails where a file, or below the root a link, is in the place of a directory on the way to `path`. */
  const checkAbove = (path: string): void => {
    for (let slash = path.indexOf("/", 1); slash > 0; slash = path.indexOf("/", slash + 1)) {
      const above = path.slice(0, slash)
      const node = disk.nodes.get(above)
      if (node?._tag === "File") {
        throw StorageError.make("Conflict", "use", above, "a file is in a directory's place")
      }
      if (node?._tag === "Link" && above.length > root.length) {
        throw StorageError.make("Conflict", "use", above, "a link is in a directory's place")
      }
    }
  }

  const find = (path: string): File | undefined => {
    checkAbove(path)
    const node = disk.nodes.get(path)
    if (node?._tag === "File") return node
    if (node !== undefined || isDirectory(disk, path)) throw StorageError.make("Conflict", "use", path)
    return undefined
  }

  /** The file at `path`, created and grown to `bytes` as the first write does; the parts file grows as it must. */
  const prepare = (path: string, bytes: number, isParts: boolean): File => {
    if (disk.failures.write !== undefined) throw StorageError.make(disk.failures.write, "write", path)
    const file = find(path)
    const length = file?.bytes.length ?? 0
    if (length > bytes && !isParts) {
      throw StorageError.make("Conflict", "write", path, "it is longer than the torrent's")
    }
    if (length >= bytes && file !== undefined) return file
    if (bytes - length > disk.freeBytes) throw StorageError.make("NoSpace", "write", path)
    disk.freeBytes -= bytes - length
    const grown = new Uint8Array(bytes)
    if (file !== undefined) grown.set(file.bytes)
    put(disk, path, grown)
    return prepare(path, bytes, isParts)
  }

  const check = attempt(() => {
    if (disk.failures.write !== undefined) throw StorageError.make(disk.failures.write, "write to", root)
    checkAbove(`${root}/`)
    let missing = 0
    for (const { path, bytes, isPadding, isWanted } of layout.files) {
      if (isPadding || !isWanted) continue
      const file = find(Layout.absolute(layout, path))
      if (file !== undefined && file.bytes.length > bytes) {
        throw StorageError.make(
          "Conflict",
          "use",
          Layout.absolute(layout, path),
          "it is longer than the torrent's",
        )
      }
      missing += bytes - (file?.bytes.length ?? 0)
    }
    if (missing > disk.freeBytes) throw StorageError.make("NoSpace", "write to", root)
  })

  const stats = attempt(() =>
    layout.files.map((file, index): FileStat | undefined => {
      if (file.isPadding) return { bytes: file.bytes, mtimeMs: 0 }
      const node = disk.nodes.get(file.isWanted ? Layout.absolute(layout, file.path) : partsPath)
      if (node?._tag !== "File") return undefined
      const bytes = file.isWanted ? node.bytes.length : Layout.bytesInParts(layout, index, node.bytes.length)
      return { bytes, mtimeMs: node.mtimeMs }
    })
  )

  const createEmpty = attempt(() => {
    for (const file of layout.files) {
      if (file.bytes === 0 && file.isWanted && !file.isPadding) {
        prepare(Layout.absolute(layout, file.path), 0, false)
      }
    }
  })

  const write = (offset: number, buffers: ReadonlyArray<Bytes>) =>
    attempt(() => {
      const extents = Layout.locate(layout, offset, Layout.totalBytes(buffers))
      for (const [extent, views] of Layout.scatter(extents, buffers)) {
        if (extent.path === undefined) continue
        const isParts = extent.path === partsPath
        const full = isParts ? extent.offset + extent.bytes : layout.files[extent.fileIndex]!.bytes
        const file = prepare(extent.path, full, isParts)
        let at = extent.offset
        for (const view of views) {
          file.bytes.set(view, at)
          at += view.length
        }
        file.mtimeMs = ++disk.clockMs
      }
    })

  const read = (offset: number, bytes: number, into?: Bytes) =>
    attempt(() => {
      const whole = into ?? new Uint8Array(bytes)
      let at = 0
      for (const extent of Layout.locate(layout, offset, bytes)) {
        if (extent.path !== undefined) {
          if (disk.failures.read !== undefined) {
            throw StorageError.make(disk.failures.read, "read", extent.path)
          }
          const file = find(extent.path)
          if (file === undefined || file.bytes.length < extent.offset + extent.bytes) {
            throw StorageError.make("Missing", "read", extent.path)
          }
          whole.set(file.bytes.subarray(extent.offset, extent.offset + extent.bytes), at)
        } else whole.fill(0, at, at + extent.bytes)
        at += extent.bytes
      }
      return whole
    })

  const store: TorrentStore = {
    check,
    stats,
    createEmpty,
    write,
    read,
    sync: attempt(() => {
      if (disk.failures.write !== undefined) {
        throw StorageError.make(disk.failures.write, "write to", root)
      }
    }),
    locate: (offset, bytes) => Layout.locate(layout, offset, bytes),
  }
  return Effect.acquireRelease(Effect.succeed(store), () => Effect.sync(() => isClosed = true))
}

/** True if a node lies below `path`, or a directory was put there. */
const isDirectory = (disk: MemoryDisk, path: string): boolean => {
  for (const other of disk.nodes.keys()) if (other.startsWith(`${path}/`)) return true
  return false
}
