/**
 * How much one address may add in a stretch of time, in memory that never grows: a sketch that counts addresses by hash
 * (Cormode and Muthukrishnan). It never counts too little; too much only for an address that shares all its counters with
 * busier ones, which needs bad luck, since the hash is keyed.
 */
import type { Bytes } from "../base/Bytes.ts"
import * as SipHash from "../base/SipHash.ts"
import type { Millis } from "../base/Time.ts"

/** Two rows of counters, so that an address is counted too high only where both of its counters are shared. */
const ROW_LOG2 = 14
const ROW = 1 << ROW_LOG2

/** An IPv6 customer has a whole /64 or more: its addresses are one. */
const PREFIX6_BYTES = 8

/** Mutable, one owner. */
export interface AddressLimit {
  readonly key0: number
  readonly key1: number
  /** Additions by one address in one window; in any stretch as long as a window, at most twice as many. */
  readonly limit: number
  readonly windowMs: Millis
  windowEndsAt: Millis
  readonly counts: Uint32Array
}

export const make = (
  key0: number,
  key1: number,
  limit: number,
  windowMs: Millis,
  now: Millis,
): AddressLimit => ({
  key0,
  key1,
  limit,
  windowMs,
  windowEndsAt: now + windowMs,
  counts: new Uint32Array(2 * ROW),
})

/** Counts an addition by an address of 4 or 16 bytes; false, and not counted, where that is one too many. */
export const take = (limiter: AddressLimit, now: Millis, ip: Bytes): boolean => {
  const { counts, key0, key1, limit, windowMs } = limiter
  if (limit === Infinity) return true
  if (now >= limiter.windowEndsAt) {
    counts.fill(0)
    limiter.windowEndsAt = now + windowMs
  }
  const hash = hashOf(key0, key1, ip)
  const first = hash >>> (32 - ROW_LOG2)
  const second = ROW + (hash & (ROW - 1))
  const count = Math.min(counts[first]!, counts[second]!)
  if (count >= limit) return false
  // The counter that is higher has it counted for others already.
  if (counts[first] === count) counts[first] = count + 1
  if (counts[second] === count) counts[second] = count + 1
  return true
}

const words = new Int32Array(2)

const hashOf = (key0: number, key1: number, ip: Bytes): number => {
  const length = Math.min(ip.length, PREFIX6_BYTES)
  words.fill(0)
  for (let i = 0; i < length; i++) words[i >> 2]! |= ip[i]! << ((i & 3) * 8)
  return SipHash.halfSipHash13(key0, key1, words, length >> 2)
}
