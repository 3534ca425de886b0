/** What users want: to announce their torrents, again every quarter of an hour, and to find those of others. */
import * as Address from "../../base/Address.ts"
import { assert } from "../../base/Assert.ts"
import { type Bytes, toLatin1 } from "../../base/Bytes.ts"
import * as Rng from "../../base/Rng.ts"
import { type Millis, MINUTE } from "../../base/Time.ts"
import type { Event } from "../../dht/Event.ts"
import * as NodeId from "../../dht/NodeId.ts"
import * as Queue from "../Queue.ts"
import type { Host } from "./Host.ts"
import type { Outcome } from "./Observer.ts"
import { type Scenario, stages, stream } from "./Scenario.ts"
import { ANNOUNCE, anyHost, type Give, LOOK, type World } from "./State.ts"

/** Between two announces of a peer. */
const ANNOUNCE_MS: Millis = 15 * MINUTE

/** A torrent, and who has announced it. */
interface Torrent {
  readonly infoHash: Bytes
  /** Whoever announces, by their place among the peers. */
  readonly peers: Array<Host | undefined>
  /** Addresses that ever announced. */
  readonly announced: Set<string>
  /** Some node has taken an announce. */
  isKnown: boolean
}

interface Pending {
  readonly host: Host
  readonly life: number
  readonly torrent: Torrent
  readonly isAnnounce: boolean
  readonly startedAt: Millis
  foundAt: Millis | undefined
}

/** Mutable, one owner. */
export interface Users {
  readonly torrents: Array<Torrent>
  readonly byInfoHash: Map<string, Torrent>
  /** Lookups that are not over, by host and request. */
  readonly pending: Map<number, Pending>
  announces: number
  /** Announces that no node has taken. */
  announcedInVain: number
  /** Lookups whose host left meanwhile. */
  abandoned: number
}

/** Torrents whose info-hashes come from the seed; nobody has announced them yet. */
export const make = (scenario: Scenario): Users => {
  const rng = stream(scenario, "users")
  const torrents: Array<Torrent> = Array.from({ length: scenario.torrents }, () => ({
    infoHash: NodeId.random(rng),
    peers: new Array<Host | undefined>(scenario.peersPerTorrent).fill(undefined),
    announced: new Set(),
    isKnown: false,
  }))
  return {
    torrents,
    byInfoHash: new Map(torrents.map((torrent) => [toLatin1(torrent.infoHash), torrent])),
    pending: new Map(),
    announces: 0,
    announcedInVain: 0,
    abandoned: 0,
  }
}

/** Puts the first announce of every peer and all lookups on the agenda. */
export const begin = ({ queue, rng, scenario, users }: World): void => {
  const { announceAt, endAt, lookAt } = stages(scenario)
  for (let torrent = 0; torrent < users.torrents.length; torrent++) {
    for (let peer = 0; peer < scenario.peersPerTorrent; peer++) {
      Queue.push(queue, announceAt + Rng.below(rng.users, scenario.announceMs), ANNOUNCE, torrent, peer)
    }
  }
  const count = Math.floor((endAt - lookAt) / MINUTE * scenario.lookupsPerMinute)
  for (let i = 0; i < count; i++) {
    Queue.push(queue, lookAt + Rng.below(rng.users, endAt - lookAt), LOOK, 0, 0)
  }
}

/** A peer announces, or whoever has come in its place. */
export const announce = (world: World, torrentIndex: number, peer: number, give: Give): void => {
  const { queue, rng, users } = world
  const torrent = users.torrents[torrentIndex]!
  const known = torrent.peers[peer]
  Queue.push(queue, queue.now + ANNOUNCE_MS, ANNOUNCE, torrentIndex, peer)
  // Who will be back announces when it is its time again.
  if (known !== undefined && !known.isUp && world.hosts[known.slot] === known) return
  const host = known?.isUp === true ? known : anyHost(world, rng.users, isUser)
  if (host === undefined) return
  torrent.peers[peer] = host
  users.announces++
  ask(world, host, torrent, true, give)
}

/** Somebody looks for a torrent. */
export const look = (world: World, give: Give): void => {
  const { rng, users } = world
  const host = anyHost(world, rng.users, isUser)
  const torrent = users.torrents[Rng.below(rng.users, users.torrents.length)]!
  if (host !== undefined && torrent.isKnown) ask(world, host, torrent, false, give)
}

/** Whoever has neighbours: before that there is nobody to be asked. */
const isUser = ({ isRouter, isSettled }: Host): boolean => isSettled && !isRouter

const ask = (world: World, host: Host, torrent: Torrent, isAnnounce: boolean, give: Give): void => {
  const { queue, users } = world
  const { now } = queue
  const request = ++host.requests
  users.pending.set(keyOf(host, request), {
    host,
    life: host.lives,
    torrent,
    isAnnounce,
    startedAt: now,
    foundAt: undefined,
  })
  const { infoHash } = torrent
  const { port } = host.address
  if (isAnnounce) torrent.announced.add(Address.format(host.address))
  give(world, host, {
    _tag: "GetPeers",
    now,
    request,
    infoHash,
    ...(isAnnounce && { announce: { port, impliedPort: false, isSeed: false } }),
  })
}

/** A node tells its user something; where that ends a lookup, how it went. */
export const hear = (world: World, host: Host, event: Event): Outcome | undefined => {
  const { queue, users } = world
  if (event._tag === "PeersFound") {
    const pending = users.pending.get(keyOf(host, event.request))
    if (pending === undefined || pending.foundAt !== undefined) return undefined
    const { announced } = pending.torrent
    if (event.peers.some((peer) => announced.has(Address.format(peer)))) pending.foundAt = queue.now
    return undefined
  }
  if (event._tag !== "LookupDone") return undefined
  const key = keyOf(host, event.request)
  const pending = users.pending.get(key)
  if (pending === undefined) return undefined
  users.pending.delete(key)
  const { foundAt, isAnnounce, startedAt, torrent } = pending
  if (isAnnounce) {
    if (event.announcedTo > 0) torrent.isKnown = true
    else users.announcedInVain++
    return undefined
  }
  return {
    host,
    infoHash: torrent.infoHash,
    startedAt,
    endedAt: queue.now,
    isFound: foundAt !== undefined,
    foundMs: foundAt === undefined ? undefined : foundAt - startedAt,
    hops: event.hops,
    queries: event.queries,
    responses: event.responses,
  }
}

/** A host is gone, and with it what it was looking for. */
export const leave = ({ users }: World, host: Host): void => {
  for (const [key, pending] of users.pending) {
    if (pending.host !== host) continue
    users.pending.delete(key)
    if (!pending.isAnnounce) users.abandoned++
  }
}

/** Requests that one host makes at most. */
const MAX_REQUESTS = 2 ** 20

const keyOf = ({ number }: Host, request: number): number => {
  assert(request < MAX_REQUESTS, "a simulated user makes less than a million requests")
  return number * MAX_REQUESTS + request
}
