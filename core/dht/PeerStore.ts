/**
 * The peers that were announced to a node (BEP 5): for half an hour each, of as many torrents as come, within limits. A
 * peer is an address and a port, so that several clients behind one NAT find a place; BEP 33 would have one place for them
 * all, but its filters count addresses anyway. When a torrent or the store is full, chance decides who goes: then what is
 * given out stays a fair sample, and nobody can push out one peer in particular.
 */
import { type Bytes, toLatin1 } from "../base/Bytes.ts"
import * as IpBytes from "../base/IpBytes.ts"
import * as Rng from "../base/Rng.ts"
import { type Millis, MINUTE, NEVER, SECOND } from "../base/Time.ts"
import { type Family, familyOf } from "./Compact.ts"
import * as Filters from "./Filters.ts"
import {
  MAX_PEERS,
  MAX_PEERS_PER_ADDRESS,
  MAX_PEERS_PER_TORRENT,
  MAX_PORTS_PER_ADDRESS,
  MAX_TORRENTS,
  PEER_LIFETIME_MS,
} from "./Limits.ts"
import * as PeerTable from "./PeerTable.ts"

const LIFETIME_SECONDS = PEER_LIFETIME_MS / SECOND

/** A sweep looks at every peer, so there are no two of them within a minute. */
const MIN_SWEEP_INTERVAL_MS: Millis = MINUTE

/** When a torrent has to go, the one with the fewest peers of so many goes. */
const TORRENT_DRAWS = 8

interface Torrent {
  readonly key: string
  readonly infoHash: Bytes
  /** Its place in the list of all. */
  position: number
  ipv4: PeerTable.PeerTable | undefined
  ipv6: PeerTable.PeerTable | undefined
}

/** Mutable, one owner. */
export interface PeerStore {
  /** By the Latin-1 of the info-hash. Each has a peer. */
  readonly torrents: Map<string, Torrent>
  /** The same, to be drawn from. */
  readonly list: Array<Torrent>
  /** How many peers an IPv4 address or IPv6 /64 has announced. */
  readonly byAddress: Map<number | string, number>
  /** In all. */
  peers: number
  /** No peer was heard of earlier than this, in seconds. */
  oldestSeconds: number
  sweptAt: Millis
}

/** A store of nobody; it costs next to nothing as long as it stays that. */
export const make = (): PeerStore => ({
  torrents: new Map(),
  list: [],
  byAddress: new Map(),
  peers: 0,
  oldestSeconds: 0,
  sweptAt: -Infinity,
})

/**
 * Notes a peer: `peer` is its compact address, 6 or 18 bytes, with the port that it listens on. False, and nothing noted,
 * where its address has announced more than its share already; addresses of the local network may have as many as they like.
 */
export const announce = (
  store: PeerStore,
  infoHash: Bytes,
  peer: Bytes,
  isSeed: boolean,
  now: Millis,
  rng: Rng.Rng,
): boolean => {
  const seconds = Math.floor(now / SECOND)
  const family = familyOf(peer)
  const isLocal = IpBytes.isLocal(peer)
  const key = toLatin1(infoHash)
  const known = store.torrents.get(key)
  const table = known?.[family]
  if (table !== undefined) {
    const row = PeerTable.find(table, peer)
    if (row >= 0) {
      PeerTable.touch(table, row, isSeed, seconds)
      return true
    }
    if (!isLocal) {
      const { count, oldest } = PeerTable.ofAddress(table, peer)
      if (count >= MAX_PORTS_PER_ADDRESS) removeRow(store, known!, table, oldest)
    }
  }
  if (!isLocal && (store.byAddress.get(addressKey(peer)) ?? 0) >= MAX_PEERS_PER_ADDRESS) return false
  if (table !== undefined && table.count >= MAX_PEERS_PER_TORRENT) {
    removeRow(store, known!, table, Rng.below(rng, table.count))
  } else if (store.peers >= MAX_PEERS) removeAny(store, rng)

  // What had to go may have been all that the torrent had.
  const torrent = store.torrents.get(key) ?? addTorrent(store, key, infoHash, rng)
  const place = torrent[family] ?? (torrent[family] = PeerTable.make(family))
  if (store.peers === 0) store.oldestSeconds = seconds
  PeerTable.add(place, peer, isSeed, seconds)
  store.peers++
  changeCount(store, peer, 1)
  return true
}

/**
 * Up to `count` peers of a torrent, compact, each choice and order equally likely; `undefined` where none of the family was
 * ever announced. `withoutSeeds` leaves seeds out (BEP 33, `noseed`).
 */
export const sample = (
  store: PeerStore,
  infoHash: Bytes,
  count: number,
  rng: Rng.Rng,
  family: Family,
  withoutSeeds = false,
): Array<Bytes> | undefined => {
  const table = tableOf(store, infoHash, family)
  return table && PeerTable.draw(table, count, withoutSeeds, rng)
}

