/** The swarms of a tracker that keeps them in memory, from one run to the next: one file, replaced as a whole. */
import type { PlatformError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Bytes } from "../core/base/Bytes.ts"
import { PeerStore } from "./PeerStore.ts"

/** The file is there and can't be read; `message` names it. */
export class StateError extends Data.TaggedError("StateError")<{
  readonly reason: "state"
  readonly message: string
}> {}

/** Puts `bytes` in the place of the file at `path`: whenever it is read, it is the old one or the new one. */
const replace = (
  path: string,
  bytes: Bytes,
): Effect.Effect<void, PlatformError, FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const draft = `${path}.new`
    yield* Effect.scoped(Effect.gen(function* () {
      const file = yield* fs.open(draft, { flag: "w" })
      yield* file.writeAll(bytes)
      yield* file.sync
    })).pipe(
      Effect.zipRight(fs.rename(draft, path)),
      Effect.tapError(() => Effect.ignore(fs.remove(draft))),
    )
  })

/**
 * Puts the peers of the file at `path` into the store, and what is in the store then into the file when the scope ends. A
 * file that isn't there yet is none to worry about; one that is something else is told to `warn`, as is a failing write.
 */
export const keep = (
  path: string,
  warn: (message: string) => Effect.Effect<void>,
): Effect.Effect<void, StateError, Scope.Scope | FileSystem.FileSystem | PeerStore> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const store = yield* PeerStore
    const bytes = yield* Effect.catchAll(
      fs.readFile(path),
      (error) =>
        error._tag === "SystemError" && error.reason === "NotFound"
          ? Effect.succeed(undefined)
          : new StateError({
            reason: "state",
            message: `the state in ${path} can't be read: ${error.message}`,
          }),
    )
    if (bytes !== undefined && bytes.length > 0) {
      const count = yield* store.restore(bytes)
      if (count === 0) yield* warn(`${path} has no peers that are still of use`)
    }
    yield* Effect.addFinalizer(() =>
      Effect.gen(function* () {
        const snapshot = yield* store.snapshot
        if (snapshot !== undefined) yield* replace(path, snapshot)
      }).pipe(
        Effect.provideService(FileSystem.FileSystem, fs),
        Effect.catchAll(({ message }) => warn(`the state could not be written to ${path}: ${message}`)),
      )
    )
  })
