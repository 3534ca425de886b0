/**
 * The walk towards a target (BEP 5; Kademlia): ask the nearest nodes that we know for nodes that are nearer, until the
 * nearest eight of all that were heard of have answered. This file knows whom to ask next and when that is over; what is
 * asked, and what else the answers bring, differs by the kind of lookup and is in `Goal.ts`.
 *
 * ```
 *   nearest ▲  ? fresh        next to be asked
 *           │  … asked        at most 3 at a time among those that matter
 *           │  ~ late         no answer for 1.5 s: doesn't count any more, so another is asked as well
 *           │  ✓ answered     the 8th of these ends the list that matters
 *   farthest▼  ✗ failed       no answer for 10 s, or an error
 * ```
 * What is aggressive about it, as in libtorrent: a question to a node that was pushed out of the part that matters, by
 * nearer ones, counts no more either. So a lookup that gets near quickly has up to {@link MAX_IN_FLIGHT} questions open.
 *
 * A misfit, whose id doesn't fit its address (BEP 42), may be an old client, or one of a few machines that each say to be
 * next to whatever is looked for. Of the eight that end a lookup at most half are misfits as long as there are others.
 */
import { assert } from "../base/Assert.ts"
import type { Bytes } from "../base/Bytes.ts"
import * as IpBytes from "../base/IpBytes.ts"
import * as Bucket from "./Bucket.ts"
import * as Compact from "./Compact.ts"
import * as NodeId from "./NodeId.ts"
import { NETWORK_BYTES } from "./RoutingTable.ts"

/** Nodes that have to answer, and that an announce goes to. */
export const K = Bucket.K

/** Questions open at a time to nodes that matter (Kademlia: alpha = 3). */
export const ALPHA = 3

/** Questions open in all. */
export const MAX_IN_FLIGHT = 8

/** Misfits among the {@link K} that end a lookup, and that an announce goes to, where others are to be had. */
export const MAX_MISFITS = K / 2

/** Nodes that are remembered: of those that were heard of the nearest. */
export const MAX_CANDIDATES = 100

/** Nodes that one answer may bring: eight are usual, twice as many harmless. */
export const MAX_TAKEN = 16

/** Nodes of one network, a /24 or a /64, in one lookup: so many lies cost an attacker so many networks. */
export const MAX_OF_NETWORK = 2

/** A node that may be asked. */
export interface Candidate {
  /** Unknown for an address that somebody gave us; those are asked last. */
  id: NodeId.NodeId | undefined
  /** 6 or 18 bytes. */
  readonly endpoint: Bytes
  /** Whether the id is one that the address may have (BEP 42). */
  fits: boolean
  /** Questions one after the other until it was heard of, 1 for those that we knew. */
  readonly hops: number
  state: "fresh" | "asked" | "late" | "answered" | "failed"
  /** What it gave us, for an announce or a put. */
  token: Bytes | undefined
}

/** Mutable, one owner. */
export interface Lookup {
  readonly target: NodeId.NodeId
  readonly family: Compact.Family
  /** Nearest first; those without an id last. */
  readonly candidates: Array<Candidate>
  inFlight: number
  queries: number
  responses: number
}

export const make = (target: NodeId.NodeId, family: Compact.Family): Lookup => ({
  target,
  family,
  candidates: [],
  inFlight: 0,
  queries: 0,
  responses: 0,
})

/** Adds a node, unless it is known, one too many of its network, or too far away. */
export const add = (
  lookup: Lookup,
  id: NodeId.NodeId | undefined,
  endpoint: Bytes,
  hops: number,
): void => {
  if (endpoint.length !== Compact.peerBytes(lookup.family)) return
  const { candidates } = lookup
  const at = placeOf(lookup, id)
  if (at >= MAX_CANDIDATES || !isWelcome(lookup, endpoint)) return
  const fits = id !== undefined && NodeId.isValidAt(id, endpoint)
  candidates.splice(at, 0, { id, endpoint, fits, hops, state: "fresh", token: undefined })
  if (candidates.length > MAX_CANDIDATES) dropFarthest(candidates)
}

/** The next node to be asked, which is then asked; `undefined` where it is time to wait, or done. */
export const next = (lookup: Lookup): Candidate | undefined => {
  if (lookup.inFlight >= MAX_IN_FLIGHT) return undefined
  let answered = 0
  let misfits = 0
  let asked = 0
  for (const candidate of lookup.candidates) {
    const { fits, state } = candidate
    if (state === "answered" && (fits || ++misfits <= MAX_MISFITS) && ++answered === K) return undefined
    if (state === "asked" && ++asked === ALPHA) return undefined
    if (state !== "fresh" || isOneTooMany(candidate, misfits)) continue
    candidate.state = "asked"
    lookup.inFlight++
    lookup.queries++
    return candidate
  }
  return undefined
}

/** Whether so many misfits have answered that one more, farther away, isn't asked: where all are misfits, that is the end. */
const isOneTooMany = ({ fits, id }: Candidate, misfits: number): boolean =>
  !fits && id !== undefined && misfits >= K

/** A node could not be asked now after all. */
export const putBack = (lookup: Lookup, candidate: Candidate): void => {
  candidate.state = "fresh"
  lookup.inFlight--
  lookup.queries--
}

