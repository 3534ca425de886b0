/**
 * The Bloom filters of DHT scrapes (BEP 33): sets of IP addresses in 256 bytes, which nodes count apart and a scrape joins.
 * An address sets two of 2048 bits, which its SHA-1 chooses; how many addresses there are, the bits that are still zero tell.
 */
import type { Bytes } from "../base/Bytes.ts"
import { sha1 } from "../base/Sha1.ts"

export const BYTES = 256
const BITS = 8 * BYTES
const HASHES = 2

/** The filter of nobody. */
export const make = (): Bytes => new Uint8Array(BYTES)

/** The two bits of an IP address of 4 or 16 bytes, 11 bits of number each: what {@link set} takes. */
export const bitsOf = (ip: Bytes): number => {
  const hash = sha1(ip)
  const first = (hash[0]! | (hash[1]! << 8)) % BITS
  const second = (hash[2]! | (hash[3]! << 8)) % BITS
  return first | (second << 11)
}

/** Adds the address that has these bits. */
export const set = (filter: Bytes, bits: number): void => {
  const first = bits % BITS
  const second = (bits >>> 11) % BITS
  filter[first >> 3]! |= 1 << (first & 7)
  filter[second >> 3]! |= 1 << (second & 7)
}

/** Adds an IP address of 4 or 16 bytes. */
export const add = (filter: Bytes, ip: Bytes): void => set(filter, bitsOf(ip))

/** Whether an address may be in the filter; if not, it is certainly not. */
export const has = (filter: Bytes, ip: Bytes): boolean => {
  const bits = bitsOf(ip)
  const first = bits % BITS
  const second = (bits >>> 11) % BITS
  return (filter[first >> 3]! >> (first & 7) & filter[second >> 3]! >> (second & 7) & 1) === 1
}

/** Adds everybody in another filter. */
export const join = (filter: Bytes, other: Bytes): void => {
  for (let i = 0; i < BYTES; i++) filter[i]! |= other[i]!
}

/** About how many addresses are in the filter: a fraction. 0 for an empty one; at most 7,806, which a full one may be. */
export const estimate = (filter: Bytes): number => {
  let ones = 0
  for (let i = 0; i < BYTES; i++) for (let byte = filter[i]!; byte !== 0; byte &= byte - 1) ones++
  return Math.log(BITS / Math.max(1, BITS - ones)) / (HASHES * Math.log(BITS / (BITS - 1)))
}
