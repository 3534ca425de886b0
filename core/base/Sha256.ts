/**
 * SHA-256 (FIPS 180-4) for what the core must hash at once: info-hashes and piece layers of version 2 torrents (BEP 52).
 * A hasher takes its message in portions and is used again after each digest, so that a tree of hashes costs one hasher.
 */
import type { Bytes } from "./Bytes.ts"

export const HASH_BYTES = 32
const CHUNK_BYTES = 64

/** Of a message that is being hashed. Mutable; whoever made it owns it. */
export interface Hasher {
  readonly hash: Int32Array
  readonly schedule: Int32Array
  /** What came after the last whole chunk, in its first `length % 64` bytes. */
  readonly rest: Uint8Array
  /** Bytes of the message so far. */
  length: number
}

export const make = (): Hasher => {
  const hasher = {
    hash: new Int32Array(8),
    schedule: new Int32Array(64),
    rest: new Uint8Array(CHUNK_BYTES),
    length: 0,
  }
  reset(hasher)
  return hasher
}

const reset = (hasher: Hasher): void => {
  hasher.hash.set(START)
  hasher.length = 0
}

/** Appends `bytes` to the message. */
export const update = (hasher: Hasher, bytes: Bytes): void => {
  const waiting = hasher.length % CHUNK_BYTES
  hasher.length += bytes.length
  let at = 0
  if (waiting > 0) {
    at = Math.min(bytes.length, CHUNK_BYTES - waiting)
    hasher.rest.set(bytes.subarray(0, at), waiting)
    if (waiting + at < CHUNK_BYTES) return
    compress(hasher, hasher.rest, 0)
  }
  for (; at + CHUNK_BYTES <= bytes.length; at += CHUNK_BYTES) compress(hasher, bytes, at)
  hasher.rest.set(bytes.subarray(at))
}

/** The hash of the message, 32 bytes at `at` of `into`, which may be where the message was. The next message begins empty. */
export const digestInto = (hasher: Hasher, into: Bytes, at: number): void => {
  const { hash, length, rest } = hasher
  // After the message a bit, zeros, and the length in bits as 64-bit big endian: one chunk, or two where it doesn't fit.
  const used = length % CHUNK_BYTES
  rest[used] = 0x80
  rest.fill(0, used + 1)
  if (used + 9 > CHUNK_BYTES) {
    compress(hasher, rest, 0)
    rest.fill(0)
  }
  const high = Math.floor(length / 2 ** 29)
  const low = length << 3
  for (let i = 0; i < 4; i++) {
    rest[CHUNK_BYTES - 8 + i] = high >>> (24 - 8 * i)
    rest[CHUNK_BYTES - 4 + i] = low >>> (24 - 8 * i)
  }
  compress(hasher, rest, 0)
  for (let i = 0; i < HASH_BYTES; i++) into[at + i] = hash[i >> 2]! >>> (24 - 8 * (i & 3))
  reset(hasher)
}

/** The hash of the message, 32 bytes. The hasher begins anew, with an empty message. */
export const digest = (hasher: Hasher): Bytes => {
  const result = new Uint8Array(HASH_BYTES)
  digestInto(hasher, result, 0)
  return result
}

/** The SHA-256 of `bytes`, 32 bytes. */
export const sha256 = (bytes: Bytes): Bytes => {
  const hasher = make()
  update(hasher, bytes)
  return digest(hasher)
}

/** Mixes the 64 bytes at `at` into the hash. */
const compress = ({ hash, schedule }: Hasher, bytes: Bytes, at: number): void => {
  for (let t = 0, i = at; t < 16; t++, i += 4) {
    schedule[t] = (bytes[i]! << 24) | (bytes[i + 1]! << 16) | (bytes[i + 2]! << 8) | bytes[i + 3]!
  }
  for (let t = 16; t < 64; t++) {
    const x = schedule[t - 15]!
    const y = schedule[t - 2]!
    const small0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3)
    const small1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10)
    schedule[t] = (schedule[t - 16]! + small0 + schedule[t - 7]! + small1) | 0
  }
  let a = hash[0]!
  let b = hash[1]!
  let c = hash[2]!
  let d = hash[3]!
  let e = hash[4]!
  let f = hash[5]!
  let g = hash[6]!
  let h = hash[7]!
  for (let t = 0; t < 64; t++) {
    const big1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7))
    const big0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10))
    const one = (h + big1 + ((e & f) ^ (~e & g)) + K[t]! + schedule[t]!) | 0
    const two = (big0 + ((a & b) ^ (a & c) ^ (b & c))) | 0
    h = g
    g = f
    f = e
    e = (d + one) | 0
    d = c
    c = b
    b = a
    a = (one + two) | 0
  }
  hash[0]! += a
  hash[1]! += b
  hash[2]! += c
  hash[3]! += d
  hash[4]! += e
  hash[5]! += f
  hash[6]! += g
  hash[7]! += h
}

/** FIPS 180-4, section 5.3.3: of the square roots of the first eight primes. */
const START = Int32Array.of(
  ...[0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19],
)

/** Section 4.2.2: of the cube roots of the first sixty-four. */
// deno-fmt-ignore
const K = Int32Array.of(
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
)