/** Who is in a swarm, as this node knows it (BEP 33): each filter has 256 bytes. `undefined` if nobody is. */
export const filters = (
  store: PeerStore,
  infoHash: Bytes,
  family: Family,
): { readonly seeds: Bytes; readonly peers: Bytes } | undefined => {
  const table = tableOf(store, infoHash, family)
  if (table === undefined) return undefined
  const seeds = Filters.make()
  const peers = Filters.make()
  PeerTable.addToFilters(table, seeds, peers)
  return { seeds, peers }
}

/** Torrents with a peer. */
export const torrentCount = (store: PeerStore): number => store.list.length

/** The info-hash of the torrent at a position below {@link torrentCount}: 20 bytes. */
export const infoHashAt = (store: PeerStore, position: number): Bytes => store.list[position]!.infoHash

/** When {@link expire} would next look for peers that are due; NEVER while there is nobody. */
export const nextExpiry = (store: PeerStore): Millis =>
  store.peers === 0
    ? NEVER
    : Math.max((store.oldestSeconds + LIFETIME_SECONDS) * SECOND, store.sweptAt + MIN_SWEEP_INTERVAL_MS)

/** Forgets the peers that weren't announced for half an hour. Before {@link nextExpiry} it does nothing. */
export const expire = (store: PeerStore, now: Millis): void => {
  if (now < nextExpiry(store)) return
  store.sweptAt = now
  const last = Math.floor(now / SECOND) - LIFETIME_SECONDS
  let oldest = Infinity
  // Backwards, since what takes the place of a removed one was looked at before.
  for (let position = store.list.length - 1; position >= 0; position--) {
    const torrent = store.list[position]!
    for (const table of [torrent.ipv4, torrent.ipv6]) {
      if (table === undefined) continue
      for (let row = table.count - 1; row >= 0; row--) {
        const seen = PeerTable.seenAt(table, row)
        if (seen <= last) removeRow(store, torrent, table, row)
        else if (seen < oldest) oldest = seen
      }
    }
  }
  if (store.peers > 0) store.oldestSeconds = oldest
}

const tableOf = (store: PeerStore, infoHash: Bytes, family: Family): PeerTable.PeerTable | undefined =>
  store.torrents.get(toLatin1(infoHash))?.[family]

const addTorrent = (store: PeerStore, key: string, infoHash: Bytes, rng: Rng.Rng): Torrent => {
  if (store.list.length >= MAX_TORRENTS) removeTorrent(store, rng)
  const position = store.list.length
  const torrent: Torrent = { key, infoHash: infoHash.slice(), position, ipv4: undefined, ipv6: undefined }
  store.torrents.set(key, torrent)
  store.list.push(torrent)
  return torrent
}

/** Removes a peer, with its table and its torrent if it was the last one there. */
const removeRow = (store: PeerStore, torrent: Torrent, table: PeerTable.PeerTable, row: number): void => {
  changeCount(store, PeerTable.peerAt(table, row), -1)
  PeerTable.remove(table, row)
  store.peers--
  if (table.count > 0) return
  torrent[table.family] = undefined
  if (torrent.ipv4 !== undefined || torrent.ipv6 !== undefined) return
  store.torrents.delete(torrent.key)
  const last = store.list.pop()!
  if (last === torrent) return
  store.list[torrent.position] = last
  last.position = torrent.position
}

/** Removes any peer of a torrent that chance chooses. */
const removeAny = (store: PeerStore, rng: Rng.Rng): void => {
  const torrent = store.list[Rng.below(rng, store.list.length)]!
  const row = Rng.below(rng, sizeOf(torrent))
  const first = torrent.ipv4?.count ?? 0
  if (row < first) removeRow(store, torrent, torrent.ipv4!, row)
  else removeRow(store, torrent, torrent.ipv6!, row - first)
}

/** Removes a torrent: the smallest of some, so that made up ones go before those that many announce. */
const removeTorrent = (store: PeerStore, rng: Rng.Rng): void => {
  let torrent = store.list[Rng.below(rng, store.list.length)]!
  for (let i = 1; i < TORRENT_DRAWS; i++) {
    const other = store.list[Rng.below(rng, store.list.length)]!
    if (sizeOf(other) < sizeOf(torrent)) torrent = other
  }
  for (const table of [torrent.ipv4, torrent.ipv6]) {
    while (table !== undefined && table.count > 0) removeRow(store, torrent, table, table.count - 1)
  }
}

const sizeOf = ({ ipv4, ipv6 }: Torrent): number => (ipv4?.count ?? 0) + (ipv6?.count ?? 0)

/** An IPv6 customer has a whole /64 or more: its addresses are one. */
const addressKey = (peer: Bytes): number | string =>
  peer.length === 6
    ? (peer[0]! << 24) | (peer[1]! << 16) | (peer[2]! << 8) | peer[3]!
    : toLatin1(peer.subarray(0, 8))

const changeCount = (store: PeerStore, peer: Bytes, by: number): void => {
  const key = addressKey(peer)
  const count = (store.byAddress.get(key) ?? 0) + by
  if (count > 0) store.byAddress.set(key, count)
  else store.byAddress.delete(key)
}
