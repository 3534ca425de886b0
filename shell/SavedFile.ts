/**
 * A small file that is kept from one run to the next, and only ever replaced as a whole. It is for its owner's eyes: it may
 * hold addresses of other people.
 */
import type { PlatformError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import type { Bytes } from "../core/base/Bytes.ts"

/** What is in the file at `path`; `undefined` where there is none yet. */
export const read = (path: string): Effect.Effect<Bytes | undefined, PlatformError, FileSystem.FileSystem> =>
  FileSystem.FileSystem.pipe(
    Effect.flatMap((fs) => fs.readFile(path)),
    Effect.catchIf(
      (error) => error._tag === "SystemError" && error.reason === "NotFound",
      () => Effect.succeed(undefined),
    ),
  )

/** Puts `bytes` in the place of the file at `path`: whenever it is read, it is the old one or the new one. */
export const replace = (
  path: string,
  bytes: Bytes,
): Effect.Effect<void, PlatformError, FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const draft = `${path}.new`
    yield* Effect.scoped(Effect.gen(function* () {
      const file = yield* fs.open(draft, { flag: "w", mode: 0o600 })
      yield* file.writeAll(bytes)
      yield* file.sync
    })).pipe(
      Effect.zipRight(fs.rename(draft, path)),
      Effect.tapError(() => Effect.ignore(fs.remove(draft))),
    )
    yield* syncFolder(path.replace(/[^/\\]+$/, "") || ".")
  })

/** Brings the names in a folder to the device, on systems where a folder can be opened: what is in the files is safe. */
export const syncFolder = (folder: string): Effect.Effect<void, never, FileSystem.FileSystem> =>
  FileSystem.FileSystem.pipe(
    Effect.flatMap((fs) =>
      Effect.scoped(Effect.flatMap(fs.open(folder, { flag: "r" }), (file) => file.sync))
    ),
    Effect.ignore,
  )
