/** Reads IP literals, as dictionary peers (BEP 3) and the hosts of URLs have them, into their bytes. */
import type { Bytes } from "./Bytes.ts"

/** The 4 bytes of four decimal numbers with dots; leading zeros, hexadecimal and short forms are `undefined`. */
export const parse4 = (text: string): Bytes | undefined => {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)
  if (match === null) return undefined
  const parts = match.slice(1)
  if (parts.some((part) => Number(part) > 255 || (part.length > 1 && part.startsWith("0")))) return undefined
  return Uint8Array.from(parts, Number)
}

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
