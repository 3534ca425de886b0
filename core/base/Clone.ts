/**
 * Deep copies of machine states: how a state is forked for a test, a snapshot or a what-if run. A state is made of
 * primitives, plain objects, arrays, Maps, Sets and typed arrays; anything else in it is our own bug.
 */
import { AssertionFailure } from "./Assert.ts"

/**
 * A copy that shares nothing mutable with `value`: what one reaches twice is copied once, cycles included. Frozen objects
 * (`Object.freeze`) and functions are shared, which is how a state marks what never changes, such as a metainfo.
 * A typed array is copied as what it shows, not with its whole buffer; two views of one buffer become independent.
 */
export const clone = <A>(value: A): A => {
  const copier: Copier = { copies: new Map(), unfilled: [] }
  const copied = shell(copier, value)
  // A list instead of recursion, so that a long chain of objects cannot overflow the stack.
  for (let from = copier.unfilled.pop(); from !== undefined; from = copier.unfilled.pop()) fill(copier, from)
  return copied as A
}

interface Copier {
  readonly copies: Map<object, object>
  /** Originals whose copies are still empty. */
  readonly unfilled: Array<object>
}

/** The copy of a value, which may be filled later; a value that needs no copy itself. */
const shell = (copier: Copier, value: unknown): unknown => {
  if (typeof value !== "object" || value === null) return value
  const known = copier.copies.get(value)
  if (known !== undefined) return known
  if (Object.isFrozen(value)) return value
  if (ArrayBuffer.isView(value)) {
    const copy = copyView(value)
    copier.copies.set(value, copy)
    return copy
  }
  const copy = emptyLike(value)
  copier.copies.set(value, copy)
  copier.unfilled.push(value)
  return copy
}

const emptyLike = (value: object): object => {
  if (Array.isArray(value)) return []
  if (value instanceof Map) return new Map()
  if (value instanceof Set) return new Set()
  if (isPlain(value)) return Object.create(Object.getPrototypeOf(value))
  throw new AssertionFailure(`a state holds plain data, not ${Object.prototype.toString.call(value)}`)
}

const fill = (copier: Copier, from: object): void => {
  const to = copier.copies.get(from)!
  if (Array.isArray(from)) {
    for (let i = 0; i < from.length; i++) (to as Array<unknown>)[i] = shell(copier, from[i])
  } else if (from instanceof Map) {
    for (const [key, item] of from) {
      ;(to as Map<unknown, unknown>).set(shell(copier, key), shell(copier, item))
    }
  } else if (from instanceof Set) {
    for (const item of from) (to as Set<unknown>).add(shell(copier, item))
  } else {
    for (const key of Object.keys(from)) {
      const item = shell(copier, (from as Record<string, unknown>)[key])
      // Assigning this one name would set the prototype instead.
      if (key === "__proto__") {
        Object.defineProperty(to, key, { value: item, writable: true, enumerable: true, configurable: true })
      } else (to as Record<string, unknown>)[key] = item
    }
  }
}

/** Written as an object literal, or without a prototype: no instance of a class, whose inside is not ours to copy. */
export const isPlain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

const TYPED_ARRAYS = new Map<string, new (view: ArrayLike<never>) => ArrayBufferView>(
  [
    Int8Array,
    Uint8Array,
    Uint8ClampedArray,
    Int16Array,
    Uint16Array,
    Int32Array,
    Uint32Array,
    Float32Array,
    Float64Array,
    BigInt64Array,
    BigUint64Array,
  ].map((type) => [type.name, type as unknown as new (view: ArrayLike<never>) => ArrayBufferView]),
)

/** By the kind that the engine knows, not by the constructor: a Node Buffer is copied as the Uint8Array that it is. */
const copyView = (view: ArrayBufferView): ArrayBufferView => {
  const type = TYPED_ARRAYS.get((view as unknown as Uint8Array)[Symbol.toStringTag])
  if (type === undefined) throw new AssertionFailure("a state holds typed arrays, no DataView")
  return new type(view as unknown as ArrayLike<never>)
}
