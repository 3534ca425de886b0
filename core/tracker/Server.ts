/**
 * The tracker itself, as a machine: who is in which swarm, and whom to tell whom about (BEP 3). No sockets, no clock: an
 * announce that was read by a codec goes in, what it is answered comes out. IPv4 and IPv6 are swarms of their own, for
 * neither can reach the other (BEP 7).
 */
import { NONE, type Ref } from "../base/Arena.ts"
import { assert } from "../base/Assert.ts"
import { type Bytes, empty } from "../base/Bytes.ts"
import * as Clone from "../base/Clone.ts"
import { err, ok, type Result } from "../base/Result.ts"
import * as Rng from "../base/Rng.ts"
import { HASH_BYTES } from "../base/Sha1.ts"
import { type Millis, NEVER, SECOND } from "../base/Time.ts"
import * as AddressLimit from "./AddressLimit.ts"
import type { AnnounceEvent } from "./Announce.ts"
import * as Choice from "./Choice.ts"
import * as Draw from "./Draw.ts"
import * as Peers from "./Peers.ts"
import type { ScrapeEntry } from "./Scrape.ts"
import { EVICTION_TRIES, JITTER, LIMITS, type Limits, MAX_NUM_WANT, timeToLive } from "./ServerLimits.ts"
import * as Swarm from "./Swarm.ts"

/** One announce, already read and checked by the codec that it came through. */
export interface AnnounceQuery {
  /** 20 bytes. */
  readonly infoHash: Bytes
  /** 20 bytes. */
  readonly peerId: Bytes
  /** 4 or 16 bytes: decides the family, and with it the swarm. An IPv4 address in IPv6 clothes is for the codec to undress. */
  readonly ip: Bytes
  /** Where the peer listens, 0 to 65535; 0 is refused. */
  readonly port: number
  /** What is still missing; 0 makes the peer a seeder. */
  readonly leftBytes: number
  readonly event: AnnounceEvent
  /** Peers wanted, already clamped. */
  readonly numWant: number
}

export interface AnnounceReply {
  readonly seeders: number
  readonly leechers: number
  readonly intervalSeconds: number
  readonly minIntervalSeconds: number
  /** Compact, 6 or 18 bytes each, of the query's family, never the asker. The server's again at its next announce. */
  readonly peers: Bytes
  /** 20 bytes each, in the order of `peers`; only if asked for. */
  readonly peerIds?: ReadonlyArray<Bytes>
}

/** Since the server began. */
export interface Counters {
  announces: number
  refusals: number
  scrapes: number
  /** Peers that went without saying so. */
  expired: number
}

/** Mutable, one owner. */
export interface Server {
  readonly limits: Limits
  readonly v4: Swarm.Family
  readonly v6: Swarm.Family
  readonly rng: Rng.Rng
  readonly newSwarms: AddressLimit.AddressLimit
  readonly newPeers: AddressLimit.AddressLimit
  readonly startedAt: Millis
  /** Seconds since `startedAt`, never falling: when peers were heard of. */
  tick: number
  readonly counters: Counters
  /** Where the peers of a reply are put together. */
  readonly reply: Bytes
}

/**
 * A tracker without peers. `seed` is for what may be guessed: whom to tell of whom, intervals. `secret`, 8 bytes or more,
 * must not be: it keeps strangers from choosing torrents and addresses that slow the tables down.
 */
export const make = (options: {
  readonly now: Millis
  readonly seed: number
  readonly secret: Bytes
  readonly limits?: Partial<Limits>
}): Server => {
  const { now, secret, seed } = options
  const limits: Limits = Object.freeze({ ...LIMITS, ...options.limits })
  assert(secret.length >= 8, "the secret of a server has 8 bytes")
  assert(limits.intervalSeconds >= 1, "an interval is at least a second")
  const key0 = secret[0]! | (secret[1]! << 8) | (secret[2]! << 16) | (secret[3]! << 24)
  const key1 = secret[4]! | (secret[5]! << 8) | (secret[6]! << 16) | (secret[7]! << 24)
  const windowMs = timeToLive(limits) * SECOND
  return {
    limits,
    v4: Swarm.make(4, key0, key1),
    v6: Swarm.make(16, key0, key1),
    rng: Rng.make(seed),
    newSwarms: AddressLimit.make(key0, key1, limits.newSwarmsPerAddress, windowMs, now),
    newPeers: AddressLimit.make(key0, key1, limits.newPeersPerAddress, windowMs, now),
    // A whole number, so that the time of a tick is exact and a wake-up never comes a hair too early.
    startedAt: Math.floor(now),
    tick: 0,
    counters: { announces: 0, refusals: 0, scrapes: 0, expired: 0 },
    reply: new Uint8Array(MAX_NUM_WANT * (16 + 2)),
  }
}

