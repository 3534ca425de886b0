/** The signal that asks a server to read its configuration again. */
import process from "node:process"
import * as Effect from "effect/Effect"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"

/** Runs `task` for each SIGHUP until the scope ends, instead of dying of it; never, on a system that has none. */
export const onHangup = (task: Effect.Effect<void>): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function* () {
    const runtime = yield* Effect.runtime<never>()
    const listener = (): void => void Runtime.runFork(runtime)(task)
    yield* Effect.acquireRelease(
      Effect.sync(() => process.on("SIGHUP", listener)),
      () => Effect.sync(() => process.off("SIGHUP", listener)),
    )
  })
