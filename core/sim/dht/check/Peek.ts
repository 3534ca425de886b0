/**
 * What checkers read of a datagram, by eyes of their own: if the node's own codec were wrong, both sides would agree about
 * it. Offsets into the bytes, -1 for what isn't there; nothing is copied.
 */
import type { Bytes } from "../../../base/Bytes.ts"

const D = 0x64
const E = 0x65
const I = 0x69
const L = 0x6c
const COLON = 0x3a
const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x30 && byte <= 0x39

/** `q`, `r` or `e`: the last member of a canonical packet; "" for what is none. */
export const kind = (bytes: Bytes): "q" | "r" | "e" | "" => {
  const end = bytes.length - 7
  if (end < 0 || bytes[0] !== D || bytes[end + 6] !== E) return ""
  for (let i = 0; i < 5; i++) if (bytes[end + i] !== TAIL[i]) return ""
  const letter = bytes[end + 5]
  return letter === 0x71 ? "q" : letter === 0x72 ? "r" : letter === E ? "e" : ""
}

/** `1:y1:` */
const TAIL = [0x31, COLON, 0x79, 0x31, COLON]

/** Where the value of a key begins in the dictionary at `at`. */
export const member = (bytes: Bytes, at: number, key: string): number => {
  if (at < 0 || bytes[at] !== D) return -1
  for (let i = at + 1; i >= 0 && bytes[i] !== E;) {
    const text = textAt(bytes, i)
    if (text === undefined) return -1
    const value = text.byteOffset - bytes.byteOffset + text.length
    if (isText(text, key)) return value
    i = skip(bytes, value)
  }
  return -1
}

/** The text at `at`, a view; `undefined` where there is none. */
export const textAt = (bytes: Bytes, at: number): Bytes | undefined => {
  if (at < 0 || !isDigit(bytes[at])) return undefined
  let length = 0
  let i = at
  for (; isDigit(bytes[i]); i++) length = length * 10 + bytes[i]! - 0x30
  return bytes[i] === COLON && i + 1 + length <= bytes.length
    ? bytes.subarray(i + 1, i + 1 + length)
    : undefined
}

/** The texts of the list at `at`. */
export const texts = (bytes: Bytes, at: number): ReadonlyArray<Bytes> => {
  const found: Array<Bytes> = []
  if (at < 0 || bytes[at] !== L) return found
  for (let i = at + 1; i >= 0 && i < bytes.length && bytes[i] !== E; i = skip(bytes, i)) {
    const text = textAt(bytes, i)
    if (text !== undefined) found.push(text)
  }
  return found
}

/** A text among the arguments of a query (`a`) or the members of a response (`r`). */
export const inside = (bytes: Bytes, part: "a" | "r", key: string): Bytes | undefined =>
  textAt(bytes, member(bytes, member(bytes, 0, part), key))

/** Whether a query is of this kind. */
export const isMethod = (bytes: Bytes, method: string): boolean => {
  const text = textAt(bytes, member(bytes, 0, "q"))
  return text !== undefined && isText(text, method)
}

const isText = (text: Bytes, key: string): boolean => {
  if (text.length !== key.length) return false
  for (let i = 0; i < key.length; i++) if (text[i] !== key.charCodeAt(i)) return false
  return true
}

/** The place behind the value at `at`; -1 where it has no end. */
const skip = (bytes: Bytes, at: number): number => {
  let depth = 0
  for (let i = at; i < bytes.length;) {
    const byte = bytes[i]
    if (byte === D || byte === L) {
      depth++
      i++
    } else if (byte === E) {
      depth--
      i++
    } else if (byte === I) {
      while (i < bytes.length && bytes[i] !== E) i++
      i++
    } else {
      const text = textAt(bytes, i)
      if (text === undefined) return -1
      i = text.byteOffset - bytes.byteOffset + text.length
    }
    if (depth <= 0) return i
  }
  return -1
}
