/** The first 68 bytes of every connection, in both directions (BEP 3, "peer protocol"). */
import { assert } from "../base/Assert.ts"
import * as Bytes from "../base/Bytes.ts"

/** 1 + 19 bytes of protocol name, 8 reserved, 20 of info-hash, 20 of peer id. */
export const HANDSHAKE_BYTES = 68

/** The name with its length in front, as it stands on the wire. */
const PROTOCOL = Bytes.latin1("\x13BitTorrent protocol")
const RESERVED_AT = 20
const INFO_HASH_AT = 28
const PEER_ID_AT = 48

/** The part that says which torrent it is about: the peer id may come later (BEP 3). */
export const HEAD_BYTES = PEER_ID_AT

/** What the reserved bytes announce (BEP 4 keeps the list). */
export interface Features {
  /** Fast extension: HAVE_ALL, HAVE_NONE, SUGGEST, REJECT, ALLOWED_FAST (BEP 6). */
  readonly fast: boolean
  /** Extension protocol (BEP 10). */
  readonly extended: boolean
  /** The PORT message (BEP 5). */
  readonly dht: boolean
}

// Each feature's byte among the reserved ones and its bit in it.
const EXTENDED_AT = 5
const EXTENDED_BIT = 0x10
const FAST_AT = 7
const FAST_BIT = 0x04
const DHT_AT = 7
const DHT_BIT = 0x01

/** Who we are and what we speak. */
export interface Greeting {
  /** 20 bytes. */
  readonly infoHash: Bytes.Bytes
  /** 20 bytes. */
  readonly peerId: Bytes.Bytes
  readonly features: Features
}

/** Our 68 bytes (BEP 3). */
export const encode = (greeting: Greeting): Bytes.Bytes => {
  const bytes = new Uint8Array(HANDSHAKE_BYTES)
  write(bytes, 0, greeting)
  return bytes
}

/** Writes our 68 bytes at `offset` of `target`. */
export const write = (target: Uint8Array, offset: number, greeting: Greeting): void => {
  assert(greeting.infoHash.length === 20, "an info-hash has 20 bytes")
  assert(greeting.peerId.length === 20, "a peer id has 20 bytes")
  const { fast, extended, dht } = greeting.features
  const reserved = offset + RESERVED_AT
  target.set(PROTOCOL, offset)
  target.fill(0, reserved, offset + INFO_HASH_AT)
  if (extended) target[reserved + EXTENDED_AT]! |= EXTENDED_BIT
  if (fast) target[reserved + FAST_AT]! |= FAST_BIT
  if (dht) target[reserved + DHT_AT]! |= DHT_BIT
  target.set(greeting.infoHash, offset + INFO_HASH_AT)
  target.set(greeting.peerId, offset + PEER_ID_AT)
}

/** False as soon as one of the first `count` bytes can't belong to a handshake: what isn't BitTorrent needn't be awaited. */
export const isProtocol = (bytes: Bytes.Bytes, count: number): boolean => {
  const end = Math.min(count, PROTOCOL.length)
  for (let i = 0; i < end; i++) if (bytes[i] !== PROTOCOL[i]) return false
  return true
}

/** The info-hash in the first {@link HEAD_BYTES} of a handshake, as a copy. */
export const infoHash = (head: Bytes.Bytes): Bytes.Bytes => head.slice(INFO_HASH_AT, PEER_ID_AT)

/** What 68 bytes that passed {@link isProtocol} say, as copies. Any reserved bit may be set, known or not. */
export const decode = (bytes: Bytes.Bytes): Greeting & { readonly reserved: Bytes.Bytes } => {
  assert(
    bytes.length === HANDSHAKE_BYTES && isProtocol(bytes, bytes.length),
    "the protocol's name was checked",
  )
  const own = new Uint8Array(bytes)
  const reserved = own.subarray(RESERVED_AT, INFO_HASH_AT)
  return {
    reserved,
    features: features(reserved),
    infoHash: own.subarray(INFO_HASH_AT, PEER_ID_AT),
    peerId: own.subarray(PEER_ID_AT),
  }
}

/** The features that 8 reserved bytes announce. */
export const features = (reserved: Bytes.Bytes): Features => ({
  fast: (reserved[FAST_AT]! & FAST_BIT) !== 0,
  extended: (reserved[EXTENDED_AT]! & EXTENDED_BIT) !== 0,
  dht: (reserved[DHT_AT]! & DHT_BIT) !== 0,
})
