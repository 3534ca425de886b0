/**
 * What lookups are for. All walk in the same way (`Lookup.ts`); here is how they differ: what is asked on the way, what
 * an answer brings besides nodes, and what is stored with the nearest at the end.
 *
 * | goal                 | asks                | an answer brings       | at the end, with the nearest |
 * | -------------------- | ------------------- | ---------------------- | ---------------------------- |
 * | FindNode, Neighbours | `find_node`         |                        |                              |
 * | GetPeers             | `get_peers`         | peers, filters         | `announce_peer`              |
 * | GetItem              | `get`               | an item, to be checked |                              |
 * | PutItem              | `get`, for tokens   |                        | `put`                        |
 * | Sample               | `sample_infohashes` | info-hashes            |                              |
 */
import * as Address from "../base/Address.ts"
import { type Bytes, empty, equals } from "../base/Bytes.ts"
import * as IpBytes from "../base/IpBytes.ts"
import type { Command } from "./Command.ts"
import * as Compact from "./Compact.ts"
import * as Filters from "./Filters.ts"
import type { Announce, MutablePut, RequestId } from "./Input.ts"
import * as Items from "./Items.ts"
import type * as Krpc from "./Krpc.ts"
import * as KrpcMessage from "./KrpcMessage.ts"
import { MAX_SALT_BYTES, MAX_VALUE_BYTES } from "./Limits.ts"
import type * as Lookup from "./Lookup.ts"
import * as NodeId from "./NodeId.ts"
import { emit, type Machine, MAX_VERIFICATIONS } from "./State.ts"

/** Peers that are told for one request. */
export const MAX_PEERS_TOLD = 2_000

/** Peers that one answer may bring. */
export const MAX_PEERS_TAKEN = 200

/** Signatures that are checked for one request: who sends bad ones gains little. */
export const MAX_CHECKS = 16

export type Goal =
  | { readonly _tag: "FindNode" }
  /** Nodes near our own id, or of a bucket that had no news: for our table alone. */
  | { readonly _tag: "Neighbours"; readonly isBootstrap: boolean }
  | {
    readonly _tag: "GetPeers"
    readonly infoHash: Bytes
    readonly announce: Announce | undefined
    /** Who was told already. */
    readonly told: Set<string>
    /** The filters of all that sent any (BEP 33); without them none are asked for. */
    readonly scrape: { readonly seeds: Bytes; readonly peers: Bytes; count: number } | undefined
  }
  | {
    readonly _tag: "GetItem"
    readonly publicKey: Bytes | undefined
    readonly salt: Bytes
    /** Only what has a higher number is news. */
    seq: bigint | undefined
    /** Checks that were begun, and those that are not done. */
    checks: number
    checking: number
    isFound: boolean
  }
  | {
    readonly _tag: "PutItem"
    readonly value: Bytes
    readonly mutable: MutablePut | undefined
    refusal: { readonly code: number; readonly message: string } | undefined
  }
  | { readonly _tag: "Sample" }

/** One lookup in one of the two DHTs. */
export interface Walk {
  readonly lookup: Lookup.Lookup
  phase: "walking" | "storing" | "done"
  /** Announces or puts that are not answered yet. */
  storing: number
}

/** What was asked for, in all DHTs that we take part in. */
export interface Task {
  /** `undefined`: nobody asked, it is for ourselves. */
  readonly request: RequestId | undefined
  readonly goal: Goal
  readonly target: NodeId.NodeId
  /** None while it waits for its turn. */
  readonly walks: Array<Walk>
  /** Nodes that took what was to be stored. */
  stored: number
}

/** Whether a value may be put at all: the nodes would refuse it (BEP 44), so it is not for us to send it. */
export const isPuttable = (value: Bytes, mutable: MutablePut | undefined): boolean =>
  value.length > 0 && value.length <= MAX_VALUE_BYTES && (mutable?.salt?.length ?? 0) <= MAX_SALT_BYTES

/** What is asked on the way. */
export const question = (task: Task, want: KrpcMessage.Want | undefined): Krpc.Request => {
  const { goal, target } = task
  const wanted = want === undefined ? {} : { want }
  switch (goal._tag) {
    case "FindNode":
    case "Neighbours":
      return { _tag: "FindNode", target, ...wanted }
    case "GetPeers":
      return {
        _tag: "GetPeers",
        infoHash: goal.infoHash,
        isScrape: goal.scrape !== undefined,
        // Seeds have nothing for each other.
        withoutSeeds: goal.announce?.isSeed === true,
        ...wanted,
      }
    case "GetItem":
      return { _tag: "Get", target, ...(goal.seq !== undefined && { seq: goal.seq }), ...wanted }
    case "PutItem":
      return { _tag: "Get", target, ...wanted }
    case "Sample":
      return { _tag: "SampleInfohashes", target, ...wanted }
  }
}

/** What is stored with a node that gave us a token; `undefined` where nothing is. */
export const deposit = ({ goal }: Task, token: Bytes): Krpc.Request | undefined => {
  if (goal._tag === "GetPeers" && goal.announce !== undefined) {
    const { impliedPort, isSeed, port } = goal.announce
    return {
      _tag: "AnnouncePeer",
      infoHash: goal.infoHash,
      port,
      isPortImplied: impliedPort,
      token,
      isSeed,
    }
  }
  if (goal._tag !== "PutItem") return undefined
  const { mutable, value } = goal
  return {
    _tag: "Put",
    token,
    value,
    ...(mutable !== undefined && { mutable: { ...mutable, salt: mutable.salt ?? empty } }),
  }
}

