/** Where the body of a contract's test runs: in the runtime of the test, or in a simulated world. */
import type * as Effect from "effect/Effect"

export type Inside = <A, E>(body: Effect.Effect<A, E>) => Effect.Effect<A, E>

/** In the test's own runtime, on its clock. */
export const outside: Inside = (body) => body
