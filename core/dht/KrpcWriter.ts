/**
 * Writes packets member by member, in canonical order, which is that of the calls. In a simulated network of thousands of
 * nodes packets are most of the work, and this takes a sixth of the time, or less, that sorting the keys of objects does.
 */
import type { Bytes } from "../base/Bytes.ts"

// One packet is written at a time; what is here means nothing between two of them.
let buffer = new Uint8Array(2_048)
let at = 0

/** Up to this, a loop is faster than a copy. */
const SHORT_BYTES = 32

/** Begins a packet. */
export const begin = (): void => {
  at = 0
}

/** The packet as far as it was written, a copy. */
export const end = (): Bytes => buffer.slice(0, at)

/** ASCII as it is, which must be bencode already: a key, or the beginning and end of something. */
export const literal = (text: string): void => {
  reserve(text.length)
  for (let i = 0; i < text.length; i++) buffer[at++] = text.charCodeAt(i)
}

/** Bytes as they are, which must be bencode already. */
export const raw = (bytes: Bytes): void => {
  const { length } = bytes
  reserve(length)
  if (length <= SHORT_BYTES) { for (let i = 0; i < length; i++) buffer[at + i] = bytes[i]! }
  else buffer.set(bytes, at)
  at += length
}

/** A text. */
export const text = (bytes: Bytes): void => {
  literal(bytes.length.toString())
  literal(":")
  raw(bytes)
}

/** An integer; a number must be whole. */
export const integer = (value: number | bigint): void => {
  literal("i")
  literal(value.toString())
  literal("e")
}

/** A key, with its length in front of it, and the text that is its value; nothing where that is `undefined`. */
export const optionalText = (key: string, value: Bytes | undefined): void => {
  if (value === undefined) return
  literal(key)
  text(value)
}

/** As {@link optionalText}, with an integer. */
export const optionalInteger = (key: string, value: number | bigint | undefined): void => {
  if (value === undefined) return
  literal(key)
  integer(value)
}

/** A key with the value 1, where something is so. */
export const flag = (key: string, isSet: boolean): void => {
  if (isSet) optionalInteger(key, 1)
}

const reserve = (length: number): void => {
  if (at + length <= buffer.length) return
  const larger = new Uint8Array(Math.max(at + length, 2 * buffer.length))
  larger.set(buffer)
  buffer = larger
}
