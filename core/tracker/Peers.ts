/**
 * What a tracker keeps of each peer besides its address, and the order in which peers were heard of: since all are kept
 * equally long, the one heard of longest ago is always the next to go, and nobody else is looked at.
 */
import * as Arena from "../base/Arena.ts"
import { NONE, type Ref } from "../base/Arena.ts"
import { assert } from "../base/Assert.ts"
import type { Bytes } from "../base/Bytes.ts"

export const PEER_ID_BYTES = 20

/** Mutable, one owner. */
export interface Peers {
  readonly rows: Arena.Arena
  /** The ends of the list by time. */
  oldest: Ref
  newest: Ref
}

const SWARM = 0
const POSITION = 1
const SEEN = 2
const OLDER = 3
const NEWER = 4
const FLAGS = 5
const PEER_ID = 6
const WORDS = PEER_ID + PEER_ID_BYTES / 4

export const make = (): Peers => ({ rows: Arena.make(WORDS), oldest: NONE, newest: NONE })

export const size = (peers: Peers): number => peers.rows.size

/** A new peer of a swarm, heard of at `tick`, which is no earlier than any other's. Its position is for the swarm to say. */
export const add = (peers: Peers, swarm: Ref, peerId: Bytes, tick: number): Ref => {
  const peer = Arena.allocate(peers.rows)
  Arena.set(peers.rows, peer, SWARM, swarm)
  Arena.set(peers.rows, peer, FLAGS, 0)
  setPeerId(peers, peer, peerId)
  append(peers, peer, tick)
  return peer
}

export const remove = (peers: Peers, peer: Ref): void => {
  unlink(peers, peer)
  Arena.release(peers.rows, peer)
}

export const swarm = (peers: Peers, peer: Ref): Ref => Arena.get(peers.rows, peer, SWARM)

/** Where the peer stands among the members of its swarm. */
export const position = (peers: Peers, peer: Ref): number => Arena.get(peers.rows, peer, POSITION)
export const setPosition = (peers: Peers, peer: Ref, value: number): void =>
  Arena.set(peers.rows, peer, POSITION, value)

const COUNTED = 1
const STAYED = 2

const has = (peers: Peers, peer: Ref, flag: number): boolean =>
  (Arena.get(peers.rows, peer, FLAGS) & flag) !== 0
const mark = (peers: Peers, peer: Ref, flag: number): void =>
  Arena.set(peers.rows, peer, FLAGS, Arena.get(peers.rows, peer, FLAGS) | flag)

/** Whether the peer's download has been counted. */
export const isCounted = (peers: Peers, peer: Ref): boolean => has(peers, peer, COUNTED)
export const setCounted = (peers: Peers, peer: Ref): void => mark(peers, peer, COUNTED)

/** Whether the peer has come back after an interval, as those do that are really there. */
export const hasStayed = (peers: Peers, peer: Ref): boolean => has(peers, peer, STAYED)
export const setStayed = (peers: Peers, peer: Ref): void => mark(peers, peer, STAYED)

export const setPeerId = (peers: Peers, peer: Ref, peerId: Bytes): void =>
  Arena.setBytes(peers.rows, peer, PEER_ID, peerId)

/** Writes the 20 bytes of a peer's id to `out` at `at`. */
export const copyPeerId = (peers: Peers, peer: Ref, out: Bytes, at: number): void =>
  Arena.copyBytes(peers.rows, peer, PEER_ID, PEER_ID_BYTES, out, at)

/** The tick at which the peer was last heard of. */
export const seen = (peers: Peers, peer: Ref): number => Arena.get(peers.rows, peer, SEEN)

/** The peer heard of last before this one; NONE before the oldest. */
export const older = (peers: Peers, peer: Ref): Ref => Arena.get(peers.rows, peer, OLDER)

/** Notes that a peer was heard of, no earlier than any other. */
export const touch = (peers: Peers, peer: Ref, tick: number): void => {
  if (peers.newest !== peer) {
    unlink(peers, peer)
    append(peers, peer, tick)
  } else Arena.set(peers.rows, peer, SEEN, tick)
}

/** Moves a peer to the old end of the list: it was heard of at `tick`, no later than any other. */
export const makeOldest = (peers: Peers, peer: Ref, tick: number): void => {
  unlink(peers, peer)
  const { oldest, rows } = peers
  assert(oldest === NONE || tick <= seen(peers, oldest), "the list of peers is in the order of time")
  Arena.set(rows, peer, SEEN, tick)
  Arena.set(rows, peer, OLDER, NONE)
  Arena.set(rows, peer, NEWER, oldest)
  if (oldest === NONE) peers.newest = peer
  else Arena.set(rows, oldest, OLDER, peer)
  peers.oldest = peer
}

const append = (peers: Peers, peer: Ref, tick: number): void => {
  const { newest, rows } = peers
  Arena.set(rows, peer, SEEN, tick)
  Arena.set(rows, peer, OLDER, newest)
  Arena.set(rows, peer, NEWER, NONE)
  if (newest === NONE) peers.oldest = peer
  else Arena.set(rows, newest, NEWER, peer)
  peers.newest = peer
}

const unlink = (peers: Peers, peer: Ref): void => {
  const { rows } = peers
  const before = Arena.get(rows, peer, OLDER)
  const after = Arena.get(rows, peer, NEWER)
  if (before === NONE) peers.oldest = after
  else Arena.set(rows, before, NEWER, after)
  if (after === NONE) peers.newest = before
  else Arena.set(rows, after, OLDER, before)
}
