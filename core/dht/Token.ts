/**
 * The tokens with which a node lets others announce and put (BEP 5): who brings one back has received it, so its address
 * is not made up. Nothing is kept for them: a token is a keyed hash (SipHash-2-4) of the address and of the stretch of
 * five minutes that it was issued in, and is good for the rest of that stretch and the whole of the next.
 *
 * ```
 *   ──── stretch n ────┬─── stretch n + 1 ──┬─── stretch n + 2 ──
 *      issued ▲ good   │   good             │   not any more
 * ```
 * The hash of the stretch's number does what a secret that changes every five minutes does, without anything to change.
 */
import { assert } from "../base/Assert.ts"
import type { Bytes } from "../base/Bytes.ts"
import * as Rng from "../base/Rng.ts"
import * as SipHash from "../base/SipHash.ts"
import { type Millis, MINUTE } from "../base/Time.ts"

export const BYTES = SipHash.HASH_BYTES

/** How often the secret changes (BEP 5); a token lives between one and two of these. */
export const STRETCH_MS: Millis = 5 * MINUTE

export interface Tokens {
  /** 16 bytes that nobody else knows. */
  readonly key: Bytes
}

/** Tokens under a key that comes out of `rng`: as secret as the seed of that is. */
export const make = (rng: Rng.Rng): Tokens => ({ key: Rng.fill(rng, new Uint8Array(SipHash.KEY_BYTES)) })

/** Tokens under a key of 16 bytes. */
export const fromKey = (key: Bytes): Tokens => {
  assert(key.length === SipHash.KEY_BYTES, "a key has 16 bytes")
  return { key }
}

/** The token for whoever asks from this compact address (6 or 18 bytes): 8 bytes. The port is left out, NATs change it. */
export const issue = (tokens: Tokens, peer: Bytes, now: Millis): Bytes => hash(tokens, peer, stretchOf(now))

/**
 * Whether `token` was issued to this address in the last five minutes, or up to ten. Takes equally long wherever the first
 * wrong byte is.
 */
export const accepts = (tokens: Tokens, peer: Bytes, token: Bytes, now: Millis): boolean => {
  if (token.length !== BYTES) return false
  const stretch = stretchOf(now)
  return equals(hash(tokens, peer, stretch), token) || equals(hash(tokens, peer, stretch - 1), token)
}

const stretchOf = (now: Millis): number => Math.floor(now / STRETCH_MS)

/** The stretch in 8 bytes, low ones first, then the address: no two of these are the same bytes. */
const hash = ({ key }: Tokens, peer: Bytes, stretch: number): Bytes => {
  const ipBytes = peer.length - 2
  assert(ipBytes === 4 || ipBytes === 16, "a compact address has 6 or 18 bytes")
  const message = new Uint8Array(8 + ipBytes)
  const high = Math.floor(stretch / 2 ** 32)
  for (let i = 0; i < 4; i++) {
    message[i] = stretch >>> (i * 8)
    message[4 + i] = high >>> (i * 8)
  }
  message.set(peer.subarray(0, ipBytes), 8)
  return SipHash.sipHash24(key, message)
}

const equals = (a: Bytes, b: Bytes): boolean => {
  let difference = 0
  for (let i = 0; i < BYTES; i++) difference |= a[i]! ^ b[i]!
  return difference === 0
}
