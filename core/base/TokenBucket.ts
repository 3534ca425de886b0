/**
 * A rate limit: tokens are bytes, they come in at the rate and are spent by transfers. A transfer is never cut, it may
 * leave a debt, and the bucket stays shut until the debt is paid; so over time the rate holds to the byte.
 */
import { assert } from "./Assert.ts"
import { type Millis, NEVER, SECOND } from "./Time.ts"

/** Idle time that may be caught up in one burst: longer than a sluggish event loop, too short to feel. */
export const BURST_MS: Millis = 250

/** Mutable, one owner. */
export interface TokenBucket {
  /** 0: unlimited. */
  rateBytesPerSec: number
  /** Bytes that could be sent at `updatedAt`; negative: a debt. */
  tokens: number
  updatedAt: Millis
}

/** A bucket without tokens: it opens within a millisecond. A rate of 0 bytes a second means unlimited. */
export const make = (rateBytesPerSec: number, now: Millis): TokenBucket => {
  assertRate(rateBytesPerSec)
  return { rateBytesPerSec, tokens: 0, updatedAt: now }
}

/** Bytes in the bucket, negative for a debt, Infinity if unlimited. Changes nothing. */
export const available = (bucket: TokenBucket, now: Millis): number => {
  const { rateBytesPerSec, tokens, updatedAt } = bucket
  if (rateBytesPerSec === 0) return Infinity
  // A clock that steps back earns nothing, and what it has earned already stays.
  const earned = Math.max(0, now - updatedAt) * rateBytesPerSec / SECOND
  return Math.min(rateBytesPerSec * BURST_MS / SECOND, tokens + earned)
}

/** Whether something may be sent now, however large. */
export const isOpen = (bucket: TokenBucket, now: Millis): boolean => available(bucket, now) > 0

/** Spends `bytes` that are being sent, into debt if need be. */
export const take = (bucket: TokenBucket, now: Millis, bytes: number): void => {
  if (bucket.rateBytesPerSec === 0) return
  settle(bucket, now)
  bucket.tokens -= bytes
}

/** The first whole millisecond from `now` on at which the bucket is open: `now` itself if it is. Changes nothing. */
export const availableAt = (bucket: TokenBucket, now: Millis): Millis => {
  const tokens = available(bucket, now)
  if (tokens > 0) return now
  // A bucket at exactly zero is still shut, so a wait of whole milliseconds is one too short.
  return Math.max(now, bucket.updatedAt) + Math.floor(-tokens * SECOND / bucket.rateBytesPerSec) + 1
}

/**
 * Changes the rate from now on. A debt is paid at the new rate if that is faster; if it is slower, the debt shrinks with
 * it, so that nobody waits longer for what was sent under the old rate.
 */
export const setRate = (bucket: TokenBucket, now: Millis, rateBytesPerSec: number): void => {
  assertRate(rateBytesPerSec)
  settle(bucket, now)
  const previous = bucket.rateBytesPerSec
  bucket.rateBytesPerSec = rateBytesPerSec
  if (previous === 0 || rateBytesPerSec === 0) bucket.tokens = 0
  else if (bucket.tokens < 0 && rateBytesPerSec < previous) bucket.tokens *= rateBytesPerSec / previous
}

const settle = (bucket: TokenBucket, now: Millis): void => {
  if (bucket.rateBytesPerSec > 0) bucket.tokens = available(bucket, now)
  bucket.updatedAt = Math.max(bucket.updatedAt, now)
}

const assertRate = (rateBytesPerSec: number): void =>
  assert(rateBytesPerSec >= 0 && rateBytesPerSec < NEVER, "a rate is a finite number of bytes a second")
