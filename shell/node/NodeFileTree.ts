/** `FileTree` on the file system: many paths in one Effect, since a torrent may have a hundred thousand files. */
import { constants, promises as fs } from "node:fs"
import { sep } from "node:path"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { isUtf8, toUtf8 } from "../../core/base/Bytes.ts"
import * as CreateError from "../CreateError.ts"
import { type Entry, FileTree } from "../FileTree.ts"
import * as Files from "./Files.ts"

/** What a runtime that has names as text only puts for bytes that are no UTF-8; such a name leads nowhere. */
const REPLACEMENT = "\ufffd"

const codeOf = (error: unknown): string | undefined => (error as { readonly code?: string }).code

/** Fails with what an errno says; what is no error of the system is our own bug, and stays what it is. */
const attempt = async <A>(action: string, path: string, operation: Promise<A>): Promise<A> => {
  try {
    return await operation
  } catch (error) {
    const code = codeOf(error)
    throw code === undefined || code.startsWith("ERR_")
      ? error
      : CreateError.fromCode(code, action, path, error)
  }
}

const lookAt = async (path: string): Promise<Entry> => {
  const own = await lstat(path)
  if (own === undefined) return { _tag: "Missing" }
  const isLink = own.isSymbolicLink()
  const stats = isLink ? await follow(path) : own
  if (stats.isDirectory()) return { _tag: "Directory", identity: await identify(path, stats) }
  if (!stats.isFile()) return { _tag: "Other" }
  // Asked now: an hour of hashing later it would be the same news.
  await attempt("read", path, fs.access(path, constants.R_OK))
  return {
    _tag: "File",
    bytes: stats.size,
    modifiedMs: stats.mtimeMs,
    place: isLink ? await attempt("read", path, fs.realpath(path)) : path,
    isLink,
  }
}

type Stats = Awaited<ReturnType<typeof fs.lstat>> & { readonly size: number; readonly mtimeMs: number }

const lstat = async (path: string): Promise<Stats | undefined> => {
  try {
    return await fs.lstat(path)
  } catch (error) {
    const code = codeOf(error)
    if (code === "ENOENT" || code === "ENOTDIR") return undefined
    throw CreateError.fromCode(code, "read", path, error)
  }
}

const follow = async (path: string): Promise<Stats> => {
  try {
    return await fs.stat(path)
  } catch (error) {
    const code = codeOf(error)
    if (code !== "ENOENT" && code !== "ENOTDIR" && code !== "ELOOP") {
      throw CreateError.fromCode(code, "read", path, error)
    }
    throw CreateError.make("BadLink", `${path} is a symbolic link to nothing; remove it, or mend it`)
  }
}

/** By device and number, or by the path without links on a file system that has no numbers. */
const identify = async (path: string, { dev, ino }: Stats): Promise<string> =>
  ino > 0 ? `${dev}:${ino}` : await attempt("read", path, fs.realpath(path))

const list = async (directory: string): Promise<ReadonlyArray<string>> => {
  const raw = await attempt("read", directory, fs.readdir(directory, { encoding: "buffer" }))
  const names = raw.map((bytes) => {
    const name = toUtf8(bytes)
    if (!isUtf8(bytes)) throw badName(directory, name)
    return name
  })
  const doubtful = names.filter((name) => name.includes(REPLACEMENT))
  for (const name of doubtful) {
    const isThere = await lstat(`${directory}${sep}${name}`) !== undefined
    if (!isThere || doubtful.filter((other) => other === name).length > 1) throw badName(directory, name)
  }
  return names
}

const badName = (directory: string, name: string): CreateError.CreateError =>
  CreateError.make(
    "BadName",
    `the name of ${directory}${sep}${name} is not UTF-8, as a torrent needs it; rename it`,
  )

const run = <A>(body: () => Promise<A>): Effect.Effect<A, CreateError.CreateError> =>
  Effect.tryPromise({ try: body, catch: (error) => error }).pipe(
    Effect.catchAll((error) =>
      error instanceof CreateError.CreateError ? Effect.fail(error) : Effect.die(error)
    ),
  )

export const layer: Layer.Layer<FileTree> = Layer.succeed(FileTree, {
  look: (paths) => run(() => Files.mapLimited(paths, lookAt)),
  list: (directory) => run(() => list(directory)),
})
