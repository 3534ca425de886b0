/**
 * The swarms of one family of addresses. A peer is its address and port: one client behind them, whatever id it gives
 * itself, as other trackers have it too; so a client that restarts takes its own old place, and no one can fill a swarm
 * from one address and port by inventing ids.
 *
 * ```
 *   swarmIndex ─▶ swarm ─▶ block of members: | leechers … | seeders … |      what a reply is drawn from
 *                               ▲  │
 *   peerIndex ──▶ peer ─────────┘◀─┘          by position the one way, by row the other
 * ```
 */
import * as Arena from "../base/Arena.ts"
import { NONE, type Ref } from "../base/Arena.ts"
import type { Bytes } from "../base/Bytes.ts"
import * as HashIndex from "../base/HashIndex.ts"
import * as Rng from "../base/Rng.ts"
import { HASH_BYTES } from "../base/Sha1.ts"
import * as SipHash from "../base/SipHash.ts"
import * as Members from "./Members.ts"
import * as Peers from "./Peers.ts"

/** Mutable, one owner. */
export interface Family {
  /** 4 or 16. */
  readonly ipBytes: number
  /** Of the hashes in the indexes: secret, or strangers could choose addresses that all stand in one place. */
  readonly key0: number
  readonly key1: number
  readonly swarms: Arena.Arena
  readonly swarmIndex: HashIndex.HashIndex
  readonly peers: Peers.Peers
  readonly peerIndex: HashIndex.HashIndex
  readonly members: Members.Members
  /** Of all swarms. */
  seeders: number
}

const INFO_HASH = 0
const HASH_WORDS = HASH_BYTES / 4
const LEECHERS = 5
const SEEDERS = 6
const DOWNLOADS = 7
/** The block of members: which size, and which of that size. */
const SIZE_LOG2 = 8
const BLOCK = 9
const WORDS = 10

export const make = (ipBytes: 4 | 16, key0: number, key1: number): Family => ({
  ipBytes,
  key0,
  key1,
  swarms: Arena.make(WORDS),
  swarmIndex: HashIndex.make(),
  peers: Peers.make(),
  peerIndex: HashIndex.make(),
  members: Members.make((ipBytes + PORT_BYTES) / 2),
  seeders: 0,
})

const PORT_BYTES = 2

// What is being looked for, as words to hash and halves to compare; they mean nothing between two calls.
const words = new Int32Array(6)
const address = new Uint16Array(9)

/** The swarm of an info-hash of 20 bytes; NONE if nobody is in it. */
export const find = (family: Family, infoHash: Bytes): Ref => {
  for (let i = 0; i < HASH_WORDS; i++) words[i] = word(infoHash, i * 4)
  const hash = hashOfWords(family, HASH_WORDS)
  const part = HashIndex.partOf(family.swarmIndex, hash)
  for (let at = HashIndex.first(part, hash); at >= 0; at = HashIndex.next(part, hash, at)) {
    const swarm = HashIndex.rowAt(part, at)
    const row = Arena.chunkOf(family.swarms, swarm)
    const from = Arena.offsetOf(family.swarms, swarm) + INFO_HASH
    if (
      row[from] === words[0] && row[from + 1] === words[1] && row[from + 2] === words[2] &&
      row[from + 3] === words[3] && row[from + 4] === words[4]
    ) return swarm
  }
  return NONE
}

/** A swarm that isn't there yet, without members. It must get one at once, for it goes when its last one goes. */
export const create = (family: Family, infoHash: Bytes): Ref => {
  const { swarms } = family
  const swarm = Arena.allocate(swarms)
  Arena.setBytes(swarms, swarm, INFO_HASH, infoHash)
  Arena.set(swarms, swarm, LEECHERS, 0)
  Arena.set(swarms, swarm, SEEDERS, 0)
  Arena.set(swarms, swarm, DOWNLOADS, 0)
  Arena.set(swarms, swarm, SIZE_LOG2, 0)
  Arena.set(swarms, swarm, BLOCK, Members.allocate(family.members, 0))
  HashIndex.add(family.swarmIndex, hashOfSwarm(family, swarm), swarm)
  return swarm
}

export const size = (family: Family): number => family.swarms.size
export const leechers = (family: Family, swarm: Ref): number => Arena.get(family.swarms, swarm, LEECHERS)
export const seeders = (family: Family, swarm: Ref): number => Arena.get(family.swarms, swarm, SEEDERS)
/** How many peers completed the torrent while the swarm has existed. */
export const downloads = (family: Family, swarm: Ref): number => Arena.get(family.swarms, swarm, DOWNLOADS)
export const setDownloads = (family: Family, swarm: Ref, value: number): void =>
  Arena.set(family.swarms, swarm, DOWNLOADS, value)

/** Writes the 20 bytes of a swarm's info-hash to `out` at `at`. */
export const copyInfoHash = (family: Family, swarm: Ref, out: Bytes, at: number): void =>
  Arena.copyBytes(family.swarms, swarm, INFO_HASH, HASH_BYTES, out, at)

