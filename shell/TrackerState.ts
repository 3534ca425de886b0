/** The swarms of a tracker that keeps them in memory, from one run to the next: one file, replaced as a whole. */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { PeerStore } from "./PeerStore.ts"
import * as SavedFile from "./SavedFile.ts"

/** The file is there and can't be read; `message` names it. */
export class StateError extends Data.TaggedError("StateError")<{
  readonly reason: "state"
  readonly message: string
}> {}

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
    const bytes = yield* Effect.mapError(
      SavedFile.read(path),
      ({ message }) =>
        new StateError({ reason: "state", message: `the state in ${path} can't be read: ${message}` }),
    )
    if (bytes !== undefined && bytes.length > 0) {
      const count = yield* store.restore(bytes)
      if (count === 0) yield* warn(`${path} has no peers that are still of use`)
    }
    yield* Effect.addFinalizer(() =>
      Effect.gen(function* () {
        const snapshot = yield* store.snapshot
        if (snapshot !== undefined) yield* SavedFile.replace(path, snapshot)
      }).pipe(
        Effect.provideService(FileSystem.FileSystem, fs),
        Effect.catchAll(({ message }) => warn(`the state could not be written to ${path}: ${message}`)),
      )
    )
  })
