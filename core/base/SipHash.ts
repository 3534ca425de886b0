/**
 * SipHash (Aumasson and Bernstein), a keyed hash that stays unpredictable to whoever chooses what is hashed: SipHash-2-4
 * to authenticate, HalfSipHash-1-3 for the places in hash tables.
 */
import { assert } from "./Assert.ts"
import type { Bytes } from "./Bytes.ts"

export const KEY_BYTES = 16
export const HASH_BYTES = 8

/**
 * SipHash-2-4 of `message` under a key of 16 bytes: 8 bytes, least significant first. Each 64-bit word is two halves,
 * `h` the high and `l` the low one, for JavaScript has no fast arithmetic beyond 32 bits.
 */
export const sipHash24 = (key: Bytes, message: Bytes): Bytes => {
  assert(key.length === KEY_BYTES, "a SipHash key has 16 bytes")
  const k0l = word(key, 0)
  const k0h = word(key, 4)
  const k1l = word(key, 8)
  const k1h = word(key, 12)
  let v0h = 0x736f6d65 ^ k0h
  let v0l = 0x70736575 ^ k0l
  let v1h = 0x646f7261 ^ k1h
  let v1l = 0x6e646f6d ^ k1l
  let v2h = 0x6c796765 ^ k0h
  let v2l = 0x6e657261 ^ k0l
  let v3h = 0x74656462 ^ k1h
  let v3l = 0x79746573 ^ k1l
  // Whole blocks of 8 bytes, then one with the rest and the length, then the end: one loop, so that the round is written once.
  const lastBlock = message.length >> 3
  for (let block = 0; block <= lastBlock + 1; block++) {
    const isEnd = block > lastBlock
    const ml = isEnd ? 0 : word(message, block * 8)
    const mh = isEnd ? 0 : word(message, block * 8 + 4) | (block === lastBlock ? message.length << 24 : 0)
    v3h ^= mh
    v3l ^= ml
    if (isEnd) v2l ^= 0xff
    for (let rounds = isEnd ? 4 : 2; rounds > 0; rounds--) {
      let sum = (v0l + v1l) | 0
      v0h = (v0h + v1h + carry(v0l, v1l, sum)) | 0
      v0l = sum
      let high = v1h
      v1h = ((high << 13) | (v1l >>> 19)) ^ v0h
      v1l = ((v1l << 13) | (high >>> 19)) ^ v0l
      high = v0h
      v0h = v0l
      v0l = high
      sum = (v2l + v3l) | 0
      v2h = (v2h + v3h + carry(v2l, v3l, sum)) | 0
      v2l = sum
      high = v3h
      v3h = ((high << 16) | (v3l >>> 16)) ^ v2h
      v3l = ((v3l << 16) | (high >>> 16)) ^ v2l
      sum = (v0l + v3l) | 0
      v0h = (v0h + v3h + carry(v0l, v3l, sum)) | 0
      v0l = sum
      high = v3h
      v3h = ((high << 21) | (v3l >>> 11)) ^ v0h
      v3l = ((v3l << 21) | (high >>> 11)) ^ v0l
      sum = (v2l + v1l) | 0
      v2h = (v2h + v1h + carry(v2l, v1l, sum)) | 0
      v2l = sum
      high = v1h
      v1h = ((high << 17) | (v1l >>> 15)) ^ v2h
      v1l = ((v1l << 17) | (high >>> 15)) ^ v2l
      high = v2h
      v2h = v2l
      v2l = high
    }
    v0h ^= mh
    v0l ^= ml
  }
  const hash = new Uint8Array(HASH_BYTES)
  setWord(hash, 0, v0l ^ v1l ^ v2l ^ v3l)
  setWord(hash, 4, v0h ^ v1h ^ v2h ^ v3h)
  return hash
}

/**
 * HalfSipHash-1-3 of the first `count` words, as 32 bits with a sign; the key is two words. Bytes that are hashed so are
 * words with the least significant byte first. Good against collisions on purpose in a table that nobody can look into,
 * too short to authenticate.
 */
export const halfSipHash13 = (key0: number, key1: number, words: Int32Array, count: number): number => {
  let v0 = key0
  let v1 = key1
  let v2 = 0x6c796765 ^ key0
  let v3 = 0x74656462 ^ key1
  for (let i = 0; i < count + 4; i++) {
    // The word after the last holds the length in bytes; three more rounds without a word end it.
    const m = i < count ? words[i]! : i === count ? count << 26 : 0
    if (i === count + 1) v2 ^= 0xff
    v3 ^= m
    v0 = (v0 + v1) | 0
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
    v0 = (v0 << 16) | (v0 >>> 16)
    v2 = (v2 + v3) | 0
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
    v0 = (v0 + v3) | 0
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
    v2 = (v2 + v1) | 0
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
    v2 = (v2 << 16) | (v2 >>> 16)
    v0 ^= m
  }
  return v1 ^ v3
}

/** What `a + b = sum` carries out of 32 bits; all integers, where an unsigned comparison would go through doubles. */
const carry = (a: number, b: number, sum: number): number => ((a & b) | ((a | b) & ~sum)) >>> 31

/** Four bytes, least significant first; zeros beyond the end. */
const word = (bytes: Bytes, at: number): number =>
  at + 4 <= bytes.length
    ? bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    : (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16)

const setWord = (bytes: Bytes, at: number, value: number): void => {
  bytes[at] = value
  bytes[at + 1] = value >>> 8
  bytes[at + 2] = value >>> 16
  bytes[at + 3] = value >>> 24
}
