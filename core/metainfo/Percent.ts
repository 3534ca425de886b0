/** Percent-encoding of URLs (RFC 3986, section 2.1), over bytes and total on any text. */
import { type Bytes, toHex, toUtf8, utf8 } from "../base/Bytes.ts"

const UNRESERVED = /[A-Za-z0-9\-._~]/
/** What a URL may hold as it is: unreserved, reserved, and the percent sign of what is encoded already. */
const URL_CHARACTER = /[A-Za-z0-9\-._~:/?#[\]@!$&'()*+,;=%]/

/** Encodes all but the unreserved characters, for a value in a query. */
export const encode = (text: string): string => encodeUnless(text, UNRESERVED)

/** Encodes only what no URL may contain: spaces, control characters and all beyond ASCII. */
export const encodeUrl = (url: string): string => encodeUnless(url, URL_CHARACTER)

const encodeUnless = (text: string, allowed: RegExp): string => {
  let encoded = ""
  for (const character of text) {
    if (allowed.test(character)) encoded += character
    else for (const byte of utf8(character)) encoded += `%${toHex(Uint8Array.of(byte)).toUpperCase()}`
  }
  return encoded
}

/** Decodes to bytes; `undefined` where a `%` is not followed by two hexadecimal digits. */
export const decode = (text: string): Bytes | undefined => {
  const raw = utf8(text)
  const bytes = new Uint8Array(raw.length)
  let length = 0
  for (let i = 0; i < raw.length; i++) {
    if (raw[i] !== 0x25) {
      bytes[length++] = raw[i]!
      continue
    }
    const high = digit(raw[i + 1])
    const low = digit(raw[i + 2])
    if (high < 0 || low < 0) return undefined
    bytes[length++] = high << 4 | low
    i += 2
  }
  return bytes.subarray(0, length)
}

/** As {@link decode}, to text; bytes that are no UTF-8 become U+FFFD. */
export const decodeText = (text: string): string | undefined => {
  const bytes = decode(text)
  return bytes === undefined ? undefined : toUtf8(bytes)
}

const digit = (byte: number | undefined): number => {
  if (byte === undefined) return -1
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const lower = byte | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x61 + 10 : -1
}