/** A copy that shares nothing mutable with the original. */
export const fork = (server: Server): Server => Clone.clone(server)

/**
 * Counts an announce and gives the peers for it, a random choice of those that can be of use; or the reason why not, a
 * line for the client's user.
 */
export const announce = (
  server: Server,
  now: Millis,
  query: AnnounceQuery,
  withPeerIds: boolean,
): Result<AnnounceReply, string> => {
  assert(query.infoHash.length === HASH_BYTES, "an info-hash has 20 bytes")
  assert(query.peerId.length === Peers.PEER_ID_BYTES, "a peer id has 20 bytes")
  assert(query.ip.length === 4 || query.ip.length === 16, "an address has 4 or 16 bytes")
  server.counters.announces++
  advance(server, now)
  if (query.port < 1 || query.port > 65_535) return refuse(server, BAD_PORT)
  const family = query.ip.length === 4 ? server.v4 : server.v6
  let swarm = Swarm.find(family, query.infoHash)
  let peer = swarm === NONE ? NONE : Swarm.findPeer(family, swarm, query.ip, query.port)

  if (query.event === "stopped") {
    if (peer !== NONE) {
      const isLast = Swarm.leechers(family, swarm) + Swarm.seeders(family, swarm) === 1
      Swarm.removePeer(family, peer)
      if (isLast) swarm = NONE
    }
    return ok(answer(server, family, swarm, NONE, 0, "leechers", false))
  }

  const seeds = query.leftBytes === 0
  if (peer !== NONE) {
    hear(server, family, swarm, peer, query, seeds)
  } else if (swarm === NONE || hasRoom(server, family, swarm)) {
    // Whoever floods us is refused before anything goes for it.
    if (swarm === NONE && !AddressLimit.take(server.newSwarms, now, query.ip)) {
      return refuse(server, TOO_MANY_TORRENTS)
    }
    if (!AddressLimit.take(server.newPeers, now, query.ip)) return refuse(server, TOO_MANY_PEERS)
    if (swarm === NONE) {
      if (!hasRoom(server, family, NONE) && !evict(server)) return refuse(server, FULL)
      swarm = Swarm.create(family, query.infoHash)
    }
    peer = Swarm.addPeer(family, swarm, query.ip, query.port, query.peerId, seeds, server.tick)
  }
  return ok(answer(server, family, swarm, peer, query.numWant, Choice.whom(query), withPeerIds))
}

/**
 * Makes room for a new swarm: one goes that was drawn by chance and has nobody but a peer that has not stayed yet. False
 * where none of those that were looked at is like that: then the table is full of what is alive.
 */
const evict = ({ rng, v4, v6 }: Server): boolean => {
  // Where more of the swarms are is where the flood is.
  const family = Swarm.size(v4) >= Swarm.size(v6) ? v4 : v6
  for (let i = 0; i < EVICTION_TRIES; i++) {
    const swarm = Swarm.random(family, rng)
    if (swarm === NONE || Swarm.leechers(family, swarm) + Swarm.seeders(family, swarm) > 1) continue
    const peer = Swarm.peerAt(family, swarm, 0)
    if (Peers.hasStayed(family.peers, peer)) continue
    Swarm.removePeer(family, peer)
    return true
  }
  return false
}

const BAD_PORT = "port must be from 1 to 65535"
const FULL = "this tracker takes no more torrents"
const TOO_MANY_TORRENTS = "too many new torrents from your address, try again later"
const TOO_MANY_PEERS = "too many new peers from your address, try again later"

const refuse = (server: Server, reason: string): Result<never, string> => {
  server.counters.refusals++
  return err(reason)
}

/** A peer that is known says how it is. */
const hear = (
  server: Server,
  family: Swarm.Family,
  swarm: Ref,
  peer: Ref,
  query: AnnounceQuery,
  seeds: boolean,
): void => {
  const { peers } = family
  // Only of one that was seen downloading, and once: clients repeat the event when an answer got lost.
  if (
    query.event === "completed" && seeds && !Swarm.isSeeder(family, peer) && !Peers.isCounted(peers, peer)
  ) {
    Peers.setCounted(peers, peer)
    Swarm.setDownloads(family, swarm, Swarm.downloads(family, swarm) + 1)
  }
  if (server.tick - Peers.seen(peers, peer) >= server.limits.minIntervalSeconds) Peers.setStayed(peers, peer)
  Swarm.setSeeder(family, peer, seeds)
  Peers.setPeerId(peers, peer, query.peerId)
  Peers.touch(peers, peer, server.tick)
}

