/** Whether a torrent's files may be written where they are to be written, and the directories for them. */
import { constants, promises as fs } from "node:fs"
import { dirname } from "node:path"
import process from "node:process"
import * as Layout from "../Layout.ts"
import * as StorageError from "../StorageError.ts"
import * as Files from "./Files.ts"

/**
 * File systems that may store a file in less than its length for another reason than holes (`f_type` of statfs(2)):
 * btrfs, ZFS, bcachefs. There, how much of a file is still missing cannot be told from the blocks that it has.
 */
const COMPRESSING: ReadonlySet<number> = new Set([0x9123683e, 0x2fc12fc1, 0xca451a4e])

/** `st_blocks` counts these, whatever the file system's own blocks are. */
const STAT_BLOCK_BYTES = 512

/** See `TorrentStore.check`; creates nothing. */
export const check = async (layout: Layout.Layout): Promise<void> => {
  const ground = await nearest(layout.directory)
  await checkWritable(ground)
  const { bavail, bsize, type } = await fs.statfs(ground).catch((error) => {
    throw Files.describe(error, "look at", ground)
  })
  const trustsBlocks = process.platform === "linux" && !COMPRESSING.has(type)
  const ways = new Map<string, Promise<boolean>>()
  const missing = await Files.mapLimited(layout.files, async ({ path, bytes, isPadding, isWanted }) => {
    if (isPadding || !isWanted) return 0
    const absolute = Layout.absolute(layout, path)
    if (!await hasWay(layout.directory, dirname(absolute), ways)) return bytes
    const stats = await Files.lstat(absolute)
    if (stats === undefined) return bytes
    if (!stats.isFile()) {
      throw StorageError.make("Conflict", "write", absolute, `${kindOf(stats)} is in its place`)
    }
    if (stats.size > bytes) throw tooLong(absolute, stats.size, bytes)
    return bytes - Math.min(stats.size, trustsBlocks ? stats.blocks * STAT_BLOCK_BYTES : stats.size)
  })
  const missingBytes = missing.reduce((sum, bytes) => sum + bytes, 0)
  const freeBytes = bavail * bsize
  if (missingBytes > freeBytes) {
    throw StorageError.make(
      "NoSpace",
      "write to",
      layout.directory,
      `${missingBytes} bytes are to come and ${freeBytes} are free; make room, or choose another directory`,
    )
  }
}

export const tooLong = (path: string, foundBytes: number, bytes: number): StorageError.StorageError =>
  StorageError.make(
    "Conflict",
    "write",
    path,
    `a file of ${foundBytes} bytes is there, the torrent's has ${bytes}; move it away, or choose another directory`,
  )

/**
 * Creates the directories between `root` and the file at `path`. The root may be a link or lie behind one, since the
 * user chose it; below it a link could lead anywhere, and nothing is written through one.
 */
export const makeWay = async (root: string, path: string): Promise<void> => {
  await Files.makeDirectory(root)
  for (const directory of between(root, dirname(path))) {
    const stats = await Files.lstat(directory)
    if (stats === undefined) await Files.makeDirectory(directory)
    else checkDirectory(directory, stats)
  }
}

/**
 * Fails unless `opened` is what is at `path` now, and no link on the way to it: the way may have been changed between
 * {@link makeWay} and the opening. Nothing has been written by then; what was opened elsewhere may have been created.
 */
export const requireSame = async (root: string, path: string, opened: Stats): Promise<void> => {
  for (const directory of between(root, dirname(path))) {
    const stats = await Files.lstat(directory)
    if (stats !== undefined) checkDirectory(directory, stats)
  }
  const found = await Files.lstat(path)
  // Some file systems have no numbers.
  if (found?.ino === opened.ino && found.dev === opened.dev || (opened.ino ?? 0) === 0) return
  throw StorageError.make(
    "Conflict",
    "write",
    path,
    "it was replaced while it was being opened; see who else works in this directory, and start again",
  )
}

/** Fails where the file has another name besides: under that, it would change too. */
export const requireSingleName = (path: string, { nlink, size }: Stats): void => {
  if (nlink === null || nlink <= 1 || size === 0) return
  throw StorageError.make(
    "Conflict",
    "write",
    path,
    "the file has another name, too (a hard link), and would change under both; put a copy in its place",
  )
}

/** True if the directories between `root` and `directory`, both included, are there. */
const hasWay = (root: string, directory: string, ways: Map<string, Promise<boolean>>): Promise<boolean> => {
  const known = ways.get(directory)
  if (known !== undefined) return known
  const way = (async () => {
    if (directory.length <= root.length) return await Files.lstat(root) !== undefined
    if (!await hasWay(root, dirname(directory), ways)) return false
    const stats = await Files.lstat(directory)
    if (stats !== undefined) checkDirectory(directory, stats)
    return stats !== undefined
  })()
  ways.set(directory, way)
  return way
}

/** The directories below `root` down to `directory`, the upper ones first. */
const between = (root: string, directory: string): Array<string> => {
  const directories: Array<string> = []
  for (let at = directory; at.length > root.length; at = dirname(at)) directories.unshift(at)
  return directories
}

type Stats = NonNullable<Awaited<ReturnType<typeof Files.lstat>>>

const checkDirectory = (path: string, stats: Stats): void => {
  if (!stats.isDirectory()) {
    throw StorageError.make(
      "Conflict",
      "write below",
      path,
      `${kindOf(stats)} is in the place of a directory`,
    )
  }
}

const kindOf = (stats: Stats): string =>
  stats.isSymbolicLink()
    ? "a symbolic link, which is not followed,"
    : stats.isDirectory()
    ? "a directory"
    : stats.isFile()
    ? "a file"
    : "something that is no file"

/** The directory, or the lowest one above it that exists. */
const nearest = async (directory: string): Promise<string> => {
  for (let at = directory;; at = dirname(at)) {
    const stats = await fs.stat(at).catch((error) => {
      if (error.code === "ENOENT" && dirname(at) !== at) return undefined
      throw Files.describe(error, "write to", directory)
    })
    if (stats === undefined) continue
    if (!stats.isDirectory()) throw StorageError.make("Conflict", "write below", at, "it is no directory")
    return at
  }
}

const checkWritable = async (directory: string): Promise<void> => {
  // Deno's access(2) asks who runs it; where that is not permitted, it fails past every catch unless it is asked first.
  process.getuid?.()
  process.getgid?.()
  try {
    await fs.access(directory, constants.W_OK | constants.X_OK)
    // For root, and on Deno for everyone, access(2) says yes on a read-only file system. Renaming what isn't there does
    // nothing on any other, and on that one fails with EROFS.
    const absent = `${directory}/.shoal-${process.pid}-absent`
    await fs.rename(absent, `${absent}-too`).catch((error) => {
      if (error.code === "EROFS") throw error
    })
  } catch (error) {
    throw Files.describe(error, "write to", directory)
  }
}