/** The peer of a swarm at this address; NONE if it isn't known. */
export const findPeer = (family: Family, swarm: Ref, ip: Bytes, port: number): Ref => {
  readAddress(ip, port)
  const hash = hashOfAddress(family, swarm)
  const part = HashIndex.partOf(family.peerIndex, hash)
  for (let at = HashIndex.first(part, hash); at >= 0; at = HashIndex.next(part, hash, at)) {
    const peer = HashIndex.rowAt(part, at)
    if (Peers.swarm(family.peers, peer) === swarm && standsAt(family, swarm, peer)) return peer
  }
  return NONE
}

/** Whether a peer of the swarm is the one that is being looked for. */
const standsAt = (family: Family, swarm: Ref, peer: Ref): boolean => {
  const chunk = chunkOf(family, swarm)
  const from = offsetOf(family, swarm, Peers.position(family.peers, peer)) + Members.ROW_HALVES
  const halves = addressHalves(family)
  for (let i = 0; i < halves; i++) if (chunk[from + i] !== address[i]) return false
  return true
}

/** Adds a peer that {@link findPeer} doesn't find, heard of at `tick`, no earlier than any other. */
export const addPeer = (
  family: Family,
  swarm: Ref,
  ip: Bytes,
  port: number,
  peerId: Bytes,
  seeds: boolean,
  tick: number,
): Ref => {
  const leeching = leechers(family, swarm)
  const count = leeching + seeders(family, swarm)
  const sizeLog2 = Arena.get(family.swarms, swarm, SIZE_LOG2)
  if (count === 1 << sizeLog2) resize(family, swarm, count, sizeLog2 + 1)

  const peer = Peers.add(family.peers, swarm, peerId, tick)
  readAddress(ip, port)
  HashIndex.add(family.peerIndex, hashOfAddress(family, swarm), peer)
  // A leecher takes the place of the first seeder, which goes to the end.
  const position = seeds ? count : leeching
  if (position < count) move(family, swarm, position, count)
  const chunk = chunkOf(family, swarm)
  const at = offsetOf(family, swarm, position)
  chunk[at] = peer
  chunk[at + 1] = peer >>> 16
  const halves = addressHalves(family)
  for (let i = 0; i < halves; i++) chunk[at + Members.ROW_HALVES + i] = address[i]!
  Peers.setPosition(family.peers, peer, position)
  changeCounts(family, swarm, seeds ? 0 : 1, seeds ? 1 : 0)
  return peer
}

/** Forgets a peer, and its swarm if it was the last one. */
export const removePeer = (family: Family, peer: Ref): void => {
  const { members, peers, swarms } = family
  const swarm = Peers.swarm(peers, peer)
  const position = Peers.position(peers, peer)
  const chunk = chunkOf(family, swarm)
  const from = offsetOf(family, swarm, position) + Members.ROW_HALVES
  const halves = addressHalves(family)
  for (let i = 0; i < halves; i++) address[i] = chunk[from + i]!
  HashIndex.remove(family.peerIndex, hashOfAddress(family, swarm), peer)
  Peers.remove(peers, peer)

  const leeching = leechers(family, swarm)
  const count = leeching + seeders(family, swarm)
  const seeded = position >= leeching
  // The hole moves to the end of the leechers, then the last of all fills it.
  const hole = seeded ? position : leeching - 1
  if (hole !== position) move(family, swarm, hole, position)
  if (hole !== count - 1) move(family, swarm, count - 1, hole)
  changeCounts(family, swarm, seeded ? 0 : -1, seeded ? -1 : 0)

  const sizeLog2 = Arena.get(swarms, swarm, SIZE_LOG2)
  if (count === 1) {
    HashIndex.remove(family.swarmIndex, hashOfSwarm(family, swarm), swarm)
    Members.release(members, sizeLog2, Arena.get(swarms, swarm, BLOCK))
    Arena.release(swarms, swarm)
  } else if (sizeLog2 > 0 && (count - 1) * 4 <= 1 << sizeLog2) {
    // The half is half full, so the next resize is as many peers away as there are.
    resize(family, swarm, count - 1, sizeLog2 - 1)
  }
}

export const isSeeder = (family: Family, peer: Ref): boolean =>
  Peers.position(family.peers, peer) >= leechers(family, Peers.swarm(family.peers, peer))

/** Makes a peer a seeder or a leecher: it changes places with the one at the border between them. */
export const setSeeder = (family: Family, peer: Ref, seeds: boolean): void => {
  if (isSeeder(family, peer) === seeds) return
  const swarm = Peers.swarm(family.peers, peer)
  const border = seeds ? leechers(family, swarm) - 1 : leechers(family, swarm)
  exchange(family, swarm, Peers.position(family.peers, peer), border)
  changeCounts(family, swarm, seeds ? -1 : 1, seeds ? 1 : -1)
}

/**
 * A swarm by chance: NONE where the row that was drawn is in no use. Where most rows are, a few tries find one.
 */
export const random = (family: Family, rng: Rng.Rng): Ref => {
  if (family.swarms.touched === 0) return NONE
  const swarm = Rng.below(rng, family.swarms.touched)
  // A row that was released has no members left, and nothing but its first word is written to since.
  return leechers(family, swarm) + seeders(family, swarm) === 0 ? NONE : swarm
}

