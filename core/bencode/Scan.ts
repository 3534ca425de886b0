/**
 * The one pass over bencoded bytes: it proves them right and notes where each value and key lies, three numbers a token,
 * and makes nothing of them yet. So millions of values that nobody asks for cost a few bytes each and no object at all,
 * and bytes that are wrong at their end are refused as fast as they can be read.
 */
import { type Bytes, toLatin1 } from "../base/Bytes.ts"
import { err, ok, type Result } from "../base/Result.ts"
import type { DecodeError, DecodeReason } from "./DecodeError.ts"

/** Beyond any number in use (64 bits are 20 digits), and it keeps the time to read a big integer linear. */
export const MAX_INTEGER_DIGITS = 1_024

/** The tokens of one value, in the order of their bytes: a container before what is in it, a key before its value. */
export interface Index {
  readonly source: Bytes
  /** Of each token: its start, its end, and what its kind needs, see {@link detail}. */
  readonly words: Int32Array
}

const WORDS = 3
/** Enough for nearly every message; a torrent's index doubles a few times. */
const FIRST_TOKENS = 32

/** Byte offset of a token's first byte. */
export const start = (index: Index, token: number): number => index.words[token * WORDS]!

/** Byte offset just after a token. */
export const end = (index: Index, token: number): number => index.words[token * WORDS + 1]!

/** Of a text: the offset of its first byte after the colon. Of a container: the token after it, `~` of it if unsorted. */
const detail = (index: Index, token: number): number => index.words[token * WORDS + 2]!

/** The bytes of a text, a view of the source. */
export const text = (index: Index, token: number): Bytes =>
  index.source.subarray(detail(index, token), end(index, token))

/** Whether a text is `latin1`, one character a byte. */
export const spells = (index: Index, token: number, latin1: string): boolean => {
  const from = detail(index, token)
  if (end(index, token) - from !== latin1.length) return false
  for (let i = 0; i < latin1.length; i++) if (index.source[from + i] !== latin1.charCodeAt(i)) return false
  return true
}

/** The byte that a token starts with, which tells its kind. */
export const kind = (index: Index, token: number): number => index.source[start(index, token)]!

/** Whether the keys of a dictionary came in raw byte order. */
export const isSorted = (index: Index, token: number): boolean => detail(index, token) >= 0

/** The token that follows a whole value. */
export const next = (index: Index, token: number): number => {
  const byte = kind(index, token)
  if (byte !== L && byte !== D) return token + 1
  const after = detail(index, token)
  return after < 0 ? ~after : after
}

export const D = 0x64
export const E = 0x65
export const I = 0x69
export const L = 0x6c
export const MINUS = 0x2d
const COLON = 0x3a
const ZERO = 0x30
const NINE = 0x39

/** A container whose end has not come. One for each depth is made and used again. */
interface Open {
  token: number
  isDict: boolean
  /** In a dictionary: a key or the end comes next. */
  wantsKey: boolean
  /** The key before, -1 for none. */
  lastKey: number
  isSorted: boolean
  /** All keys so far, from the first one on that is out of order: only then is a set needed to find one twice. */
  keys: Set<string> | undefined
}

/** What the readers of a text and of an integer leave behind: results a token would be millions of objects. */
interface Cursor {
  readonly source: Bytes
  /** Where a text begins, after its colon. */
  from: number
  /** Just after the token; where a reader fails, the place of the error. */
  to: number
}

/**
 * Scans one value from the start of `source`; what follows it is the caller's. In time linear in the bytes, and in memory
 * linear in the tokens that are there, never in a number that the source claims.
 */
