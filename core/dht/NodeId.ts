/**
 * The ids of nodes: points of a space of 160 bits, which info-hashes and the targets of items share. How near two of them
 * are is their exclusive or, read as a number: the more leading bits agree, the nearer (BEP 5). An id is bound to the
 * address of its node by a checksum (BEP 42), so that nobody can pick ids next to a torrent to take hold of it.
 */
import { assert } from "../base/Assert.ts"
import type { Bytes } from "../base/Bytes.ts"
import { crc32c } from "../base/Crc32c.ts"
import * as IpBytes from "../base/IpBytes.ts"
import * as Rng from "../base/Rng.ts"

export const BYTES = 20
export const BITS = 8 * BYTES

/** Of exactly {@link BYTES} bytes. */
export type NodeId = Bytes

/** Negative if `a` is nearer to `target` than `b` is, positive if it is farther, 0 if they are the same id. */
export const compare = (target: NodeId, a: NodeId, b: NodeId): number => {
  for (let i = 0; i < BYTES; i++) {
    if (a[i] !== b[i]) return (a[i]! ^ target[i]!) - (b[i]! ^ target[i]!)
  }
  return 0
}

/** How many leading bits two ids have in common: 0 to 160. The higher, the nearer. */
export const commonBits = (a: NodeId, b: NodeId): number => {
  for (let i = 0; i < BYTES; i++) {
    const difference = a[i]! ^ b[i]!
    // Of the 32 bits that are counted, a byte has the last 8.
    if (difference !== 0) return i * 8 + Math.clz32(difference) - 24
  }
  return BITS
}

/** Any id, all equally likely. */
export const random = (rng: Rng.Rng): NodeId => Rng.fill(rng, new Uint8Array(BYTES))

/** A random id with exactly `bits` leading bits of `target`, 0 to 160: one that falls into that bucket of a table. */
export const near = (target: NodeId, bits: number, rng: Rng.Rng): NodeId => {
  assert(bits >= 0 && bits <= BITS, "ids have 160 bits")
  if (bits === BITS) return target.slice()
  const id = random(rng)
  const byte = bits >> 3
  id.set(target.subarray(0, byte))
  // The bits of this byte that are the target's, then one that is not, then what chance gave.
  const kept = 0xff00 >> (bits & 7) & 0xff
  const flipped = 0x80 >> (bits & 7)
  id[byte] = (target[byte]! & kept) | (~target[byte]! & flipped) | (id[byte]! & ~(kept | flipped))
  return id
}

const MASK_4 = [0x03, 0x0f, 0x3f, 0xff]
const MASK_6 = [0x01, 0x03, 0x07, 0x0f, 0x1f, 0x3f, 0x7f, 0xff]

/** The bits of the checksum that an id has to begin with (BEP 42): two bytes and five bits. */
const THIRD_BYTE = 0xf8

/** The checksum of an address of 4 or 16 bytes, coarser in its high parts, and the low three bits of `rand` (BEP 42). */
const checksum = (ip: Bytes, rand: number): number => {
  const mask = ip.length < 16 ? MASK_4 : MASK_6
  for (let i = 0; i < mask.length; i++) masked[i] = ip[i]! & mask[i]!
  masked[0]! |= (rand & 7) << 5
  return crc32c(mask.length === 4 ? masked4 : masked)
}

const masked = new Uint8Array(8)
const masked4 = masked.subarray(0, 4)

/**
 * An id that the node at `host`, an IP literal, may have (BEP 42). Of the 8 families of ids that an address has, `rand`
 * (0 to 255) chooses one; it becomes the last byte.
 */
export const fromAddress = (host: string, rand: number, rng: Rng.Rng): NodeId => {
  const ip = IpBytes.fromText(host)
  assert(ip !== undefined, "a node's address is an IP literal")
  const crc = checksum(ip, rand)
  const id = random(rng)
  id[0] = crc >>> 24
  id[1] = crc >>> 16
  id[2] = (crc >>> 8 & THIRD_BYTE) | (id[2]! & ~THIRD_BYTE)
  id[BYTES - 1] = rand
  return id
}

/**
 * Whether the node at `host`, an IP literal, may have this id (BEP 42). Any id will do for an address of this machine or
 * a local network: others see such a node at another address, and nobody attacks the DHT from there.
 */
export const isValidFor = (id: NodeId, host: string): boolean => {
  const ip = IpBytes.fromText(host)
  return ip !== undefined && isValidAt(id, ip)
}

/** {@link isValidFor} by the bytes of its address, 4 or 16, or of a compact peer, 6 or 18. */
export const isValidAt = (id: NodeId, ip: Bytes): boolean => {
  if (IpBytes.isLocal(ip)) return true
  const crc = checksum(ip, id[BYTES - 1]!)
  return id[0] === crc >>> 24 && id[1] === (crc >>> 16 & 0xff) &&
    (id[2]! & THIRD_BYTE) === (crc >>> 8 & THIRD_BYTE)
}
