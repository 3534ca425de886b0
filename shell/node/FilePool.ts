/**
 * Open files of all torrents: at most `capacity` at a time, the least recently used one giving way. A file that is in
 * use is never closed under its user; where all are in use, the next one waits.
 */
import * as fs from "node:fs"
import { StorageError } from "../StorageError.ts"
import * as Descriptors from "./Descriptors.ts"

/** A process may have 256 (macOS) or 1,024 (Linux) descriptors by default, and sockets need most of them. */
export const DEFAULT_CAPACITY = 128

/** Of fewer descriptors, this part is for files; the rest is for the runtime, sockets and the hasher. */
const SHARE_OF_FEW = 1 / 4

/** {@link DEFAULT_CAPACITY}, or less where the system gives this process fewer descriptors, as far as it tells. */
export const capacityHere = (): number => {
  const limit = Descriptors.openFiles() ?? Infinity
  return Math.max(1, Math.min(DEFAULT_CAPACITY, Math.floor(limit * SHARE_OF_FEW)))
}

/**
 * How long a file waits for a descriptor where the process has none left: a flood of connections takes them all for
 * moments, and must not end a download.
 */
export const PATIENCE_MS = 3_000

/** Time between two tries. */
const RETRY_MS = 25

export interface FilePool {
  /**
   * Runs `body` with the descriptor of `path`, opened with `open` unless it is open already; a file that was opened for
   * writing serves readers too. `owner` says whose file it is.
   */
  readonly use: <A>(
    owner: object,
    path: string,
    access: "read" | "write",
    open: () => Promise<number>,
    body: (file: number) => Promise<A>,
  ) => Promise<A>
  /** Closes the files of an owner, each once its users are done. */
  readonly closeAll: (owner: object) => Promise<void>
  /** Descriptors open or being opened. */
  readonly size: () => number
}

interface Entry {
  readonly owner: object
  readonly path: string
  readonly access: "read" | "write"
  readonly file: Promise<number>
  users: number
  /** Called when the last user is done, once the entry's owner has gone. */
  onIdle: (() => void) | undefined
}

export const make = (capacity = DEFAULT_CAPACITY, patienceMs = PATIENCE_MS): FilePool => {
  // From the least to the most recently used. Few enough to be searched: a search costs less than any system call.
  const entries = new Set<Entry>()
  const waiting: Array<() => void> = []

  const find = (owner: object, path: string, access: "read" | "write"): Entry | undefined => {
    for (const entry of entries) {
      if (entry.owner === owner && entry.path === path && (entry.access === "write" || access === "read")) {
        return entry
      }
    }
    return undefined
  }

  const idle = (): Entry | undefined => {
    for (const entry of entries) if (entry.users === 0) return entry
    return undefined
  }

  const acquire = async (
    owner: object,
    path: string,
    access: "read" | "write",
    open: () => Promise<number>,
  ): Promise<Entry> => {
    for (;;) {
      const found = find(owner, path, access)
      if (found !== undefined) {
        entries.delete(found)
        entries.add(found)
        found.users++
        return found
      }
      const victim = entries.size < capacity ? undefined : idle()
      if (entries.size < capacity || victim !== undefined) {
        if (victim !== undefined) entries.delete(victim)
        const entry: Entry = {
          owner,
          path,
          access,
          file: replace(victim, open),
          users: 1,
          onIdle: undefined,
        }
        entries.add(entry)
        return entry
      }
      await new Promise<void>((resolve) => waiting.push(resolve))
    }
  }

  /** Opens a file after the one that it takes the place of has been closed. */
  const replace = async (
    victim: Entry | undefined,
    open: () => Promise<number>,
    waitedMs = 0,
  ): Promise<number> => {
    if (victim !== undefined) await closeFile(victim)
    try {
      return await open()
    } catch (error) {
      if (!isOutOfFiles(error)) throw error
      // The process ran out before the pool did: give one back and try again.
      const other = idle()
      if (other !== undefined) {
        entries.delete(other)
        return replace(other, open, waitedMs)
      }
      if (waitedMs >= patienceMs) throw error
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
      return replace(undefined, open, waitedMs + RETRY_MS)
    }
  }

  /** A file that could not be opened is forgotten at once: the next user tries anew. */
  const opened = (entry: Entry): Promise<number> =>
    entry.file.catch((error) => {
      entries.delete(entry)
      throw error
    })

  const release = (entry: Entry): void => {
    entry.users--
    if (entry.users > 0) return
    entry.onIdle?.()
    waiting.shift()?.()
  }

  return {
    use: async (owner, path, access, open, body) => {
      const entry = await acquire(owner, path, access, open)
      try {
        return await body(await opened(entry))
      } finally {
        release(entry)
      }
    },
    closeAll: async (owner) => {
      const closing: Array<Promise<void>> = []
      for (const entry of [...entries]) {
        if (entry.owner !== owner) continue
        const unused = entry.users === 0
          ? Promise.resolve()
          : new Promise<void>((resolve) => entry.onIdle = resolve)
        closing.push(unused.then(() => {
          entries.delete(entry)
          return closeFile(entry)
        }))
      }
      await Promise.all(closing)
      // The places that became free.
      waiting.splice(0).forEach((resume) => resume())
    },
    size: () => entries.size,
  }
}

/** Said by the system, or by whoever opened the file in the words of the port. */
const isOutOfFiles = (error: unknown): boolean => {
  if (error instanceof StorageError) return error.reason === "TooManyOpenFiles"
  const { code } = error as { readonly code?: string }
  return code === "EMFILE" || code === "ENFILE"
}

/** Never fails: a file that could not be opened needs no closing, and what closing reports, `sync` has reported. */
const closeFile = async (entry: Entry): Promise<void> => {
  const file = await entry.file.catch(() => undefined)
  if (file !== undefined) await new Promise<void>((resolve) => fs.close(file, () => resolve()))
}
