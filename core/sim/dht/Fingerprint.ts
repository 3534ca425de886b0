/** The fingerprint of a run: when what happened to whom, and every byte that arrived. */
import type { Bytes } from "../../base/Bytes.ts"
import type { Millis } from "../../base/Time.ts"

/** Two lanes of 32 bits. Mutable, one owner. */
export interface Fingerprint {
  a: number
  b: number
}

export const make = (): Fingerprint => ({ a: 0x6a09e667, b: 0xbb67ae85 | 0 })

const word = (print: Fingerprint, value: number): void => {
  const a = print.a ^ Math.imul(value, 0x9e3779b1)
  const b = print.b ^ Math.imul((value << 16) | (value >>> 16), 0x85ebca6b)
  print.a = (Math.imul((a << 13) | (a >>> 19), 5) + 0x3c6ef372) | 0
  print.b = (Math.imul((b << 17) | (b >>> 15), 9) + 0x54ff53a5) | 0
}

/** An event at a whole number of milliseconds. */
export const event = (print: Fingerprint, now: Millis, kind: number, target: number): void => {
  word(print, now)
  word(print, (target << 3) | kind)
}

/** What a datagram brought. */
export const bytes = (print: Fingerprint, datagram: Bytes): void => {
  const { length } = datagram
  word(print, length)
  let at = 0
  for (; at + 4 <= length; at += 4) {
    word(
      print,
      datagram[at]! | (datagram[at + 1]! << 8) | (datagram[at + 2]! << 16) | (datagram[at + 3]! << 24),
    )
  }
  for (; at < length; at++) word(print, datagram[at]!)
}

/** Sixteen hexadecimal digits. */
export const toHex = ({ a, b }: Fingerprint): string => hex(a) + hex(b)

const hex = (value: number): string => (value >>> 0).toString(16).padStart(8, "0")
