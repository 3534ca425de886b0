/** Reads IP literals, as dictionary peers (BEP 3) and the hosts of URLs have them, into their bytes. */
import type { Bytes } from "./Bytes.ts"

/** The 4 bytes of four decimal numbers with dots; leading zeros, hexadecimal and short forms are `undefined`. */
export const parse4 = (text: string): Bytes | undefined => {
  // By hand: a swarm's addresses are read by the thousand, and a pattern with its matches costs ten times as much.
  if (text.length < 7 || text.length > 15) return undefined
  const bytes = new Uint8Array(4)
  let part = 0
  let digits = 0
  let value = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === DOT) {
      if (digits === 0 || part === 3) return undefined
      bytes[part++] = value
      digits = value = 0
      continue
    }
    const digit = code - ZERO
    if (digit < 0 || digit > 9 || (digits > 0 && value === 0)) return undefined
    value = value * 10 + digit
    digits++
    if (value > 255) return undefined
  }
  if (part !== 3 || digits === 0) return undefined
  bytes[3] = value
  return bytes
}

const DOT = 0x2e
const ZERO = 0x30

/** The 16 bytes of an IPv6 address without brackets and zone (RFC 4291, 2.2), the last 4 in dotted form or not. */
export const parse6 = (text: string): Bytes | undefined => {
  if (text.length > 45) return undefined
  const halves = text.split("::")
  if (halves.length > 2) return undefined
  const head = groups(halves[0]!, halves.length === 1)
  const tail = groups(halves[1] ?? "", true)
  if (head === undefined || tail === undefined) return undefined
  const missing = 16 - head.length - tail.length
  // `::` stands for one group at least.
  if (halves.length === 2 ? missing < 2 : missing !== 0) return undefined
  return Uint8Array.from([...head, ...new Array<number>(missing).fill(0), ...tail])
}

/** The bytes of groups between colons; only where the address ends may the last one be dotted. */
const groups = (text: string, mayEndDotted: boolean): Array<number> | undefined => {
  const bytes: Array<number> = []
  if (text === "") return bytes
  const parts = text.split(":")
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i]!
    if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      const group = Number.parseInt(part, 16)
      bytes.push(group >> 8, group & 255)
      continue
    }
    const dotted = mayEndDotted && i === parts.length - 1 ? parse4(part) : undefined
    if (dotted === undefined) return undefined
    bytes.push(...dotted)
  }
  return bytes
}