export const scan = (source: Bytes, maxDepth: number, maxTokens: number): Result<Index, DecodeError> => {
  const cursor: Cursor = { source, from: 0, to: 0 }
  const stack: Array<Open> = []
  let words = new Int32Array(FIRST_TOKENS * WORDS)
  let depth = 0
  let open: Open | undefined
  let token = 0
  let at = 0

  for (;;) {
    if (at >= source.length) return fail("Truncated", at)
    const byte = source[at]!

    if (byte === E && open !== undefined && (!open.isDict || open.wantsKey)) {
      at++
      words[open.token * WORDS + 1] = at
      words[open.token * WORDS + 2] = open.isSorted ? token : ~token
      open.keys = undefined
      open = --depth === 0 ? undefined : stack[depth - 1]
    } else {
      if (depth > maxDepth) return fail("DepthExceeded", at)
      if (token >= maxTokens) return fail("TokenLimit", at)
      // A token has two bytes at least, so that this many more can come.
      if (token * WORDS === words.length) {
        words = grown(words, Math.min(maxTokens, token + ((source.length - at) >> 1) + 1))
      }
      words[token * WORDS] = at

      if (byte >= ZERO && byte <= NINE) {
        const problem = readText(cursor, at)
        if (problem !== undefined) return fail(problem, cursor.to)
        words[token * WORDS + 1] = cursor.to
        words[token * WORDS + 2] = cursor.from
        if (open !== undefined && open.wantsKey) {
          if (!takeKey({ source, words }, open, token)) return fail("DuplicateKey", at)
          at = cursor.to
          token++
          continue
        }
        at = cursor.to
        token++
      } else if (byte === MINUS) {
        return fail("BadLength", at)
      } else if (open !== undefined && open.wantsKey) {
        return fail(byte === I || byte === L || byte === D ? "KeyNotText" : "UnexpectedByte", at)
      } else if (byte === I) {
        const problem = readInteger(cursor, at)
        if (problem !== undefined) return fail(problem, cursor.to)
        words[token * WORDS + 1] = at = cursor.to
        token++
      } else if (byte === L || byte === D) {
        open = stack[depth] ??= {
          token,
          isDict: false,
          wantsKey: false,
          lastKey: -1,
          isSorted: true,
          keys: undefined,
        }
        open.token = token++
        open.isDict = open.wantsKey = byte === D
        open.lastKey = -1
        open.isSorted = true
        depth++
        at++
        continue
      } else {
        return fail("UnexpectedByte", at)
      }
    }

    // A value is complete.
    if (open === undefined) return ok({ source, words })
    open.wantsKey = open.isDict
  }
}

const fail = (reason: DecodeReason, offset: number): Result<never, DecodeError> =>
  err({ _tag: "DecodeError", reason, offset })

/** Twice as large, so that copying stays linear, but not larger than `maxTokens` need. */
const grown = (words: Int32Array, maxTokens: number): Int32Array<ArrayBuffer> => {
  const larger = new Int32Array(Math.min(words.length * 2, maxTokens * WORDS))
  larger.set(words)
  return larger
}

/** Notes the key `token` of a dictionary; false if that key was there before. */
const takeKey = (index: Index, open: Open, token: number): boolean => {
  const order = open.lastKey < 0 ? -1 : compare(index, open.lastKey, token)
  if (order === 0) return false
  if (order > 0 && open.keys === undefined) {
    open.isSorted = false
    open.keys = new Set()
    for (let key = open.token + 1; key < token; key = next(index, key + 1)) {
      open.keys.add(toLatin1(text(index, key)))
    }
  }
  if (open.keys !== undefined) {
    const key = toLatin1(text(index, token))
    if (open.keys.has(key)) return false
    open.keys.add(key)
  }
  open.lastKey = token
  open.wantsKey = false
  return true
}

/** Raw byte order of two texts; no view is made for a comparison that mostly ends at the first byte. */
const compare = (index: Index, a: number, b: number): number => {
  const { source } = index
  const fromA = detail(index, a)
  const fromB = detail(index, b)
  const lengthA = end(index, a) - fromA
  const lengthB = end(index, b) - fromB
  const shared = Math.min(lengthA, lengthB)
  for (let i = 0; i < shared; i++) {
    const difference = source[fromA + i]! - source[fromB + i]!
    if (difference !== 0) return difference
  }
  return lengthA - lengthB
}

/** Reads `<digits>:` at `start`, where a digit stands, and finds the text after it inside the source. */
const readText = (cursor: Cursor, start: number): DecodeReason | undefined => {
  const { source } = cursor
  cursor.to = start
  let length = 0
  let at = start
  for (; at < source.length; at++) {
    const byte = source[at]!
    if (byte < ZERO || byte > NINE) break
    length = length * 10 + (byte - ZERO)
    // More than there is: no further digit can mend it, and none is read.
    if (length > source.length) return "Truncated"
  }
  if (at === source.length || source[at] !== COLON) {
    cursor.to = at
    return at === source.length ? "Truncated" : "BadLength"
  }
  if (source[start] === ZERO && at - start > 1) return "NonCanonicalLength"
  const from = at + 1
  if (from + length > source.length) return "Truncated"
  cursor.from = from
  cursor.to = from + length
  return undefined
}

/** Reads `i<digits>e` at `start`, where the `i` stands. */
const readInteger = (cursor: Cursor, start: number): DecodeReason | undefined => {
  const { source } = cursor
  cursor.to = start
  let at = start + 1
  const isNegative = source[at] === MINUS
  if (isNegative) at++
  const first = at
  for (; at < source.length; at++) {
    const byte = source[at]!
    if (byte < ZERO || byte > NINE) break
    if (at - first >= MAX_INTEGER_DIGITS) return "BadInteger"
  }
  if (at === source.length) {
    cursor.to = at
    return "Truncated"
  }
  const digits = at - first
  const hasLeadingZero = source[first] === ZERO && (digits > 1 || isNegative)
  if (source[at] !== E || digits === 0 || hasLeadingZero) return "BadInteger"
  cursor.to = at + 1
  return undefined
}
