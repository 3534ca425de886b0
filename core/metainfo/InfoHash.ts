/** Info-hashes between their forms: 20 bytes, 40 hexadecimal digits, 32 digits of base32 (BEP 9). */
import { assert } from "../base/Assert.ts"
import { type Bytes, fromHex, toHex } from "../base/Bytes.ts"
import { HASH_BYTES } from "../base/Sha1.ts"
import type { InfoHash } from "./Metainfo.ts"

const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

/** Of exactly 20 bytes. */
export const fromBytes = (bytes: Bytes): InfoHash => {
  assert(bytes.length === HASH_BYTES, "an info-hash has 20 bytes")
  return toHex(bytes) as InfoHash
}

export const toBytes = (infoHash: InfoHash): Bytes => fromHex(infoHash)!

/** Reads 40 hexadecimal or 32 base32 digits, of either case; `undefined` for anything else. */
export const parse = (text: string): InfoHash | undefined => {
  if (text.length === 40) {
    const bytes = fromHex(text)
    return bytes === undefined ? undefined : fromBytes(bytes)
  }
  if (text.length !== 32) return undefined
  const bytes = new Uint8Array(HASH_BYTES)
  let bits = 0
  let waiting = 0
  let at = 0
  for (const character of text.toUpperCase()) {
    const value = BASE32.indexOf(character)
    if (value < 0) return undefined
    waiting = waiting << 5 | value
    bits += 5
    if (bits >= 8) {
      bits -= 8
      bytes[at++] = waiting >> bits
      waiting &= (1 << bits) - 1
    }
  }
  return fromBytes(bytes)
}
