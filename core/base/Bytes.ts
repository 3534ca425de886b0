/** Byte strings: the few operations that the core needs, without TextEncoder or Buffer, which are ambient. */

/** Every byte string of the core. Always a view; never assumed to start at offset 0 of its buffer. */
export type Bytes = Uint8Array

export const empty: Bytes = new Uint8Array(0)

export const equals = (a: Bytes, b: Bytes): boolean => {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Raw byte order, as bencode sorts its keys: negative, zero or positive. */
export const compare = (a: Bytes, b: Bytes): number => {
  const shared = Math.min(a.length, b.length)
  for (let i = 0; i < shared; i++) if (a[i] !== b[i]) return a[i]! - b[i]!
  return a.length - b.length
}

export const concat = (parts: ReadonlyArray<Bytes>): Bytes => {
  let length = 0
  for (const part of parts) length += part.length
  const whole = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** One byte a character; characters above U+00FF lose their high bits, so this is for protocol text only. */
export const latin1 = (text: string): Bytes => {
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i)
  return bytes
}

/** One character a byte: the inverse of {@link latin1}, total on any bytes. */
export const toLatin1 = (bytes: Bytes): string => {
  let text = ""
  if (bytes.length <= SHORT) {
    for (let i = 0; i < bytes.length; i++) text += String.fromCharCode(bytes[i]!)
    return text
  }
  if (bytes.length <= CHUNK) return String.fromCharCode.apply(null, bytes as unknown as Array<number>)
  for (let i = 0; i < bytes.length; i += CHUNK) {
    text += String.fromCharCode.apply(null, bytes.subarray(i, i + CHUNK) as unknown as Array<number>)
  }
  return text
}

/** Up to here a character at a time is faster than a call with many: longer texts would be made of parts. */
const SHORT = 12
/** Arguments of one call: far below what any engine takes, and enough that megabytes need few calls. */
const CHUNK = 4_096

const HEX = "0123456789abcdef"

/** Lower-case hexadecimal. */
export const toHex = (bytes: Bytes): string => {
  let text = ""
  for (let i = 0; i < bytes.length; i++) text += HEX[bytes[i]! >> 4]! + HEX[bytes[i]! & 15]!
  return text
}

/** Reads hexadecimal of either case; `undefined` where a character is no digit or one is missing. */
export const fromHex = (text: string): Bytes | undefined => {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) return undefined
  const bytes = new Uint8Array(text.length / 2)
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(text.slice(i * 2, i * 2 + 2), 16)
  return bytes
}

/** UTF-8 of a string; a lone surrogate becomes U+FFFD, as in the WHATWG encoding standard. */
export const utf8 = (text: string): Bytes => {
  const bytes: Array<number> = []
  for (const character of text) {
    let code = character.codePointAt(0)!
    if (code >= 0xd800 && code <= 0xdfff) code = 0xfffd
    if (code < 0x80) bytes.push(code)
    else if (code < 0x800) bytes.push(0xc0 | (code >> 6), 0x80 | (code & 63))
    else if (code < 0x10000) bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63))
    else {
      bytes.push(
        0xf0 | (code >> 18),
        0x80 | ((code >> 12) & 63),
        0x80 | ((code >> 6) & 63),
        0x80 | (code & 63),
      )
    }
  }
  return Uint8Array.from(bytes)
}

/** Decodes UTF-8; every byte that belongs to no valid sequence (overlong, surrogate, cut off) becomes `replacement`. */
export const toUtf8 = (bytes: Bytes, replacement = "\ufffd"): string => {
  if (isAscii(bytes)) return toLatin1(bytes)
  let text = ""
  let units: Array<number> = []
  for (let i = 0; i < bytes.length;) {
    const length = sequenceLength(bytes, i)
    if (length === 0) { for (let k = 0; k < replacement.length; k++) units.push(replacement.charCodeAt(k)) }
    else pushUnits(units, codePoint(bytes, i, length))
    i += length === 0 ? 1 : length
    if (units.length < CHUNK) continue
    text += String.fromCharCode.apply(null, units)
    units = []
  }
  return text + String.fromCharCode.apply(null, units)
}

/** A code point in UTF-16. */
const pushUnits = (units: Array<number>, code: number): void => {
  if (code < 0x10000) units.push(code)
  else units.push(0xd7c0 + (code >> 10), 0xdc00 | (code & 0x3ff))
}

const isAscii = (bytes: Bytes): boolean => {
  for (let i = 0; i < bytes.length; i++) if (bytes[i]! >= 0x80) return false
  return true
}

/** True if every byte belongs to a valid UTF-8 sequence. */
export const isUtf8 = (bytes: Bytes): boolean => {
  for (let i = 0; i < bytes.length;) {
    const length = sequenceLength(bytes, i)
    if (length === 0) return false
    i += length
  }
  return true
}

/** Bytes of the valid sequence at `i`, 0 where there is none (RFC 3629, table 3-7 of Unicode). */
const sequenceLength = (bytes: Bytes, i: number): number => {
  const first = bytes[i]!
  if (first < 0x80) return 1
  if (first < 0xc2 || first > 0xf4) return 0
  const second = bytes[i + 1] ?? 0
  if (first < 0xe0) return isTail(second) ? 2 : 0
  if (first < 0xf0) {
    const low = first === 0xe0 ? 0xa0 : 0x80
    const high = first === 0xed ? 0x9f : 0xbf
    return second >= low && second <= high && isTail(bytes[i + 2] ?? 0) ? 3 : 0
  }
  const low = first === 0xf0 ? 0x90 : 0x80
  const high = first === 0xf4 ? 0x8f : 0xbf
  return second >= low && second <= high && isTail(bytes[i + 2] ?? 0) && isTail(bytes[i + 3] ?? 0) ? 4 : 0
}

const isTail = (byte: number): boolean => (byte & 0xc0) === 0x80

const codePoint = (bytes: Bytes, i: number, length: number): number => {
  const first = bytes[i]!
  if (length === 1) return first
  let code = first & (0x7f >> length)
  for (let k = 1; k < length; k++) code = (code << 6) | (bytes[i + k]! & 63)
  return code
}