/** Whether a peer more is kept, in this swarm or, with NONE, in a new one. */
export const hasRoom = ({ limits, v4, v6 }: Server, family: Swarm.Family, swarm: Ref): boolean => {
  if (Peers.size(v4.peers) + Peers.size(v6.peers) >= limits.maxPeers) return false
  return swarm === NONE
    ? Swarm.size(v4) + Swarm.size(v6) < limits.maxSwarms
    : Swarm.leechers(family, swarm) + Swarm.seeders(family, swarm) < limits.maxPeersPerSwarm
}

/** Up to `wanted` peers of a swarm for one of its members, or for one that isn't, and when to come back. */
const answer = (
  server: Server,
  family: Swarm.Family,
  swarm: Ref,
  asker: Ref,
  wanted: number,
  whom: Choice.Whom,
  withPeerIds: boolean,
): AnnounceReply => {
  const { limits, reply, rng } = server
  const leechers = swarm === NONE ? 0 : Swarm.leechers(family, swarm)
  const seeders = swarm === NONE ? 0 : Swarm.seeders(family, swarm)
  const most = Math.min(wanted, MAX_NUM_WANT)
  const position = asker === NONE ? NONE : Peers.position(family.peers, asker)
  const count = Choice.choose(rng, whom, leechers, seeders, position, most)
  let peers = empty
  if (count > 0) {
    Swarm.copyCompact(family, swarm, Draw.drawn, count, reply, 0)
    peers = reply.subarray(0, count * (family.ipBytes + 2))
  }
  const intervalSeconds = limits.intervalSeconds -
    Rng.below(rng, Math.floor(limits.intervalSeconds * JITTER) + 1)
  const minIntervalSeconds = Math.min(limits.minIntervalSeconds, intervalSeconds)
  if (!withPeerIds) return { seeders, leechers, intervalSeconds, minIntervalSeconds, peers }
  const peerIds: Array<Bytes> = []
  for (let i = 0; i < count; i++) {
    const peerId = new Uint8Array(Peers.PEER_ID_BYTES)
    Peers.copyPeerId(family.peers, Swarm.peerAt(family, swarm, Draw.drawn[i]!), peerId, 0)
    peerIds.push(peerId)
  }
  return { seeders, leechers, intervalSeconds, minIntervalSeconds, peers, peerIds }
}

/** The figures of these torrents in their order, both families together; zeros for those that nobody is in. */
export const scrape = (server: Server, infoHashes: ReadonlyArray<Bytes>): ReadonlyArray<ScrapeEntry> => {
  server.counters.scrapes++
  return infoHashes.map((infoHash) => {
    let seeders = 0
    let leechers = 0
    let downloads = 0
    for (const family of [server.v4, server.v6]) {
      const swarm = Swarm.find(family, infoHash)
      if (swarm === NONE) continue
      seeders += Swarm.seeders(family, swarm)
      leechers += Swarm.leechers(family, swarm)
      downloads += Swarm.downloads(family, swarm)
    }
    return { seeders, leechers, downloads }
  })
}

/** Forgets up to `budget` peers that have been silent for two intervals, and gives how many; looks at no others. */
export const expire = (server: Server, now: Millis, budget: number): number => {
  advance(server, now)
  const last = server.tick - timeToLive(server.limits)
  let expired = 0
  for (const family of [server.v4, server.v6]) {
    for (; expired < budget; expired++) {
      const { oldest } = family.peers
      if (oldest === NONE || Peers.seen(family.peers, oldest) > last) break
      Swarm.removePeer(family, oldest)
    }
  }
  server.counters.expired += expired
  return expired
}

/** When {@link expire} would next forget a peer: in the past if its budget was too small; NEVER without peers. */
export const nextWake = (server: Server): Millis => {
  let tick = NEVER
  for (const { peers } of [server.v4, server.v6]) {
    if (peers.oldest !== NONE) tick = Math.min(tick, Peers.seen(peers, peers.oldest))
  }
  return server.startedAt + (tick + timeToLive(server.limits)) * SECOND
}

/** Time goes on in whole seconds: four bytes for each peer. A clock that steps back stands still. Every entry begins with it. */
export const advance = (server: Server, now: Millis): void => {
  server.tick = Math.max(server.tick, Math.floor((now - server.startedAt) / SECOND))
}

export interface Stats extends Readonly<Counters> {
  /** Torrents that somebody is in; one with peers of both families counts once for each. */
  readonly swarms: number
  readonly seeders: number
  readonly leechers: number
  readonly peers4: number
  readonly peers6: number
}

export const stats = ({ counters, v4, v6 }: Server): Stats => {
  const peers4 = Peers.size(v4.peers)
  const peers6 = Peers.size(v6.peers)
  const seeders = v4.seeders + v6.seeders
  return {
    ...counters,
    swarms: Swarm.size(v4) + Swarm.size(v6),
    seeders,
    leechers: peers4 + peers6 - seeders,
    peers4,
    peers6,
  }
}
