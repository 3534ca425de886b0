/** The one timer of a machine that says when it next wants a tick. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import { type Millis, NEVER } from "../core/base/Time.ts"

export interface Wake {
  /** The clock that deadlines are measured on: monotonic milliseconds, with fractions. */
  readonly now: () => Millis
  /**
   * Has `onDue` called at `at`, or a little later. It is only ever brought forward: an early tick changes nothing, and
   * putting a timer off costs more than one.
   */
  readonly arm: (at: Millis) => void
}

/** No sleep is longer: what is far off is asked for again then. */
const MAX_SLEEP_MS: Millis = 2 ** 31 - 1

/** A timer that ends with the scope. */
export const make = (onDue: (now: Millis) => void): Effect.Effect<Wake, never, Scope.Scope> =>
  Effect.gen(function* () {
    const clock = yield* Clock.clockWith(Effect.succeed)
    const fork = yield* FiberSet.makeRuntime<never, void, never>()
    const now = (): Millis => Number(clock.unsafeCurrentTimeNanos() / 1_000n) / 1_000
    let wakeAt = NEVER
    let wake: Fiber.RuntimeFiber<void> | undefined
    const due = Effect.sync(() => {
      wakeAt = NEVER
      wake = undefined
      onDue(now())
    })
    return {
      now,
      arm: (at) => {
        if (at >= wakeAt) return
        wakeAt = at
        wake?.unsafeInterruptAsFork(wake.id())
        const delayMs = Math.min(MAX_SLEEP_MS, Math.max(0, Math.ceil(at - now())))
        wake = fork(Effect.zipRight(Effect.sleep(delayMs), due))
      },
    }
  })