/** Takes what an answer brings besides nodes. */
export const take = (
  machine: Machine,
  task: Task,
  response: KrpcMessage.Response,
  endpoint: Bytes,
  out: Array<Command>,
): void => {
  const { goal, request } = task
  if (request === undefined) return
  switch (goal._tag) {
    case "GetPeers":
      takePeers(goal, request, response, endpoint, out)
      return takeFilters(goal, response)
    case "GetItem":
      return takeItem(machine, task, goal, response, out)
    case "Sample": {
      const { intervalSeconds = 0, sampledFrom, samples } = response
      if (samples === undefined) return
      const list = Array.from(
        { length: samples.length / NodeId.BYTES },
        (_, i) => samples.slice(i * NodeId.BYTES, (i + 1) * NodeId.BYTES),
      )
      return emit(out, {
        _tag: "SampleFound",
        request,
        from: Compact.toAddress(endpoint),
        samples: list,
        total: Math.max(list.length, sampledFrom ?? 0),
        intervalSeconds,
      })
    }
    case "FindNode":
    case "Neighbours":
    case "PutItem":
  }
}

/** Tells what is to be told at the end, before the `LookupDone` that all requests end with. */
export const conclude = ({ goal, request, stored }: Task, out: Array<Command>): void => {
  if (request === undefined) return
  if (goal._tag === "PutItem") {
    const { refusal } = goal
    emit(out, { _tag: "PutDone", request, storedAt: stored, ...(refusal !== undefined && { refusal }) })
  }
  if (goal._tag === "GetPeers" && goal.scrape !== undefined && goal.scrape.count > 0) {
    const { count, peers, seeds } = goal.scrape
    emit(out, {
      _tag: "Scraped",
      request,
      infoHash: goal.infoHash,
      seeds: Math.round(Filters.estimate(seeds)),
      peers: Math.round(Filters.estimate(peers)),
      filters: count,
    })
  }
}

/** A signature was checked: if it is good, and nothing newer came in meanwhile, its value is news. */
export const verified = (
  task: Task,
  value: Bytes,
  signed: { readonly publicKey: Bytes; readonly signature: Bytes; readonly seq: bigint },
  isValid: boolean,
  out: Array<Command>,
): void => {
  const { goal, request, target } = task
  if (goal._tag !== "GetItem") return
  goal.checking--
  if (!isValid || request === undefined || (goal.seq !== undefined && signed.seq <= goal.seq)) return
  goal.seq = signed.seq
  emit(out, { _tag: "ItemFound", request, target, value, mutable: signed })
}

const takePeers = (
  { infoHash, told }: Extract<Goal, { readonly _tag: "GetPeers" }>,
  request: RequestId,
  { values = [] }: KrpcMessage.Response,
  endpoint: Bytes,
  out: Array<Command>,
): void => {
  const fromLocal = IpBytes.isLocal(endpoint)
  const peers: Array<Address.Address> = []
  for (const peer of values.slice(0, MAX_PEERS_TAKEN)) {
    // Nobody out there knows what is on our network: it would be us who knocks at our own doors.
    if (told.size >= MAX_PEERS_TOLD || (!fromLocal && IpBytes.isLocal(peer))) continue
    const address = Compact.toAddress(peer)
    const key = Address.format(address)
    if (told.has(key)) continue
    told.add(key)
    peers.push(address)
  }
  if (peers.length > 0) emit(out, { _tag: "PeersFound", request, infoHash, peers })
}

const takeFilters = (
  { scrape }: Extract<Goal, { readonly _tag: "GetPeers" }>,
  { peerFilter, seedFilter }: KrpcMessage.Response,
): void => {
  if (scrape === undefined || peerFilter === undefined || seedFilter === undefined) return
  Filters.join(scrape.peers, peerFilter)
  Filters.join(scrape.seeds, seedFilter)
  scrape.count++
}

const takeItem = (
  machine: Machine,
  task: Task,
  goal: Extract<Goal, { readonly _tag: "GetItem" }>,
  response: KrpcMessage.Response,
  out: Array<Command>,
): void => {
  const { request, target } = task
  const { publicKey, seq, signature, value } = response
  if (value === undefined || request === undefined || goal.isFound) return
  if (goal.publicKey === undefined && equals(Items.targetOfImmutable(value), target)) {
    goal.isFound = true
    return emit(out, { _tag: "ItemFound", request, target, value: value.slice() })
  }
  if (publicKey === undefined || signature === undefined || seq === undefined) return
  if (!equals(Items.targetOfMutable(publicKey, goal.salt), target)) return
  if (goal.publicKey !== undefined && !equals(goal.publicKey, publicKey)) return
  if (goal.seq !== undefined && seq <= goal.seq) return
  if (goal.checks >= MAX_CHECKS || machine.verifications.size >= MAX_VERIFICATIONS) return
  const signed = { publicKey: publicKey.slice(), signature: signature.slice(), seq }
  const kept = value.slice()
  // The same from several nodes is checked once.
  for (const other of machine.verifications.values()) {
    if (other._tag !== "Found" || other.task !== task || other.signed.seq !== seq) continue
    if (equals(other.value, kept) && equals(other.signed.signature, signature)) return
  }
  goal.checks++
  goal.checking++
  const verification = machine.nextVerification++
  machine.verifications.set(verification, { _tag: "Found", task, value: kept, signed })
  out.push({
    _tag: "Verify",
    verification,
    publicKey: signed.publicKey,
    signature: signed.signature,
    message: Items.signingInput(seq, goal.salt, kept),
  })
}
