/**
 * A 64-bit fingerprint of plain data: two runs are equal where their digests are, command by
 * command and state by state. Not for secrets, nor against somebody who looks for collisions.
 */
import { AssertionFailure } from "./Assert.ts"
import { isPlain } from "./Clone.ts"

/** Two independent 32-bit lanes. Mutable, one owner. */
export interface Digest {
  a: number
  b: number
}

/** The digest of nothing, to which values are {@link add}ed. */
export const make = (): Digest => ({ a: 0x243f6a88, b: 0x85a308d3 | 0 })

/** Mixes one value in; the order of values matters. Values are as in {@link digest}. */
export const add = (digest: Digest, value: unknown): void => mix(digest, value, new Map())

/** Sixteen hexadecimal digits. The digest may go on afterwards. */
export const toHex = ({ a, b }: Digest): string => hex(finish(a)) + hex(finish(b))

/**
 * The digest of one value, in hexadecimal: primitives, plain objects, arrays, Maps, Sets, typed arrays. The order of
 * items in arrays, Maps and Sets counts, that of an object's properties doesn't; 0 and -0 are the same, and so are all
 * NaNs. It is a digest of contents: whether two equal parts are one shared object makes no difference. Functions count
 * as nothing but functions.
 */
export const digest = (value: unknown): string => {
  const state = make()
  add(state, value)
  return toHex(state)
}

// Every kind of value begins with its own tag, and everything of variable length with its length, so that no two
// different values feed the same words.
const UNDEFINED = 1
const NULL = 2
const FALSE = 3
const TRUE = 4
const NUMBER = 5
const STRING = 6
const BIGINT = 7
const FUNCTION = 8
const ARRAY = 9
const OBJECT = 10
const MAP = 11
const SET = 12
const BYTES = 13
const CYCLE = 14

/** Digests of objects that are done; for those that are not, how deep they lie. */
type Seen = Map<object, Digest | number>

const mix = (digest: Digest, value: unknown, seen: Seen, depth = 0): void => {
  switch (typeof value) {
    case "undefined":
      return word(digest, UNDEFINED)
    case "boolean":
      return word(digest, value ? TRUE : FALSE)
    case "number":
      return mixNumber(digest, value)
    case "string":
      return mixString(digest, STRING, value)
    case "bigint":
      return mixString(digest, BIGINT, value.toString())
    case "function":
      return word(digest, FUNCTION)
    case "object":
      return value === null ? word(digest, NULL) : mixObject(digest, value, seen, depth)
    default:
      throw new AssertionFailure(`no digest of a ${typeof value}`)
  }
}

/** An object's own digest is computed once, however often it is reached. */
const mixObject = (digest: Digest, value: object, seen: Seen, depth: number): void => {
  const known = seen.get(value)
  if (typeof known === "number") {
    word(digest, CYCLE)
    return word(digest, depth - known)
  }
  let own = known
  if (own === undefined) {
    own = make()
    seen.set(value, depth)
    mixContents(own, value, seen, depth + 1)
    seen.set(value, own)
  }
  word(digest, own.a)
  word(digest, own.b)
}

const mixContents = (own: Digest, value: object, seen: Seen, depth: number): void => {
  if (ArrayBuffer.isView(value)) return mixView(own, value)
  if (Array.isArray(value)) {
    head(own, ARRAY, value.length)
    for (let i = 0; i < value.length; i++) mix(own, value[i], seen, depth)
  } else if (value instanceof Map) {
    head(own, MAP, value.size)
    for (const [key, item] of value) {
      mix(own, key, seen, depth)
      mix(own, item, seen, depth)
    }
  } else if (value instanceof Set) {
    head(own, SET, value.size)
    for (const item of value) mix(own, item, seen, depth)
  } else if (isPlain(value)) {
    const keys = Object.keys(value).sort() // by UTF-16 units, in every locale
    head(own, OBJECT, keys.length)
    for (const key of keys) {
      mixString(own, STRING, key)
      mix(own, (value as Record<string, unknown>)[key], seen, depth)
    }
  } else {
    throw new AssertionFailure(`no digest of ${Object.prototype.toString.call(value)}`)
  }
}

/** Where a number's bits are read from. */
const bits = new DataView(new ArrayBuffer(8))

const mixNumber = (digest: Digest, value: number): void => {
  bits.setFloat64(0, Number.isNaN(value) ? NaN : value + 0) // -0 + 0 is 0
  word(digest, NUMBER)
  word(digest, bits.getInt32(0))
  word(digest, bits.getInt32(4))
}

const mixString = (digest: Digest, tag: number, text: string): void => {
  head(digest, tag, text.length)
  for (let i = 0; i < text.length; i += 2) {
    word(digest, text.charCodeAt(i) | (i + 1 < text.length ? text.charCodeAt(i + 1) << 16 : 0))
  }
}

/** By kind and memory, little endian on all machines that matter; a Node Buffer is the Uint8Array that it is. */
const mixView = (digest: Digest, view: ArrayBufferView): void => {
  mixString(digest, BYTES, (view as unknown as Uint8Array)[Symbol.toStringTag])
  head(digest, BYTES, view.byteLength)
  const data = new DataView(view.buffer, view.byteOffset, view.byteLength)
  let i = 0
  for (; i + 4 <= data.byteLength; i += 4) word(digest, data.getInt32(i, true))
  let rest = 0
  for (; i < data.byteLength; i++) rest = (rest << 8) | data.getUint8(i)
  word(digest, rest)
}

const head = (digest: Digest, tag: number, length: number): void => {
  word(digest, tag)
  word(digest, length)
}

// Odd constants with well-spread bits (golden ratio, square roots), different for each lane.
const ROUND_A = 0x9e3779b1 | 0
const ROUND_B = 0xbb67ae85 | 0
const STEP_A = 0x3c6ef372
const STEP_B = 0x54ff53a5

const word = (digest: Digest, value: number): void => {
  const a = digest.a ^ Math.imul(value, ROUND_A)
  const b = digest.b ^ Math.imul((value << 16) | (value >>> 16), ROUND_B)
  digest.a = (Math.imul((a << 13) | (a >>> 19), 5) + STEP_A) | 0
  digest.b = (Math.imul((b << 17) | (b >>> 15), 9) + STEP_B) | 0
}

/** Spreads every bit over all the others. */
const finish = (x: number): number => {
  let h = x
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d)
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b)
  return h ^ (h >>> 16)
}

const hex = (x: number): string => (x >>> 0).toString(16).padStart(8, "0")
