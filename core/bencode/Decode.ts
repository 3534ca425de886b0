/**
 * The bencode reader (BEP 3): strict, without recursion, with limits, keeping offsets. Canonical in everything but the
 * order of keys, which real torrents get wrong: `Dict.isSorted` tells, and the caller decides.
 */
import { type Bytes, toLatin1 } from "../base/Bytes.ts"
import { err, ok, type Result } from "../base/Result.ts"
import type { Value } from "./Value.ts"

/** A value may lie in this many containers. Torrents and messages nest about five deep; v2 file trees as deep as paths. */
export const MAX_DEPTH = 100
/** Values and keys together. A torrent of 100,000 files has under a million; bounds the objects that bytes can cost. */
export const MAX_TOKENS = 3_000_000
/** Beyond any number in use (64 bits are 20 digits), and it keeps the time to read a big integer linear. */
export const MAX_INTEGER_DIGITS = 1_024

export type DecodeReason =
  /** No value, or no key, starts with this byte. */
  | "UnexpectedByte"
  /** A dictionary's key is not a text. */
  | "KeyNotText"
  /** A text's length has a sign or another character that is no digit. */
  | "BadLength"
  /** A text's length has a leading zero. */
  | "NonCanonicalLength"
  /** No digits, a leading zero, `-0`, a character that is no digit, or over {@link MAX_INTEGER_DIGITS} digits. */
  | "BadInteger"
  /** The bytes end inside a value, or a text claims more than there are. */
  | "Truncated"
  | "DuplicateKey"
  | "DepthExceeded"
  | "TokenLimit"
  /** Bytes after the value, where they are not allowed. */
  | "TrailingBytes"

export interface DecodeError {
  readonly _tag: "DecodeError"
  readonly reason: DecodeReason
  /** Where in the source, in bytes. */
  readonly offset: number
}

export interface DecodeOptions {
  readonly maxDepth?: number
  readonly maxTokens?: number
  /** Whether bytes after the value are an error (the default) or left to the caller, from `value.end` on. */
  readonly trailing?: "reject" | "allow"
}

/** A container whose end has not come: one shape for both kinds, which keeps the loop fast. */
interface Open {
  readonly start: number
  /** `undefined` in a dictionary. */
  readonly items: Array<Value> | undefined
  /** `undefined` in a list. */
  readonly entries: Map<string, Value> | undefined
  /** The key that waits for its value; `undefined` where a key or the end comes next. */
  key: string | undefined
  lastKey: string
  isSorted: boolean
}

const COLON = 0x3a
const MINUS = 0x2d
const ZERO = 0x30
const NINE = 0x39
const D = 0x64
const E = 0x65
const I = 0x69
const L = 0x6c

/**
 * Decodes one value from the start of `source`, in time linear in its length; it allocates nothing by a number that the
 * source claims. The value holds views of `source`, which must not change while the value is in use.
 */
export const decode = (source: Bytes, options: DecodeOptions = {}): Result<Value, DecodeError> => {
  const maxDepth = options.maxDepth ?? MAX_DEPTH
  const maxTokens = options.maxTokens ?? MAX_TOKENS
  const stack: Array<Open> = []
  let open: Open | undefined
  let tokens = 0
  let at = 0

  for (;;) {
    if (at >= source.length) return fail("Truncated", at)
    const byte = source[at]!
    let value: Value

    if (byte === E && open !== undefined && open.key === undefined) {
      at++
      value = open.items !== undefined
        ? { _tag: "List", items: open.items, start: open.start, end: at }
        : { _tag: "Dict", entries: open.entries!, isSorted: open.isSorted, start: open.start, end: at }
      stack.pop()
      open = stack[stack.length - 1]
    } else {
      if (stack.length > maxDepth) return fail("DepthExceeded", at)
      if (++tokens > maxTokens) return fail("TokenLimit", at)
      const wantsKey = open !== undefined && open.entries !== undefined && open.key === undefined
      if (byte >= ZERO && byte <= NINE) {
        const length = readLength(source, at)
        if (!length.ok) return length
        const { from, to } = length.value
        if (wantsKey) {
          const key = toLatin1(source.subarray(from, to))
          if (open!.entries!.has(key)) return fail("DuplicateKey", at)
          if (key < open!.lastKey) open!.isSorted = false
          open!.key = key
          at = to
          continue
        }
        value = { _tag: "Text", bytes: source.subarray(from, to), start: at, end: to }
        at = to
      } else if (byte === MINUS) {
        return fail("BadLength", at)
      } else if (wantsKey) {
        return fail(byte === I || byte === L || byte === D ? "KeyNotText" : "UnexpectedByte", at)
      } else if (byte === I) {
        const integer = readInteger(source, at)
        if (!integer.ok) return integer
        value = integer.value
        at = value.end
      } else if (byte === L || byte === D) {
        open = {
          start: at,
          items: byte === L ? [] : undefined,
          entries: byte === D ? new Map() : undefined,
          key: undefined,
          lastKey: "",
          isSorted: true,
        }
        stack.push(open)
        at++
        continue
      } else {
        return fail("UnexpectedByte", at)
      }
    }

    if (open === undefined) {
      return at < source.length && options.trailing !== "allow" ? fail("TrailingBytes", at) : ok(value)
    }
    if (open.items !== undefined) open.items.push(value)
    else {
      open.entries!.set(open.key!, value)
      open.lastKey = open.key!
      open.key = undefined
    }
  }
}

