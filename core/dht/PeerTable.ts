/**
 * The announced peers of one torrent and family, as rows of 32-bit words: a node may hold tens of thousands, and one with
 * a single peer should cost next to nothing.
 *
 * ```
 *   IPv4   address │ port, seed │ when heard of, in seconds │ bits of the filter
 *   IPv6   address ··· ··· ···  │ port, seed │ when         │ bits
 * ```
 * The bits (BEP 33) are kept because they cost a SHA-1 each, and a scrape wants those of all peers at once.
 */
import type { Bytes } from "../base/Bytes.ts"
import * as Rng from "../base/Rng.ts"
import type { Family } from "./Compact.ts"
import * as Filters from "./Filters.ts"
import { MAX_PEERS_PER_TORRENT } from "./Limits.ts"

/** Mutable, one owner. Rows stand in no order. */
export interface PeerTable {
  readonly family: Family
  /** Room for as many again as there are, at most. */
  rows: Int32Array
  count: number
}

/** Words of an address, and where the others stand behind it. */
const addressWords = (family: Family): number => family === "ipv4" ? 1 : 4
const PORT = 0
const SEEN = 1
const BITS = 2
const OTHER_WORDS = 3

const SEED = 1 << 16

const MIN_ROWS = 2

const words = (table: PeerTable): number => addressWords(table.family) + OTHER_WORDS

/** A table of nobody. */
export const make = (family: Family): PeerTable => ({
  family,
  rows: new Int32Array(MIN_ROWS * (addressWords(family) + OTHER_WORDS)),
  count: 0,
})

/** The row of a compact peer; -1 if it isn't there. */
export const find = (table: PeerTable, peer: Bytes): number => {
  const { count, rows } = table
  const size = words(table)
  const portAt = addressWords(table.family) + PORT
  const port = portOf(peer)
  // Few rows get past their first word.
  const first = word(peer, 0)
  for (let row = 0, at = 0; row < count; row++, at += size) {
    if (rows[at] === first && (rows[at + portAt]! & 0xffff) === port && isAt(table, at, peer)) return row
  }
  return -1
}

/** Rows with the address of a compact peer, whatever their ports, and the one of them that was heard of longest ago. */
export const ofAddress = (
  table: PeerTable,
  peer: Bytes,
): { readonly count: number; readonly oldest: number } => {
  const { rows } = table
  const size = words(table)
  const seenAt = addressWords(table.family) + SEEN
  const first = word(peer, 0)
  const total = table.count
  let count = 0
  let oldest = -1
  for (let row = 0, at = 0; row < total; row++, at += size) {
    if (rows[at] !== first || !isAt(table, at, peer)) continue
    count++
    if (oldest < 0 || rows[at + seenAt]! < rows[oldest * size + seenAt]!) oldest = row
  }
  return { count, oldest }
}

/** Notes that the peer of a row was heard of. */
export const touch = (table: PeerTable, row: number, isSeed: boolean, seconds: number): void => {
  const at = row * words(table) + addressWords(table.family)
  table.rows[at + PORT] = (table.rows[at + PORT]! & 0xffff) | (isSeed ? SEED : 0)
  table.rows[at + SEEN] = seconds
}

/** Adds a compact peer that {@link find} doesn't find. */
export const add = (table: PeerTable, peer: Bytes, isSeed: boolean, seconds: number): void => {
  const size = words(table)
  if (table.count * size === table.rows.length) resize(table, 2 * table.count)
  const { rows } = table
  let at = table.count++ * size
  const ipBytes = peer.length - 2
  for (let i = 0; i < ipBytes; i += 4) rows[at++] = word(peer, i)
  rows[at + PORT] = portOf(peer) | (isSeed ? SEED : 0)
  rows[at + SEEN] = seconds
  rows[at + BITS] = Filters.bitsOf(peer.subarray(0, ipBytes))
}

/** Removes a row; the last one takes its number. */
export const remove = (table: PeerTable, row: number): void => {
  const size = words(table)
  const last = --table.count
  if (row !== last) table.rows.copyWithin(row * size, last * size, (last + 1) * size)
  // A quarter full: the next change of size is as many peers away as there are.
  if (last * size * 4 <= table.rows.length && last >= MIN_ROWS) resize(table, last * 2)
}

/** The compact peer of a row. */
export const peerAt = (table: PeerTable, row: number): Bytes => {
  const ipWords = addressWords(table.family)
  const peer = new Uint8Array(ipWords * 4 + 2)
  let at = row * words(table)
  for (let i = 0; i < ipWords; i++, at++) {
    const value = table.rows[at]!
    peer[i * 4] = value >>> 24
    peer[i * 4 + 1] = value >>> 16
    peer[i * 4 + 2] = value >>> 8
    peer[i * 4 + 3] = value
  }
  const port = table.rows[at + PORT]!
  peer[peer.length - 2] = port >> 8
  peer[peer.length - 1] = port
  return peer
}

export const isSeed = (table: PeerTable, row: number): boolean =>
  (table.rows[row * words(table) + addressWords(table.family) + PORT]! & SEED) !== 0

/** When the peer of a row was heard of, in seconds. */
export const seenAt = (table: PeerTable, row: number): number =>
  table.rows[row * words(table) + addressWords(table.family) + SEEN]!

/** Adds every peer to the filter of seeds or that of the others (BEP 33). */
export const addToFilters = (table: PeerTable, seeds: Bytes, peers: Bytes): void => {
  const size = words(table)
  let at = addressWords(table.family)
  for (let row = 0; row < table.count; row++, at += size) {
    Filters.set((table.rows[at + PORT]! & SEED) !== 0 ? seeds : peers, table.rows[at + BITS]!)
  }
}

/** The rows that {@link draw} chooses from; they mean nothing between two calls. */
const candidates = new Int32Array(MAX_PEERS_PER_TORRENT)

/** Up to `count` compact peers, every choice in every order equally likely; only those that are no seeds, if so wanted. */
export const draw = (
  table: PeerTable,
  count: number,
  withoutSeeds: boolean,
  rng: Rng.Rng,
): Array<Bytes> => {
  let total = 0
  for (let row = 0; row < table.count; row++) {
    if (!withoutSeeds || !isSeed(table, row)) candidates[total++] = row
  }
  const drawn: Array<Bytes> = []
  for (let i = 0; i < total && i < count; i++) {
    const other = i + Rng.below(rng, total - i)
    drawn.push(peerAt(table, candidates[other]!))
    candidates[other] = candidates[i]!
  }
  return drawn
}

const resize = (table: PeerTable, rows: number): void => {
  const next = new Int32Array(rows * words(table))
  next.set(table.rows.subarray(0, table.count * words(table)))
  table.rows = next
}

/** Whether the row at `at`, whose first word is that of the address, has the rest of it too. */
const isAt = (table: PeerTable, at: number, peer: Bytes): boolean => {
  const ipWords = addressWords(table.family)
  for (let i = 1; i < ipWords; i++) if (table.rows[at + i] !== word(peer, i * 4)) return false
  return true
}

const portOf = (peer: Bytes): number => (peer[peer.length - 2]! << 8) | peer[peer.length - 1]!

const word = (bytes: Bytes, at: number): number =>
  (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
