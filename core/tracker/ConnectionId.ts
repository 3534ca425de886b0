/**
 * The connection ids of a UDP tracker (BEP 15): who brings one back has received it, so its address is not made up. Nothing
 * is kept for them: an id is the second it was given at and a keyed hash (SipHash-2-4) of that and the address.
 *
 * ```
 *   0                1                              8
 *   second mod 256   first 7 bytes of SipHash(key, second ‖ address)
 * ```
 * One byte tells the second, since an id is good for less than 256 of them; the hash covers all of it.
 */
import { assert } from "../base/Assert.ts"
import type { Bytes } from "../base/Bytes.ts"
import * as SipHash from "../base/SipHash.ts"
import { type Millis, SECOND } from "../base/Time.ts"

export const BYTES = 8

/** Trackers should take an id until two minutes after they sent it (BEP 15). */
export const LIFETIME_SECONDS = 120

/** An id of another process that serves the same socket may seem to come from this far in the future. */
export const SKEW_SECONDS = 1

/** The id for an address of 4 or 16 bytes at `now`, under a key of 16 bytes. The port is left out: NATs change it. */
export const make = (key: Bytes, now: Millis, ip: Bytes): Bytes => at(key, secondOf(now), ip)

/**
 * Whether `id` was given to this address in the last two minutes; ids that are forged, older, of the future (beyond
 * {@link SKEW_SECONDS}) or of another address are not. Takes equally long wherever the first wrong byte is.
 */
export const isValid = (key: Bytes, now: Millis, ip: Bytes, id: Bytes): boolean => {
  if (id.length !== BYTES) return false
  const second = secondOf(now)
  const behind = (second - id[0]!) & 255
  const age = behind < 256 - SKEW_SECONDS ? behind : behind - 256
  if (age > LIFETIME_SECONDS) return false
  const expected = at(key, second - age, ip)
  let difference = 0
  for (let i = 0; i < BYTES; i++) difference |= expected[i]! ^ id[i]!
  return difference === 0
}

const at = (key: Bytes, second: number, ip: Bytes): Bytes => {
  assert(ip.length === 4 || ip.length === 16, "an address has 4 or 16 bytes")
  // The second, 8 bytes with the low ones first, then the address: no two of these are the same bytes.
  const message = new Uint8Array(8 + ip.length)
  const high = Math.floor(second / 2 ** 32)
  for (let i = 0; i < 4; i++) {
    message[i] = second >>> (i * 8)
    message[4 + i] = high >>> (i * 8)
  }
  message.set(ip, 8)
  const hash = SipHash.sipHash24(key, message)
  // In place of the hash's last byte comes the stamp, in front.
  hash.copyWithin(1, 0, BYTES - 1)
  hash[0] = second
  return hash
}

const secondOf = (now: Millis): number => Math.floor(now / SECOND)