/** The error as a phrase for people, with its place. */
export const describe = ({ reason, offset }: DecodeError): string => `${PHRASES[reason]} (byte ${offset})`

const PHRASES: { readonly [reason in DecodeReason]: string } = {
  UnexpectedByte: "no value starts like this",
  KeyNotText: "a dictionary's key is not a text",
  BadLength: "a text's length is not a number",
  NonCanonicalLength: "a text's length has a leading zero",
  BadInteger: "an integer is not in its one form",
  Truncated: "the data end before the value does",
  DuplicateKey: "a dictionary has a key twice",
  DepthExceeded: "the nesting is too deep",
  TokenLimit: "there are too many values",
  TrailingBytes: "there are bytes after the value",
}

const fail = (reason: DecodeReason, offset: number): Result<never, DecodeError> =>
  err({ _tag: "DecodeError", reason, offset })

/** Reads `<digits>:` at `start`, where a digit stands; the text is `from` to `to`, and lies in the source. */
const readLength = (
  source: Bytes,
  start: number,
): Result<{ readonly from: number; readonly to: number }, DecodeError> => {
  let length = 0
  let at = start
  for (; at < source.length; at++) {
    const byte = source[at]!
    if (byte < ZERO || byte > NINE) break
    length = length * 10 + (byte - ZERO)
    // More than there is: no further digit can mend it, and none is read.
    if (length > source.length) return fail("Truncated", start)
  }
  if (at === source.length) return fail("Truncated", at)
  if (source[at] !== COLON) return fail("BadLength", at)
  if (source[start] === ZERO && at - start > 1) return fail("NonCanonicalLength", start)
  const from = at + 1
  return from + length > source.length ? fail("Truncated", start) : ok({ from, to: from + length })
}

/** Reads `i<digits>e` at `start`, where the `i` stands. */
const readInteger = (source: Bytes, start: number): Result<Value, DecodeError> => {
  let at = start + 1
  const isNegative = source[at] === MINUS
  if (isNegative) at++
  const first = at
  let value = 0
  for (; at < source.length; at++) {
    const byte = source[at]!
    if (byte < ZERO || byte > NINE) break
    if (at - first >= MAX_INTEGER_DIGITS) return fail("BadInteger", start)
    // In this order: the sum of all three would leave the exact range before the last digit does.
    value = value * 10 + (byte - ZERO)
  }
  if (at === source.length) return fail("Truncated", at)
  const digits = at - first
  const hasLeadingZero = source[first] === ZERO && (digits > 1 || isNegative)
  if (source[at] !== E || digits === 0 || hasLeadingZero) return fail("BadInteger", start)
  const end = at + 1
  // Past 2^53 - 1 the sum above has lost digits, but not its being past.
  if (value <= Number.MAX_SAFE_INTEGER) {
    return ok({ _tag: "Integer", value: isNegative ? -value : value, start, end })
  }
  const exact = BigInt(toLatin1(source.subarray(first, at)))
  return ok({ _tag: "Integer", value: isNegative ? -exact : exact, start, end })
}
