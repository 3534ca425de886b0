/** What a decoder returns: outside data never throws, it is either a value or a reason. */
export type Result<A, E> = { readonly ok: true; readonly value: A } | {
  readonly ok: false
  readonly error: E
}

export const ok = <A>(value: A): Result<A, never> => ({ ok: true, value })
export const err = <E>(error: E): Result<never, E> => ({ ok: false, error })
