/**
 * How much others may ask of us: so many queries from one address, then it is not heard for a while (libtorrent's numbers),
 * and so many bytes of answers to all. Both in memory that never grows.
 */
import type { Bytes } from "../base/Bytes.ts"
import { type Millis, MINUTE, SECOND } from "../base/Time.ts"
import * as TokenBucket from "../base/TokenBucket.ts"

/** Queries that one address may send in one window: a lookup asks a node once or twice. */
export const MAX_QUERIES = 50
export const WINDOW_MS: Millis = 10 * SECOND

/** So long an address that sent more is not heard. */
export const BLOCK_MS: Millis = 5 * MINUTE

/** Addresses that are counted at a time: who floods is among the last that were heard. */
export const MAX_SOURCES = 20

/** Answers to all, in bytes a second, some 150 of them: what a modest line doesn't feel (libtorrent: 8,000). */
export const ANSWER_BYTES_PER_SEC = 50_000

/** Words of a source: who, how many in this window, when that began, until when it is blocked. */
const WORDS = 4

/** Mutable, one owner. */
export interface Rate {
  /** Rows of {@link WORDS}; as long as the sources that were seen, up to {@link MAX_SOURCES}. */
  sources: Float64Array
  readonly answers: TokenBucket.TokenBucket
}

export const make = (now: Millis): Rate => ({
  sources: new Float64Array(0),
  // With its burst from the start: whoever enters the network by us asks in our first millisecond.
  answers: TokenBucket.make(ANSWER_BYTES_PER_SEC, now - TokenBucket.BURST_MS),
})

/** Whether an address, 6 or 18 compact bytes, is not heard at present. */
export const isBlocked = ({ sources }: Rate, endpoint: Bytes, now: Millis): boolean => {
  const row = find(sources, keyOf(endpoint))
  return row >= 0 && sources[row + 3]! > now
}

/** Counts a query; false where it is one too many and the address is not heard from now on. */
export const admit = (rate: Rate, endpoint: Bytes, now: Millis): boolean => {
  const key = keyOf(endpoint)
  let row = find(rate.sources, key)
  if (row < 0) {
    row = place(rate, now)
    rate.sources.set([key, 0, now, 0], row)
  }
  const { sources } = rate
  if (sources[row + 3]! > now) return false
  if (now >= sources[row + 2]! + WINDOW_MS) sources.set([0, now], row + 1)
  sources[row + 1]!++
  if (sources[row + 1]! <= MAX_QUERIES) return true
  sources[row + 3] = now + BLOCK_MS
  return false
}

/** Whether an answer may leave; counts its bytes if so. */
export const mayAnswer = ({ answers }: Rate, bytes: number, now: Millis): boolean => {
  if (!TokenBucket.isOpen(answers, now)) return false
  TokenBucket.take(answers, now, bytes)
  return true
}

const find = (sources: Float64Array, key: number): number => {
  for (let row = 0; row < sources.length; row += WORDS) if (sources[row] === key) return row
  return -1
}

/** A new row, or that of the source whose window began first; of those that are blocked only if all are. */
const place = (rate: Rate, now: Millis): number => {
  const { sources } = rate
  if (sources.length < MAX_SOURCES * WORDS) {
    rate.sources = new Float64Array(sources.length + WORDS)
    rate.sources.set(sources)
    return sources.length
  }
  let oldest = 0
  for (let row = WORDS; row < sources.length; row += WORDS) {
    if (age(sources, row, now) < age(sources, oldest, now)) oldest = row
  }
  return oldest
}

const age = (sources: Float64Array, row: number, now: Millis): number =>
  sources[row + 3]! > now ? sources[row + 3]! + BLOCK_MS : sources[row + 2]!

/** An IPv4 address, or the /48 of an IPv6 one, which one site has for itself. */
const keyOf = (endpoint: Bytes): number => {
  const isV4 = endpoint.length === 6
  let key = isV4 ? 0 : 1
  for (let i = 0; i < (isV4 ? 4 : 6); i++) key = key * 256 + endpoint[i]!
  // A /48 is beyond 2^48, an IPv4 address below 2^32.
  return key
}
