/**
 * SHA-1 (FIPS 180-4) for what the core must hash at once: info-hashes, and the metadata of a magnet link. Pieces are
 * hashed by the shell, on native code.
 */
import type { Bytes } from "./Bytes.ts"

export const HASH_BYTES = 20
const CHUNK_BYTES = 64

/** The SHA-1 of `bytes`, 20 bytes. */
export const sha1 = (bytes: Bytes): Bytes => {
  const hash = new Int32Array([0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0])
  const schedule = new Int32Array(80)
  const whole = bytes.length - bytes.length % CHUNK_BYTES
  for (let at = 0; at < whole; at += CHUNK_BYTES) compress(hash, schedule, bytes, at)

  // What is left, a bit, zeros, and the length in bits as 64-bit big endian: one chunk, or two where it doesn't fit.
  const rest = bytes.length - whole
  const tail = new Uint8Array(rest + 9 <= CHUNK_BYTES ? CHUNK_BYTES : 2 * CHUNK_BYTES)
  tail.set(bytes.subarray(whole))
  tail[rest] = 0x80
  const view = new DataView(tail.buffer)
  view.setUint32(tail.length - 8, Math.floor(bytes.length / 2 ** 29))
  view.setUint32(tail.length - 4, bytes.length << 3)
  for (let at = 0; at < tail.length; at += CHUNK_BYTES) compress(hash, schedule, tail, at)

  const result = new Uint8Array(HASH_BYTES)
  const out = new DataView(result.buffer)
  for (let i = 0; i < 5; i++) out.setInt32(i * 4, hash[i]!)
  return result
}

/** Mixes the 64 bytes at `at` into `hash`; `schedule` is scratch for 80 words. */
const compress = (hash: Int32Array, schedule: Int32Array, bytes: Bytes, at: number): void => {
  for (let t = 0, i = at; t < 16; t++, i += 4) {
    schedule[t] = (bytes[i]! << 24) | (bytes[i + 1]! << 16) | (bytes[i + 2]! << 8) | bytes[i + 3]!
  }
  for (let t = 16; t < 80; t++) {
    const word = schedule[t - 3]! ^ schedule[t - 8]! ^ schedule[t - 14]! ^ schedule[t - 16]!
    schedule[t] = (word << 1) | (word >>> 31)
  }
  let a = hash[0]!
  let b = hash[1]!
  let c = hash[2]!
  let d = hash[3]!
  let e = hash[4]!
  // A loop for each of the four functions: one that chooses among them takes half as long again.
  for (let t = 0; t < 20; t++) {
    const next = (((a << 5) | (a >>> 27)) + (d ^ (b & (c ^ d))) + 0x5a827999 + e + schedule[t]!) | 0
    e = d
    d = c
    c = (b << 30) | (b >>> 2)
    b = a
    a = next
  }
  for (let t = 20; t < 40; t++) {
    const next = (((a << 5) | (a >>> 27)) + (b ^ c ^ d) + 0x6ed9eba1 + e + schedule[t]!) | 0
    e = d
    d = c
    c = (b << 30) | (b >>> 2)
    b = a
    a = next
  }
  for (let t = 40; t < 60; t++) {
    const next = (((a << 5) | (a >>> 27)) + ((b & c) | (d & (b | c))) - 0x70e44324 + e + schedule[t]!) | 0
    e = d
    d = c
    c = (b << 30) | (b >>> 2)
    b = a
    a = next
  }
  for (let t = 60; t < 80; t++) {
    const next = (((a << 5) | (a >>> 27)) + (b ^ c ^ d) - 0x359d3e2a + e + schedule[t]!) | 0
    e = d
    d = c
    c = (b << 30) | (b >>> 2)
    b = a
    a = next
  }
  hash[0]! += a
  hash[1]! += b
  hash[2]! += c
  hash[3]! += d
  hash[4]! += e
}
