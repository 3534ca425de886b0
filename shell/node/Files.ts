/** The calls of node:fs that storage needs, as promises that fail with a `StorageError` naming the action and the path. */
import * as fs from "node:fs"
import { dirname } from "node:path"
import { promisify } from "node:util"
import type { Bytes } from "../../core/base/Bytes.ts"
import * as StorageError from "../StorageError.ts"

const { constants } = fs

/** Never through a link in the file's own place; Windows has no such flag. */
const NO_FOLLOW = constants.O_NOFOLLOW ?? 0

/** More than the threads of the runtime's file system pool (4 by default), so that these never wait for us. */
const CONCURRENCY = 16

const openAsync = promisify(fs.open)

// Not by promisify: its results have names on Node only.
const readAsync = (file: number, bytes: Bytes, at: number, position: number): Promise<number> =>
  new Promise((resolve, reject) =>
    fs.read(
      file,
      bytes,
      at,
      bytes.length - at,
      position,
      (error, count) => error ? reject(error) : resolve(count),
    )
  )

const writevAsync = (file: number, buffers: ReadonlyArray<Bytes>, position: number): Promise<number> =>
  new Promise((resolve, reject) =>
    fs.writev(file, buffers, position, (error, count) => error ? reject(error) : resolve(count))
  )

/** Fails with the reason of an errno code; what is no error of the system is our own bug, and stays what it is. */
export const describe = (error: unknown, action: string, path: string): unknown => {
  if (error instanceof StorageError.StorageError || !(error instanceof Error)) return error
  const { code } = error as { readonly code?: string }
  return code === undefined || code.startsWith("ERR_") ? error : StorageError.fromCode(code, action, path)
}

const named = async <A>(action: string, path: string, operation: Promise<A>): Promise<A> => {
  try {
    return await operation
  } catch (error) {
    throw describe(error, action, path)
  }
}

export const openForReading = (path: string): Promise<number> =>
  openAsync(path, constants.O_RDONLY | NO_FOLLOW)

/** Creates the file if need be, and keeps what is in it. */
export const openForWriting = (path: string): Promise<number> =>
  openAsync(path, constants.O_RDWR | constants.O_CREAT | NO_FOLLOW, 0o666)

export const close = promisify(fs.close)
export const fstat = promisify(fs.fstat)
export const ftruncate = promisify(fs.ftruncate)
/** Takes half of what `fs.promises.lstat` does. */
const lstatAsync = promisify(fs.lstat)

/** What is at `path` itself, links not followed; `undefined` where nothing is. */
export const lstat = async (path: string): Promise<fs.Stats | undefined> => {
  try {
    return await lstatAsync(path)
  } catch (error) {
    const { code } = error as { readonly code?: string }
    if (code === "ENOENT" || code === "ENOTDIR") return undefined
    throw describe(error, "look at", path)
  }
}

/** Fills `bytes` from `position` on; `Missing` where the file ends before that. */
export const readFully = async (
  file: number,
  path: string,
  bytes: Bytes,
  position: number,
): Promise<void> => {
  for (let at = 0; at < bytes.length;) {
    const count = await named("read", path, readAsync(file, bytes, at, position + at))
    if (count === 0) throw StorageError.make("Missing", "read", path)
    at += count
  }
}

/** Writes all buffers from `position` on, however many calls it takes. */
export const writeFully = async (
  file: number,
  path: string,
  buffers: ReadonlyArray<Bytes>,
  position: number,
): Promise<void> => {
  let left = buffers.filter((buffer) => buffer.length > 0)
  for (let at = position; left.length > 0;) {
    let count = await named("write", path, writevAsync(file, left, at))
    if (count === 0) throw StorageError.make("Io", "write", path)
    at += count
    while (left.length > 0 && count >= left[0]!.length) count -= left.shift()!.length
    if (count > 0) left = [left[0]!.subarray(count), ...left.slice(1)]
  }
}

export const sync = (file: number, path: string): Promise<void> =>
  named("save", path, promisify(fs.fsync)(file))

/** Creates a directory, and those above it that are missing; content with one that is there, or a link to one. */
export const makeDirectory = async (path: string): Promise<void> => {
  // One by one, because Node's own way of doing it says ENOENT where a file system is read-only.
  const missing: Array<string> = []
  for (let at = path; !await isThere(at) && dirname(at) !== at; at = dirname(at)) missing.push(at)
  for (const directory of missing.reverse()) {
    await fs.promises.mkdir(directory).catch((error) => {
      // Another write may have been faster.
      if (error.code !== "EEXIST") throw describe(error, "create", directory)
    })
  }
}

/** Links followed; a failure to look counts as there, and is told by whoever uses it. */
const isThere = (path: string): Promise<boolean> =>
  fs.promises.stat(path).then(() => true, (error) => error.code !== "ENOENT")

/**
 * Applies `f` to each item, some at a time: thousands of files must not become thousands of requests. The first failure
 * is thrown once nothing is under way any more.
 */
export const mapLimited = async <A, B>(
  items: ReadonlyArray<A>,
  f: (item: A, index: number) => Promise<B>,
): Promise<Array<B>> => {
  const results: Array<B> = new Array(items.length)
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      const index = next++
      try {
        results[index] = await f(items[index]!, index)
      } catch (error) {
        next = items.length
        throw error
      }
    }
  }
  const settled = await Promise.allSettled(
    Array.from({ length: Math.min(CONCURRENCY, items.length) }, worker),
  )
  for (const outcome of settled) if (outcome.status === "rejected") throw outcome.reason
  return results
}