/** The peer at a position, which is below the number of members. */
export const peerAt = (family: Family, swarm: Ref, position: number): Ref => {
  const chunk = chunkOf(family, swarm)
  const at = offsetOf(family, swarm, position)
  return chunk[at]! | (chunk[at + 1]! << 16)
}

/** Writes the compact addresses at the first `count` positions of a list to `out` from `to` on, 6 or 18 bytes each. */
export const copyCompact = (
  family: Family,
  swarm: Ref,
  positions: Int32Array,
  count: number,
  out: Bytes,
  to: number,
): void => {
  const { halvesPerMember } = family.members
  const chunk = chunkOf(family, swarm)
  const base = offsetOf(family, swarm, 0) + Members.ROW_HALVES
  let at = to
  for (let i = 0; i < count; i++) {
    const from = base + positions[i]! * halvesPerMember
    const end = from + halvesPerMember - Members.ROW_HALVES
    for (let half = from; half < end; half++, at += 2) {
      const pair = chunk[half]!
      out[at] = pair
      out[at + 1] = pair >>> 8
    }
  }
}

/** Copies a member to another position, and tells its peer. */
const move = (family: Family, swarm: Ref, from: number, to: number): void => {
  const { halvesPerMember } = family.members
  const chunk = chunkOf(family, swarm)
  const source = offsetOf(family, swarm, from)
  const target = offsetOf(family, swarm, to)
  for (let i = 0; i < halvesPerMember; i++) chunk[target + i] = chunk[source + i]!
  Peers.setPosition(family.peers, chunk[target]! | (chunk[target + 1]! << 16), to)
}

/** Lets two members change places, and tells their peers. */
const exchange = (family: Family, swarm: Ref, a: number, b: number): void => {
  const { members, peers } = family
  const chunk = chunkOf(family, swarm)
  const atA = offsetOf(family, swarm, a)
  const atB = offsetOf(family, swarm, b)
  for (let i = 0; i < members.halvesPerMember; i++) {
    const half = chunk[atA + i]!
    chunk[atA + i] = chunk[atB + i]!
    chunk[atB + i] = half
  }
  Peers.setPosition(peers, chunk[atA]! | (chunk[atA + 1]! << 16), a)
  Peers.setPosition(peers, chunk[atB]! | (chunk[atB + 1]! << 16), b)
}

const resize = (family: Family, swarm: Ref, count: number, toLog2: number): void => {
  const { members, swarms } = family
  const fromLog2 = Arena.get(swarms, swarm, SIZE_LOG2)
  const block = Members.resize(members, fromLog2, Arena.get(swarms, swarm, BLOCK), count, toLog2)
  Arena.set(swarms, swarm, SIZE_LOG2, toLog2)
  Arena.set(swarms, swarm, BLOCK, block)
}

const changeCounts = (family: Family, swarm: Ref, leeching: number, seeding: number): void => {
  Arena.set(family.swarms, swarm, LEECHERS, leechers(family, swarm) + leeching)
  Arena.set(family.swarms, swarm, SEEDERS, seeders(family, swarm) + seeding)
  family.seeders += seeding
}

const chunkOf = ({ members, swarms }: Family, swarm: Ref): Uint16Array =>
  Members.chunkOf(members, Arena.get(swarms, swarm, SIZE_LOG2), Arena.get(swarms, swarm, BLOCK))

const offsetOf = ({ members, swarms }: Family, swarm: Ref, position: number): number =>
  Members.offsetOf(members, Arena.get(swarms, swarm, SIZE_LOG2), Arena.get(swarms, swarm, BLOCK)) +
  position * members.halvesPerMember

const addressHalves = ({ members }: Family): number => members.halvesPerMember - Members.ROW_HALVES

/** Sets what is looked for to an address of the family, as its bytes are in a compact peer. */
const readAddress = (ip: Bytes, port: number): void => {
  for (let i = 0; i < ip.length; i += 2) address[i >> 1] = ip[i]! | (ip[i + 1]! << 8)
  address[ip.length >> 1] = (port >> 8) | ((port & 255) << 8)
}

const hashOfAddress = (family: Family, swarm: Ref): number => {
  const last = addressHalves(family) - 1
  let count = 0
  words[count++] = swarm
  for (let i = 0; i < last; i += 2) words[count++] = address[i]! | (address[i + 1]! << 16)
  words[count++] = address[last]!
  return hashOfWords(family, count)
}

const hashOfSwarm = ({ key0, key1, swarms }: Family, swarm: Ref): number => {
  for (let i = 0; i < HASH_WORDS; i++) words[i] = Arena.get(swarms, swarm, INFO_HASH + i)
  return SipHash.halfSipHash13(key0, key1, words, HASH_WORDS)
}

const hashOfWords = ({ key0, key1 }: Family, count: number): number =>
  SipHash.halfSipHash13(key0, key1, words, count)

const word = (bytes: Bytes, at: number): number =>
  bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
