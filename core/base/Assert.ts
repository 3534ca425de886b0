/** Our own bug, never the outside world's: thrown where an invariant of shoal itself is broken. */
export class AssertionFailure extends Error {
  override readonly name = "AssertionFailure"
}

/** Crashes with `message` unless `condition` holds. Outside data is never checked with this: it gets a value. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionFailure(message)
}

/** Crashes where the types say that nothing can arrive. */
export function unreachable(value: never): never {
  throw new AssertionFailure(`unreachable: ${String(value)}`)
}
