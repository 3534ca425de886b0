/**
 * A server's peers as bytes, so that a tracker that restarts knows its swarms at once instead of an interval later.
 * Numbers are big endian; after the title, for IPv4 and then for IPv6:
 *
 * ```
 *   count:4   swarms:  info-hash:20 downloads:4
 *   count:4   peers, newest first:  swarm:4 age in seconds:4 flags:1 address:4|16 port:2 peer id:20
 * ```
 */
import type { Ref } from "../base/Arena.ts"
import { NONE } from "../base/Arena.ts"
import { type Bytes, latin1 } from "../base/Bytes.ts"
import { HASH_BYTES } from "../base/Sha1.ts"
import type { Millis } from "../base/Time.ts"
import { u32 } from "../wire/Fixed.ts"
import * as Peers from "./Peers.ts"
import * as Server from "./Server.ts"
import { timeToLive } from "./ServerLimits.ts"
import * as Swarm from "./Swarm.ts"

const TITLE = latin1("shoal tracker 1\n")

const COUNT_BYTES = 4
const SWARM_BYTES = HASH_BYTES + 4
const PEER_HEAD_BYTES = 9

/** Bits of a peer's flags. */
const SEEDER = 1
const COUNTED = 2

/** More than any torrent's, and what 32 bits with a sign hold. */
const MAX_DOWNLOADS = 2 ** 31 - 1

/** All swarms and peers; some 100 ms for a million of them, during which nothing is answered. */
export const snapshot = (server: Server.Server, now: Millis): Bytes => {
  Server.advance(server, now)
  const families = [server.v4, server.v6]
  let length = TITLE.length
  for (const family of families) {
    length += 2 * COUNT_BYTES + Swarm.size(family) * SWARM_BYTES +
      Peers.size(family.peers) * peerBytes(family)
  }
  const bytes = new Uint8Array(length)
  bytes.set(TITLE)
  let at = TITLE.length
  for (const family of families) at = write(family, server.tick, bytes, at)
  return bytes
}

const write = (family: Swarm.Family, tick: number, bytes: Bytes, start: number): number => {
  const { peers } = family
  // The number of each swarm, by its row.
  const numbers = new Map<Ref, number>()
  let at = setU32(bytes, start, Swarm.size(family))
  for (let peer = peers.newest; peer !== NONE; peer = Peers.older(peers, peer)) {
    const swarm = Peers.swarm(peers, peer)
    if (numbers.has(swarm)) continue
    numbers.set(swarm, numbers.size)
    Swarm.copyInfoHash(family, swarm, bytes, at)
    at = setU32(bytes, at + HASH_BYTES, Swarm.downloads(family, swarm))
  }
  at = setU32(bytes, at, Peers.size(peers))
  const position = new Int32Array(1)
  for (let peer = peers.newest; peer !== NONE; peer = Peers.older(peers, peer)) {
    const swarm = Peers.swarm(peers, peer)
    at = setU32(bytes, at, numbers.get(swarm)!)
    at = setU32(bytes, at, tick - Peers.seen(peers, peer))
    bytes[at++] = (Swarm.isSeeder(family, peer) ? SEEDER : 0) | (Peers.isCounted(peers, peer) ? COUNTED : 0)
    position[0] = Peers.position(peers, peer)
    Swarm.copyCompact(family, swarm, position, 1, bytes, at)
    at += family.ipBytes + 2
    Peers.copyPeerId(peers, peer, bytes, at)
    at += Peers.PEER_ID_BYTES
  }
  return at
}

/**
 * Takes in the peers of a snapshot, as far as it can be read and the server's limits go, and gives how many. Peers that the
 * server has heard of itself stay as they are, those that have expired stay out, and no age is younger than it was.
 */
export const restore = (server: Server.Server, now: Millis, bytes: Bytes): number => {
  Server.advance(server, now)
  for (let i = 0; i < TITLE.length; i++) if (bytes[i] !== TITLE[i]) return 0
  const before = Server.stats(server)
  const next = read(server, server.v4, bytes, TITLE.length)
  if (next !== undefined) read(server, server.v6, bytes, next)
  const after = Server.stats(server)
  return after.peers4 + after.peers6 - before.peers4 - before.peers6
}

/** Where the family ends; `undefined` if the bytes do before. */
const read = (
  server: Server.Server,
  family: Swarm.Family,
  bytes: Bytes,
  start: number,
): number | undefined => {
  if (start + COUNT_BYTES > bytes.length) return undefined
  const swarmsAt = start + COUNT_BYTES
  const swarmCount = u32(bytes, start)
  const countAt = swarmsAt + swarmCount * SWARM_BYTES
  if (countAt + COUNT_BYTES > bytes.length) return undefined
  const peersAt = countAt + COUNT_BYTES
  const end = peersAt + u32(bytes, countAt) * peerBytes(family)
  const known = new Set<number>()
  for (let at = peersAt; at < end && at + peerBytes(family) <= bytes.length; at += peerBytes(family)) {
    const number = u32(bytes, at)
    const age = u32(bytes, at + 4)
    if (number >= swarmCount || age >= timeToLive(server.limits)) continue
    const swarmAt = swarmsAt + number * SWARM_BYTES
    const swarm = readPeer(server, family, bytes, at, bytes.subarray(swarmAt, swarmAt + HASH_BYTES), age)
    if (swarm === NONE || known.has(number)) continue
    known.add(number)
    const downloads = Swarm.downloads(family, swarm) + u32(bytes, swarmAt + HASH_BYTES)
    Swarm.setDownloads(family, swarm, Math.min(downloads, MAX_DOWNLOADS))
  }
  return end <= bytes.length ? end : undefined
}

/** Adds the peer at `at`; gives its swarm, NONE if it was left out. */
const readPeer = (
  server: Server.Server,
  family: Swarm.Family,
  bytes: Bytes,
  at: number,
  infoHash: Bytes,
  age: number,
): Ref => {
  const { peers } = family
  const flags = bytes[at + 8]!
  const ipAt = at + PEER_HEAD_BYTES
  const portAt = ipAt + family.ipBytes
  const ip = bytes.subarray(ipAt, portAt)
  const port = (bytes[portAt]! << 8) | bytes[portAt + 1]!
  const peerId = bytes.subarray(portAt + 2, portAt + 2 + Peers.PEER_ID_BYTES)
  let swarm = Swarm.find(family, infoHash)
  if (port === 0 || !Server.hasRoom(server, family, swarm)) return NONE
  if (swarm !== NONE && Swarm.findPeer(family, swarm, ip, port) !== NONE) return NONE
  // The list is by time, and what comes from a snapshot goes to its old end.
  const { oldest } = peers
  const seen = server.tick - age
  const tick = oldest === NONE ? seen : Math.min(seen, Peers.seen(peers, oldest))
  if (swarm === NONE) swarm = Swarm.create(family, infoHash)
  const peer = Swarm.addPeer(family, swarm, ip, port, peerId, (flags & SEEDER) !== 0, server.tick)
  if ((flags & COUNTED) !== 0) Peers.setCounted(peers, peer)
  // It was there before the last start, at least.
  Peers.setStayed(peers, peer)
  Peers.makeOldest(peers, peer, tick)
  return swarm
}

const peerBytes = (family: Swarm.Family): number => PEER_HEAD_BYTES + family.ipBytes + 2 + Peers.PEER_ID_BYTES

/** Writes a number and gives where it ends. */
const setU32 = (bytes: Bytes, at: number, value: number): number => {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
  return at + 4
}
