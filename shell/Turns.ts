/** What the parts of a driver share: its clock, its inputs and its scope. */
import type * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { Millis } from "../core/base/Time.ts"
import type { Input } from "../core/client/Input.ts"

export interface Turns {
  /** Milliseconds of the driver's monotonic clock, as in every input. */
  readonly now: () => Millis
  /** Takes an input and runs the turn, unless one is running: then it is taken next. */
  readonly push: (input: Input) => void
  /** The same for several inputs, which are taken one after another. */
  readonly pushAll: (inputs: ReadonlyArray<Input>) => void
  /** Starts work in the driver's scope; a defect in it is the driver's. */
  readonly run: (effect: Effect.Effect<void>) => Fiber.RuntimeFiber<void>
}