/** A question has been open for long: another node may be asked meanwhile. */
export const late = (candidate: Candidate): void => {
  if (candidate.state === "asked") candidate.state = "late"
}

/** A node left a question unanswered, or what it said was no use. */
export const failed = (lookup: Lookup, candidate: Candidate): void => {
  if (candidate.state !== "asked" && candidate.state !== "late") return
  candidate.state = "failed"
  lookup.inFlight--
}

/**
 * A node answered under this id, and has its place by it; false where that is not the id that it was known by: it has
 * changed it, or whoever passed it on has lied. Either way it counts only for as near as it says itself.
 */
export const answered = (
  lookup: Lookup,
  candidate: Candidate,
  id: NodeId.NodeId,
  token: Bytes | undefined,
): boolean => {
  if (candidate.state !== "asked" && candidate.state !== "late") return true
  lookup.inFlight--
  lookup.responses++
  const isTrue = candidate.id !== undefined && NodeId.commonBits(candidate.id, id) === NodeId.BITS
  candidate.state = "answered"
  candidate.token = token
  if (isTrue) return true
  const { candidates } = lookup
  const known = candidate.id
  const from = candidates.indexOf(candidate)
  if (from >= 0) candidates.splice(from, 1)
  candidate.id = id
  candidate.fits = NodeId.isValidAt(id, candidate.endpoint)
  candidates.splice(placeOf(lookup, id), 0, candidate)
  return known === undefined
}

/**
 * Whether the nearest {@link K} have answered, or all that there are. A late node doesn't hold up the end where K others
 * have answered: most of those that are late are gone.
 */
export const isDone = (lookup: Lookup): boolean => {
  let answered = 0
  let fitting = 0
  let misfits = 0
  let isLate = false
  for (const candidate of lookup.candidates) {
    const { fits, state } = candidate
    if (state === "answered") {
      answered++
      if (fits) fitting++
      else misfits++
      if (fitting + Math.min(misfits, MAX_MISFITS) === K) return true
    }
    if (state === "asked" || (state === "fresh" && !isOneTooMany(candidate, misfits))) return false
    if (state === "late") isLate = true
  }
  return !isLate || answered >= K
}

/** Up to {@link K} nodes that answered, nearest first. */
export const nearest = ({ candidates }: Lookup): Array<Candidate & { readonly id: NodeId.NodeId }> => {
  const found: Array<Candidate & { readonly id: NodeId.NodeId }> = []
  let fitting = 0
  for (const { fits, state } of candidates) if (fits && state === "answered") fitting++
  let room = Math.max(MAX_MISFITS, K - fitting)
  for (const candidate of candidates) {
    if (candidate.state !== "answered" || (!candidate.fits && --room < 0)) continue
    assert(candidate.id !== undefined, "who answered has an id")
    found.push(candidate as Candidate & { readonly id: NodeId.NodeId })
    if (found.length === K) break
  }
  return found
}

/** Takes the nodes of an answer: compact, 26 or 38 bytes each. Who is on the internet can't know who is on our network. */
export const take = (lookup: Lookup, from: Candidate, nodes: Bytes, own: NodeId.NodeId): void => {
  const { family } = lookup
  const fromLocal = IpBytes.isLocal(from.endpoint)
  const size = Compact.nodeBytes(family)
  const count = Math.min(MAX_TAKEN, Compact.count(nodes, family))
  for (let i = 0; i < count; i++) {
    const id = Compact.idAt(nodes, i, family)
    const endpoint = nodes.subarray(i * size + NodeId.BYTES, (i + 1) * size)
    if (!fromLocal && IpBytes.isLocal(endpoint)) continue
    if (NodeId.commonBits(id, own) === NodeId.BITS) continue
    // Copies: the packet's buffer is not ours.
    add(lookup, id.slice(), endpoint.slice(), from.hops + 1)
  }
}

/** Where an id belongs among the candidates. */
const placeOf = ({ candidates, target }: Lookup, id: NodeId.NodeId | undefined): number => {
  if (id === undefined) return candidates.length
  let low = 0
  let high = candidates.length
  while (low < high) {
    const middle = (low + high) >> 1
    const other = candidates[middle]!.id
    if (other === undefined || NodeId.compare(target, id, other) < 0) high = middle
    else low = middle + 1
  }
  return low
}

/** One node an address, and few a network; on a local network as many as there are. */
const isWelcome = ({ candidates, family }: Lookup, endpoint: Bytes): boolean => {
  const isLocal = IpBytes.isLocal(endpoint)
  const length = isLocal ? endpoint.length : endpoint.length - 2
  let ofNetwork = 0
  for (const other of candidates) {
    if (Bucket.isSame(other.endpoint, 0, endpoint, 0, length)) return false
    if (isLocal || !Bucket.isSame(other.endpoint, 0, endpoint, 0, NETWORK_BYTES[family])) continue
    if (++ofNetwork === MAX_OF_NETWORK) return false
  }
  return true
}

/** Makes room; whoever is being asked stays, for its answer will come. */
const dropFarthest = (candidates: Array<Candidate>): void => {
  for (let i = candidates.length - 1; i >= 0; i--) {
    const { state } = candidates[i]!
    if (state === "asked" || state === "late") continue
    candidates.splice(i, 1)
    return
  }
}
