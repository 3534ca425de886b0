/** Writes a file that was not there: as a whole or not at all, and never over another one. */
import type { PlatformError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Path from "@effect/platform/Path"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type { Bytes } from "../core/base/Bytes.ts"
import * as CreateError from "./CreateError.ts"
import * as SavedFile from "./SavedFile.ts"

type Writing = Effect.Effect<void, CreateError.CreateError, FileSystem.FileSystem | Path.Path>

/**
 * Fails if {@link write} to this absolute path would, as far as that can be told: before the work that gives the bytes.
 * The file must not go into `content`, if that is a folder: the next torrent of it would be another one.
 */
export const check = (path: string, content: string): Writing =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const paths = yield* Path.Path
    const directory = paths.dirname(path)
    const info = yield* fs.stat(directory).pipe(
      Effect.mapError((error) =>
        error._tag === "SystemError" && error.reason === "NotFound"
          ? CreateError.make("NotFound", `there is no folder ${directory} to write to; create it first`)
          : CreateError.fromPlatform("write to", directory)(error)
      ),
    )
    if (info.type !== "Directory") {
      return yield* CreateError.make("Conflict", `${directory} is not a folder, so ${path} cannot be written`)
    }
    const to = yield* Effect.mapError(fs.realPath(directory), CreateError.fromPlatform("look at", directory))
    // Missing content is told by whoever reads it.
    const from = yield* Effect.orElseSucceed(fs.realPath(content), () => undefined)
    if (
      from !== undefined && `${to}${paths.sep}`.startsWith(from.endsWith(paths.sep) ? from : from + paths.sep)
    ) {
      return yield* CreateError.make(
        "InsideContent",
        `${path} lies in the folder that the torrent is made of; choose another place for it (-o FILE)`,
      )
    }
    if (yield* isThere(fs, path)) return yield* exists(path)
    // For root, and on Deno for everyone, asking for permission says yes on a read-only file system.
    const draft = yield* draftIn(directory)
    yield* Effect.scoped(fs.open(draft, { flag: "wx" })).pipe(
      Effect.zipRight(fs.remove(draft)),
      Effect.mapError(CreateError.fromPlatform("write to", directory)),
      Effect.uninterruptible,
    )
  })

/** Writes `bytes` to the absolute `path`; fails with `Exists` where something is, which stays as it was. */
export const write = (path: string, bytes: Bytes): Writing =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const paths = yield* Path.Path
    const draft = yield* draftIn(paths.dirname(path))
    yield* Effect.scoped(Effect.flatMap(
      fs.open(draft, { flag: "wx" }),
      (file) => Effect.zipRight(file.writeAll(bytes), file.sync),
    )).pipe(
      Effect.zipRight(place(fs, draft, path)),
      Effect.zipLeft(SavedFile.syncFolder(paths.dirname(path))),
      Effect.catchAll((error) =>
        error instanceof CreateError.CreateError ? error : CreateError.fromPlatform("write", path)(error)
      ),
      Effect.ensuring(Effect.ignore(fs.remove(draft, { force: true }))),
    )
  }).pipe(Effect.uninterruptible)

/** Gives the draft its name. A second name fails where one is, a new name would replace it. */
const place = (
  fs: FileSystem.FileSystem,
  draft: string,
  path: string,
): Effect.Effect<void, PlatformError | CreateError.CreateError> =>
  Effect.catchAll(fs.link(draft, path), (error) =>
    Effect.gen(function* () {
      if (yield* isThere(fs, path)) return yield* exists(path)
      const isFull = (error.cause as { readonly code?: string } | undefined)?.code === "ENOSPC"
      if (isFull) return yield* error
      // Not every file system has second names: FAT, and some on the network.
      yield* fs.rename(draft, path)
    }))

/** A link to nothing is something, too. */
const isThere = (fs: FileSystem.FileSystem, path: string): Effect.Effect<boolean> =>
  Effect.zipWith(
    Effect.isSuccess(fs.stat(path)),
    Effect.isSuccess(fs.readLink(path)),
    (isFile, isLink) => isFile || isLink,
  )

const exists = (path: string): CreateError.CreateError =>
  CreateError.make("Exists", `${path} exists already; move it away, or choose another name (-o FILE)`)

/** Beside the file, so that it can be renamed; of a name that is short enough for any file system. */
const draftIn = (directory: string): Effect.Effect<string, never, Path.Path> =>
  Effect.zipWith(
    Path.Path,
    Random.nextIntBetween(0, 2 ** 48),
    (paths, number) => paths.join(directory, `.shoal-${number.toString(16)}.new`),
  )
